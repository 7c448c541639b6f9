# SPDX-License-Identifier: Apache-2.0
"""The time to the first token, as a load generator has it and as the server's histogram has it."""

import json
import os
import random
import subprocess

REQUESTS, TOKENS = 10, 4
AGREEMENT = 0.05
WORDS = "sea lake deep boat wind fish salt wave sand shore cold night moon".split()


def serve_starter(serve, starter):
    """Without a prefix cache, so that a prompt always takes a while."""
    return serve(starter, "--no-prefix-cache")


def write_prompts(path, name, **more):
    """A line for each prompt, which is under `name`."""
    draw = random.Random(1)
    rows = [{name: " ".join(draw.choices(WORDS, k=80)), **more} for _ in range(REQUESTS)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def run(command, folder):
    environment = {**os.environ, "HF_HOME": str(folder / "hf"), "COLUMNS": "200"}
    done = subprocess.run([str(word) for word in command], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


class Histogram:
    """What the server measures from here on."""

    NAME = "deepseek:time_to_first_token_seconds"

    def __init__(self, server):
        self.server, self.before = server, self.read(server)

    def read(self, server):
        values = server.metrics()
        return [values.get(f"{self.NAME}_{part}", 0) for part in ("count", "sum")]

    def mean(self):
        """How many there were, and their mean in seconds."""
        count, total = (now - then for now, then in zip(self.read(self.server), self.before))
        return count, total / count


def compare(theirs_seconds, histogram, figure, requests=REQUESTS):
    count, ours_seconds = histogram.mean()
    assert count == requests
    apart = theirs_seconds / ours_seconds - 1
    figure(f"mean time to the first token {1000 * theirs_seconds:.0f} ms there, "
           f"{1000 * ours_seconds:.0f} ms here ({apart:+.1%})")
    assert abs(apart) < AGREEMENT
