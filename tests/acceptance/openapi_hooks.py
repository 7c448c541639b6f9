# SPDX-License-Identifier: Apache-2.0
"""What schemathesis is taught of this server; it loads the file by SCHEMATHESIS_HOOKS."""

import json
import re

import schemathesis

# Seconds within which all that it asks is answered.
ENOUGH = 60

# Refusals of what is no field of a body.
WHOLE = ("the path", "the query", "the body")


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Makes limits longer that would be over before the answer; whether they are held is tested elsewhere."""
    for name in ("x-queue-timeout", "x-first-token-timeout", "x-total-timeout"):
        value = str((case.headers or {}).get(name, ""))
        if re.fullmatch(r"\d+(\.\d+)?", value) and 0.001 <= float(value) < ENOUGH:
            case.headers[name] = str(ENOUGH)


@schemathesis.deserializer("application/x-ndjson")
def read_lines(_context, response):
    return [json.loads(line) for line in response.content.decode().splitlines()]


@schemathesis.check
def refusal_names_a_field(_context, response, case):
    """Whoever sends an object is told which part of it is refused."""
    if response.status_code not in (400, 422) or not isinstance(case.body, dict):
        return
    error = response.json()["error"]
    if isinstance(error, dict) and "param" in error and not error["message"].startswith(WHOLE):
        assert error["param"], f"the refusal has no param: {error}"
