#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What serving adds to a single stream: decoding through the server beside `deepseek bench`, in turns.

  bench/serve_overhead.py MODEL [--rounds 9] [--program build/release/deepseek]

Both decode the same number of tokens behind the same depth with the same threads. The stream's rate counts
from its first token to its end. Once it has that token the client sleeps until the end: one that wakes for
every token takes its share of the cores, which is not the server's. One JSON line a round, then medians.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time

from serve_race import free_port, request, server


def bench(given):
    command = [given.program, "bench", given.model, "--prefill", "8", "--depth", str(given.depth), "--decode-tokens",
               str(given.tokens), "--repeat", "1", "--threads", str(given.threads), "--ctx", "4096", "--json"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return next(case["tokens_per_s"] for case in result["cases"] if case["kind"] == "decode")


def stream(given, port, source):
    """Tokens a second between the first token and the end."""
    prompt = [source.randrange(1000, given.vocabulary) for _ in range(given.depth)]
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        connection.connect(("127.0.0.1", port))
        connection.sendall(request(port, prompt, given.tokens, ()))
        text = b""
        while b'"text":"' not in text:
            piece = connection.recv(1 << 16)
            if not piece:
                sys.exit(f"no text came: {text.decode(errors='replace')}")
            text += piece
        begin = time.monotonic()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 << 22)
        while piece := connection.recv(1 << 22):
            text += piece
        seconds = time.monotonic() - begin
    if b'"finish_reason":"length"' not in text:
        raise SystemExit(f"an answer ended early: {text[-400:]!r}")
    return (given.tokens - 1) / seconds


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
    port, source, rounds = free_port(), random.Random(os.getpid()), []
    command = [given.program, "serve", given.model, "--port", str(port), "--threads", str(given.threads), "--ctx", "4096"]
    with server("ours", command, port):
        stream(given, port, source)
        for turn in range(given.rounds):
            rates = {}
            for name in ("bench", "serve") if turn % 2 == 0 else ("serve", "bench"):
                rates[name] = bench(given) if name == "bench" else stream(given, port, source)
            rounds.append(rates)
            print(json.dumps({"round": turn, **rates}), flush=True)
    for name in ("bench", "serve"):
        print(f"{name}: {statistics.median(rates[name] for rates in rounds):.1f} tokens/s")
    low, middle, high = statistics.quantiles((rates["serve"] / rates["bench"] for rates in rounds), n=4)
    print(f"ratio of pairs: median {middle:.3f}, half of them {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
