# SPDX-License-Identifier: Apache-2.0
"""The program while it serves a model: started, watched and stopped."""

import dataclasses
import json
import pathlib
import re
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

NAME = "accepted"
READY_SECONDS = 120


class Server:
    """`deepseek serve` in a process of its own, its data and log in `folder`."""

    def __init__(self, program, model, folder, *flags):
        command = [program, "serve", str(model), "--model-name", NAME, "--port", "0", "--json",
                   "--access-log", str(folder / "access.log"), *flags]
        if "--store-url" not in flags and "--data-path" not in flags:
            command += ["--data-path", str(folder / "data")]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(command)} said nothing")
        self.url = json.loads(line)["urls"][0]
        parts = urllib.parse.urlsplit(self.url)
        self.address = (parts.hostname, parts.port)

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=5):
                return True
        except OSError:
            return False

    def wait_ready(self):
        end = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit("the server was not ready after two minutes")
            time.sleep(0.02)

    def __enter__(self):
        self.wait_ready()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)


@dataclasses.dataclass(frozen=True)
class Vitals:
    """What a process holds."""
    resident_mib: float
    private_mib: float
    files: int
    threads: int


def vitals(process_id):
    proc = pathlib.Path("/proc") / str(process_id)
    sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB$", (proc / "smaps_rollup").read_text(), re.M))
    threads = re.search(r"^Threads:\s+(\d+)$", (proc / "status").read_text(), re.M)
    return Vitals(int(sizes["Rss"]) / 1024, int(sizes["Private_Dirty"]) / 1024,
                  len(list((proc / "fd").iterdir())), int(threads[1]))


def gauges(text):
    """The values of /metrics that have one series, and of those with several their sum."""
    values = {}
    for name, value in re.findall(r"^(\w[\w:]*)(?:\{[^}]*\})? (\S+)$", text, re.M):
        values[name] = values.get(name, 0) + float(value)
    return values


def make_key(program, name, *flags):
    """A key of the store that the flags name."""
    made = subprocess.run([program, "key", "create", name, "--json", *flags],
                          capture_output=True, text=True, check=True)
    return json.loads(made.stdout)
