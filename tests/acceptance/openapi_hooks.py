# SPDX-License-Identifier: Apache-2.0
"""What schemathesis is taught of this server; it loads the file by SCHEMATHESIS_HOOKS."""

import json

import schemathesis


@schemathesis.deserializer("application/x-ndjson")
def read_lines(_context, response):
    return [json.loads(line) for line in response.content.decode().splitlines()]


@schemathesis.check
def refusal_names_a_field(_context, response, case):
    """Whoever sends a body is told which part of it is refused."""
    if response.status_code not in (400, 422) or not isinstance(case.body, dict):
        return
    error = response.json()["error"]
    if isinstance(error, dict) and "code" in error:
        assert error["param"], f"the refusal has no param: {error}"
