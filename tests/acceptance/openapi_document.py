# SPDX-License-Identifier: Apache-2.0
"""What the tests of /openapi.json ask of the document itself."""

import copy

ALIASES = ("/v1", "/anthropic/v1", "/beta")


def operations(document):
    """(path, method, operation) of each."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def canonical(document, path):
    """The one path, of those that lead to the same handler, that is tried."""
    bare = path
    for prefix in ALIASES:
        bare = bare.removeprefix(prefix) if path.startswith(prefix + "/") else bare
    return "/v1" + bare if "/v1" + bare in document["paths"] else bare


def promised(document):
    """(path, method, status, media type) of each success."""
    return {(path, method, int(status), media)
            for path, method, operation in operations(document)
            if path == canonical(document, path)
            for status, answer in operation["responses"].items() if status.startswith("2")
            for media in answer["content"]}


def closed(document, aliases=True):
    """The document with objects of replies that allow no other names: what is not told is found.

    The server's own leaves them open, for clients of later versions. Without `aliases` only the
    canonical paths are left.
    """
    document = copy.deepcopy(document)
    if not aliases:
        document["paths"] = {path: methods for path, methods in document["paths"].items()
                             if path == canonical(document, path)}
    schemas, done = document["components"]["schemas"], set()

    def close(schema):
        if isinstance(schema, list):
            for one in schema:
                close(one)
        if not isinstance(schema, dict):
            return
        name = schema.get("$ref", "").removeprefix("#/components/schemas/")
        if name in schemas and name not in done:
            done.add(name)
            close(schemas[name])
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)

    for _, _, operation in operations(document):
        close([answer.get("content") for answer in operation["responses"].values()])
    close(document["components"]["responses"])
    return document
