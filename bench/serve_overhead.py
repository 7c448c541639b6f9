#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What serving adds to a single stream: decoding through the server beside `deepseek bench`, in turns.

  bench/serve_overhead.py MODEL [--rounds 9] [--program build/release/deepseek]

Both decode the same number of tokens behind the same depth with the same threads. The stream's rate counts
from its first token to its last. One JSON line a round, then the median of the rounds' ratios.
"""

import argparse
import json
import os
import random
import statistics
import subprocess

from serve_race import free_port, play, server


def bench(given):
    command = [given.program, "bench", given.model, "--prefill", "8", "--depth", str(given.depth), "--decode-tokens",
               str(given.tokens), "--repeat", "1", "--threads", str(given.threads), "--ctx", "4096", "--json"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return next(case["tokens_per_s"] for case in result["cases"] if case["kind"] == "decode")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model")
    arguments.add_argument("--program", default="build/release/deepseek")
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--depth", type=int, default=64)
    arguments.add_argument("--tokens", type=int, default=256)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--vocabulary", type=int, default=40000)
    given = arguments.parse_args()
    port, source, ratios = free_port(), random.Random(os.getpid()), []
    command = [given.program, "serve", given.model, "--port", str(port), "--threads", str(given.threads), "--ctx", "4096"]
    with server("ours", command, port):
        play(port, 1, given.depth, 8, given.vocabulary, source)
        for turn in range(given.rounds):
            rates = {}
            for name in ("bench", "serve") if turn % 2 == 0 else ("serve", "bench"):
                rates[name] = bench(given) if name == "bench" else play(
                    port, 1, given.depth, given.tokens, given.vocabulary, source)["after_first"]
            ratios.append(rates["serve"] / rates["bench"])
            print(json.dumps({"round": turn, **rates, "ratio": ratios[-1]}), flush=True)
    print(f"serve against bench: median {statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})")


if __name__ == "__main__":
    main()
