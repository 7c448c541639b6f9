#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two servers of one model file, in turns: tokens a second and first tokens at several streams.

  bench/serve_race.py FILE.gguf --peer /path/to/llama-server [--streams 1,4,16] [--rounds 3]

Each stream sends one prompt of its own, as token ids, to /v1/completions and reads the answer as it
comes. The client only stamps what it receives; it is parsed after the round. Rounds alternate which
server goes first. One JSON line a round and server, then a table of medians.
"""

import argparse
import contextlib
import json
import os
import random
import selectors
import shlex
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(name, command, port):
    log = tempfile.TemporaryFile()
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 600
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                sys.exit(f"{name} did not start:\n{log.read()[-4000:].decode(errors='replace')}")
            with contextlib.suppress(OSError):
                path = "/ready" if name == "ours" else "/health"
                if urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").status == 200:
                    break
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait()


def request(port, prompt, tokens, never):
    body = json.dumps(
        {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True, "ignore_eos": True,
         "logit_bias": {str(token): -100 for token in never}}
    ).encode()
    head = f"POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    return f"{head}connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


def events(pieces):
    """(time, event) of each `data:` line; `pieces` are (time, bytes) as received."""
    text, stamps = b"", []
    for stamp, piece in pieces:
        text += piece
        stamps.append((len(text), stamp))
    at = 0
    for line in text.split(b"\n"):
        at += len(line) + 1
        if line.startswith(b"data: {"):
            yield next(stamp for end, stamp in stamps if end >= min(at, len(text))), json.loads(line[6:])
    if b"data: [DONE]" not in text:
        sys.exit(f"an answer ended early: {text[-400:]!r}")


def play(port, streams, prompt_tokens, tokens, vocabulary, source, never=()):
    """One round: what `streams` clients at once see."""
    selector, received = selectors.DefaultSelector(), []
    requests = [
        request(port, [source.randrange(1000, vocabulary) for _ in range(prompt_tokens)], tokens, never)
        for _ in range(streams)
    ]
    begin = time.monotonic()
    for index, raw in enumerate(requests):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(raw)
        received.append([])
        selector.register(connection, selectors.EVENT_READ, index)
    while selector.get_map():
        for key, _ in selector.select():
            piece = key.fileobj.recv(1 << 16)
            if piece:
                received[key.data].append((time.monotonic(), piece))
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
    first, last = [], []
    for pieces in received:
        stamps, count = [], None
        for stamp, event in events(pieces):
            usage = event.get("usage")
            if usage:
                count = usage["completion_tokens"]
            if event.get("choices"):
                stamps.append(stamp)
        if count not in (None, tokens):
            sys.exit(f"expected {tokens} tokens, got {count}")
        first.append(stamps[0] - begin)
        last.append(stamps[-1] - begin)
    return {
        "tokens_per_s": streams * tokens / max(last),
        "after_first": streams * (tokens - 1) / (max(last) - min(first)),
        "worst_first_s": max(first),
        "median_first_s": statistics.median(first),
    }


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model")
    arguments.add_argument("--peer", required=True, help="a llama-server")
    arguments.add_argument("--program", default="build/release/deepseek")
    arguments.add_argument("--flags", default="", help="more flags of ours, such as '--precision int8'")
    arguments.add_argument("--streams", default="1,4,16")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--prompt", type=int, default=64)
    arguments.add_argument("--tokens", type=int, default=128)
    arguments.add_argument("--vocabulary", type=int, default=40000, help="ids of prompts lie below this")
    arguments.add_argument("--never", default="", help="ids that no answer may hold, such as 128-255, halves of "
                           "characters that a random model writes and the peer fails on")
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    streams = [int(count) for count in given.streams.split(",")]
    never = ()
    if given.never:
        low, high = (int(end) for end in given.never.split("-"))
        never = range(low, high + 1)
    most, context = max(streams), given.prompt + given.tokens + 64
    ports = {"ours": free_port(), "peer": free_port()}
    commands = {
        "ours": [given.program, "serve", given.model, "--port", str(ports["ours"]), "--threads", str(given.threads),
                 "--ctx", str(max(context, 1024)), "--cache-bytes", "2GiB", *shlex.split(given.flags)],
        "peer": [given.peer, "-m", given.model, "--port", str(ports["peer"]), "-t", str(given.threads),
                 "-np", str(most), "-c", str(most * context)],
    }
    source, results = random.Random(os.getpid()), {}
    with server("ours", commands["ours"], ports["ours"]), server("peer", commands["peer"], ports["peer"]):
        for name in ports:
            play(ports[name], 1, given.prompt, 8, given.vocabulary, source, never)  # a first pass, for warmth
        for turn in range(given.rounds):
            for count in streams:
                for name in list(ports) if turn % 2 == 0 else reversed(list(ports)):
                    seen = play(ports[name], count, given.prompt, given.tokens, given.vocabulary, source, never)
                    results.setdefault((count, name), []).append(seen)
                    print(json.dumps({"round": turn, "streams": count, "server": name, **seen}), flush=True)
    print("\nmedians (least–most); ratio of the rounds' pairs, median")
    for count in streams:
        for what in ("tokens_per_s", "after_first", "worst_first_s"):
            ours, peer = ([seen[what] for seen in results[count, name]] for name in ("ours", "peer"))
            ratio = statistics.median(a / b for a, b in zip(ours, peer))
            print(f"{count:3} {what:14}", *(f"{statistics.median(x):9.2f} ({min(x):.2f}–{max(x):.2f})" for x in (ours, peer)),
                  f"  {ratio:.2f}")


if __name__ == "__main__":
    main()
