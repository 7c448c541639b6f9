#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs unmodified clients against `deepseek serve`.

    python3 -m venv venv && venv/bin/pip install -r tests/acceptance/requirements.txt
    venv/bin/python tests/acceptance/run.py --program build/release/deepseek

Starts the program with a tiny model that thinks, then with --model, where one is given, such as
`starter`. Every function test_… of the modules below is given the server's URL and the model's name.
"""

import argparse
import importlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

import tiny_model

MODULES = ["openai_chat", "openai_responses", "anthropic_messages", "ollama_api"]
NAME = "accepted"


class Server:
    """The program while it serves a model."""

    def __init__(self, program, model, folder):
        command = [program, "serve", str(model), "--model-name", NAME, "--port", "0", "--json",
                   "--data-path", str(folder / "data"), "--access-log", str(folder / "access.log")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(command)} said nothing")
        self.url = json.loads(line)["urls"][0]

    def wait_ready(self):
        for _ in range(1200):
            try:
                with urllib.request.urlopen(self.url + "/ready", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server was not ready after two minutes")

    def __enter__(self):
        self.wait_ready()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


def run_all(url, thinks, only):
    failed = 0
    for name in MODULES:
        module = importlib.import_module(name)
        for test in [getattr(module, one) for one in dir(module) if one.startswith("test_")]:
            label = f"{name}.{test.__name__}"
            if only and only not in label:
                continue
            if getattr(test, "needs_thinking", False) and not thinks:
                continue
            try:
                test(url, NAME)
                print(f"ok   {label}")
            except Exception:  # the next ones run all the same
                failed += 1
                print(f"FAIL {label}")
                traceback.print_exc(file=sys.stdout)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--model", help="a further model to run the same with")
    parser.add_argument("--only", default="", help="tests whose name holds this")
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tiny_model.write(folder / "model")
        with Server(options.program, folder / "model", folder) as server:
            failed += run_all(server.url, thinks=True, only=options.only)
        if options.model:
            with Server(options.program, options.model, folder) as server:
                failed += run_all(server.url, thinks=False, only=options.only)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
