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
import openapi_narrow
import openapi_requests
import pytest
import schemathesis
import tiny_model
from openapi_spec_validator import OpenAPIV31SpecValidator
from server import Server, Store

HERE = pathlib.Path(__file__).parent
SCOPES = [word for scope in ("chat", "embeddings", "responses", "files", "batches", "history", "admin")
          for word in ("--scope", scope)]
CONTEXT = 768  # tokens: no answer is long


@pytest.fixture(scope="module")
def guarded(program, tmp_path_factory):
    """A server with a key for everything, whose model is greedy and soon at an end.

    Every second byte ends its answers, so that a request for 128 of them is answered in time.
    """
    folder = tmp_path_factory.mktemp("openapi")
    tiny_model.write(folder / "model", context=CONTEXT)
    (folder / "model/generation_config.json").write_text(
        json.dumps({"temperature": 0, "eos_token_id": [257, *range(128, 256)]}), encoding="utf-8")
    store = Store(program, folder / "data")
    secret = store.key("fuzz", *SCOPES)
    # Whatever name is sent is that of the model.
    server = Server(program, folder / "model", folder, *store.flags, "--model-alias", "*",
                    secret=secret)
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


@pytest.fixture
def fuzz(guarded, document, tmp_path, figure):
    """Runs schemathesis over a document made of the server's own; --quick: the same each time."""

    def run(change, how_quick, *flags):
        quick = "DEEPSEEK_QUICK" in os.environ
        (tmp_path / "openapi.json").write_text(json.dumps(change(
            openapi_document.closed(document, aliases=not quick))), encoding="utf-8")
        seed = random.SystemRandom().randrange(2**32)
        how = ["--generation-deterministic", *how_quick] if quick else [
            "--generation-database=none", "--max-examples=100", f"--seed={seed}"]
        ran = subprocess.run(
            [pathlib.Path(sys.executable).with_name("schemathesis"),
             "--config-file", HERE / "schemathesis.toml", "run", "openapi.json",
             "--url", guarded.url, "--header", f"Authorization: Bearer {guarded.secret}",
             "--no-color", "--continue-on-failure", *how, *flags],
            cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks",
                               "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True, text=True, check=False)
        note = "" if quick else f", seed {seed}"
        assert ran.returncode == 0, f"{' '.join(flags)}{note}\n{ran.stdout}{ran.stderr}"
        figure(re.search(r"(\d+) generated", ran.stdout).group(1) + " requests" + note)

    return run


def test_what_does_not_fit_is_refused(fuzz):
    fuzz(lambda document: document, ["--phases=coverage", "--exclude-path-regex=_tokens$"],
         "--exclude-checks=positive_data_acceptance")


def test_what_fits_is_answered(fuzz):
    fuzz(openapi_narrow.narrowed, ["--max-examples=12", "--phases=fuzzing"], "--mode=positive")
