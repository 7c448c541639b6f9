# SPDX-License-Identifier: Apache-2.0
"""schemathesis over /openapi.json, and one good request for each reply that it promises."""

import json
import os
import pathlib
import random
import re
import subprocess
import sys

import httpx
import openapi_document
import openapi_requests
import pytest
import schemathesis
import tiny_model
from openapi_spec_validator import OpenAPIV31SpecValidator
from server import Server, Store

HERE = pathlib.Path(__file__).parent
SCOPES = ["--scope", "chat", "--scope", "history", "--scope", "admin"]
CONTEXT = 256  # tokens: no answer is long


@pytest.fixture(scope="module")
def guarded(program, tmp_path_factory):
    """A server with a key for everything, whose model is greedy unless a request says otherwise."""
    folder = tmp_path_factory.mktemp("openapi")
    tiny_model.write(folder / "model", context=CONTEXT)
    (folder / "model/generation_config.json").write_text('{"temperature": 0}', encoding="utf-8")
    store = Store(program, folder / "data")
    secret = store.key("fuzz", *SCOPES)
    server = Server(program, folder / "model", folder, *store.flags, secret=secret)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def document(guarded):
    return httpx.get(guarded.url + "/openapi.json", timeout=10).json()


def test_the_document_is_openapi(document):
    OpenAPIV31SpecValidator(document).validate()
    for path, method, operation in openapi_document.operations(document):
        assert operation.get("summary"), f"{method} {path} has no summary"


def test_paths_of_one_handler_say_the_same(document):
    for path, method, operation in openapi_document.operations(document):
        other = openapi_document.canonical(document, path)
        twin = document["paths"][other][method]
        assert {**operation, "operationId": ""} == {**twin, "operationId": ""}, (path, other)


def test_every_reply_that_is_promised_is_given(guarded, document):
    closed = openapi_document.closed(document)
    schema = schemathesis.openapi.from_dict(closed)
    with httpx.Client(base_url=guarded.url, headers=guarded.headers(), timeout=60) as client:
        visit = openapi_requests.Visit(client, schema)
        openapi_requests.ask_everything(visit)
    assert sorted(openapi_document.promised(closed) - visit.seen) == []


def test_whatever_is_sent(guarded, document, tmp_path, figure):
    quick = "DEEPSEEK_QUICK" in os.environ
    (tmp_path / "openapi.json").write_text(
        json.dumps(openapi_document.closed(document, aliases=not quick)), encoding="utf-8")
    seed = 1 if quick else random.SystemRandom().randrange(2**32)
    how = ["--generation-deterministic", "--max-examples=8"] if quick else ["--max-examples=100"]
    ran = subprocess.run(
        [pathlib.Path(sys.executable).with_name("schemathesis"),
         "--config-file", HERE / "schemathesis.toml", "run", tmp_path / "openapi.json",
         "--url", guarded.url, "--header", f"Authorization: Bearer {guarded.secret}",
         f"--seed={seed}", *how, "--generation-database=none", "--no-color",
         "--continue-on-failure"],
        cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks",
                           "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"seed {seed}\n{ran.stdout}{ran.stderr}"
    requests = re.search(r"(\d+) generated", ran.stdout)
    figure(f"{requests.group(1) if requests else '?'} requests, seed {seed}")
