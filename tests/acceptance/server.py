# SPDX-License-Identifier: Apache-2.0
"""`deepseek serve` while it runs, its store, and what it says of itself."""

import json
import pathlib
import subprocess
import time

import httpx
import psutil

NAME = "accepted"
PRICES = """currency: USD
zone: UTC
models:
  "*": [{from: 2020-01-01, hit: 1, miss: 2, output: 4}]
"""


class Store:
    """Keys and ledger of a folder, through the program's own verbs."""

    def __init__(self, program, folder):
        self.program, self.folder = program, pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prices = self.folder / "prices.yaml"
        self.prices.write_text(PRICES, encoding="utf-8")
        self.flags = ["--data-path", str(self.folder), "--prices", str(self.prices)]

    def ask(self, *words):
        return subprocess.run([self.program, *words, "--data-path", str(self.folder)], check=True,
                              capture_output=True, text=True).stdout

    def key(self, name, *flags):
        """The secret of a new key."""
        return json.loads(self.ask("key", "create", name, "--json", *flags))["secret"]

    def charges(self, key=None):
        rows = self.ask("ledger", "export", *(["--key", key] if key else [])).splitlines()
        return [row for row in map(json.loads, rows) if row["kind"] == "charge"]

    def wait_charges(self, count):
        """The charges once there are so many."""
        rows = wait_for(lambda: len(self.charges()) >= count and self.charges(), 120)
        assert len(rows) == count, rows
        return rows


class Server:
    """The program while it serves a model; `folder` gets its logs and its store."""

    def __init__(self, program, model, folder, *flags, secret=None):
        self.folder, self.secret = pathlib.Path(folder), secret
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [program, "serve", str(model), "--model-name", NAME, "--port", "0", "--json",
                   "--access-log", str(self.folder / "access.log"), *map(str, flags)]
        if "--data-path" not in command:
            command += ["--data-path", str(self.folder / "data")]
        with open(self.folder / "server.err", "ab") as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors,
                                            stdin=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command)} said nothing but\n{self.errors()}")
        self.url = json.loads(line)["urls"][0]
        wait_for(self.is_ready, 120)

    def errors(self):
        return (self.folder / "server.err").read_text(encoding="utf-8")

    def is_ready(self):
        assert self.process.poll() is None, self.errors()
        return httpx.get(self.url + "/ready", timeout=120).status_code == 200

    def headers(self):
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}

    def metrics(self):
        """Each series by its name and its labels but for the model's."""
        found = {}
        text = httpx.get(self.url + "/metrics", headers=self.headers(), timeout=120)
        assert text.status_code == 200, text.text
        for line in text.text.splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                for label in (f'{{model_name="{NAME}"}}', f'model_name="{NAME}",',
                              f',model_name="{NAME}"'):
                    name = name.replace(label, "")
                found[name] = float(value)
        return found

    def metric(self, name):
        return self.metrics()[name]

    def memory_bytes(self):
        return psutil.Process(self.process.pid).memory_info().rss

    def access(self):
        """The lines of the access log."""
        text = (self.folder / "access.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        self.process.stdout.close()


def wait_for(condition, seconds, pause=0.02):
    """The condition's first true value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s")
        time.sleep(pause)
