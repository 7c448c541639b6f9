#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Encodes texts line by line with Hugging Face tokenizers and with bench_tokenizer, in turns, one
thread each.

    python3 -m venv VENV && VENV/bin/pip install tokenizers
    VENV/bin/python bench/tokenizer_hf.py build/release/bench/bench_tokenizer tokenizer.json TEXT...

Prints medians over the rounds, in MB for a second of CPU time, and checks that both give the same number of tokens.
"""
import json
import os
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402

ROUNDS = 5


def timed(work):
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    binary, model, *paths = sys.argv[1:]
    load_s, tokenizer = timed(lambda: tokenizers.Tokenizer.from_file(model))
    print(f"tokenizers {tokenizers.__version__}: load {1e3 * load_s:.0f} ms")
    for path in paths:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        lines = [line + "\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        size = len(text.encode()) / 1e6
        ours, fast, full, load = [], [], [], []
        for _ in range(ROUNDS):
            out = subprocess.run([binary, model, "--lines", "--repeat", "3", path], check=True,
                                 capture_output=True, text=True).stdout.splitlines()
            load.append(json.loads(out[0])["median_ms"])
            row = json.loads(out[1])
            ours.append(size / row["encode_median_ms"] * 1e3)
            for speeds, encode in (
                    (full, lambda: [tokenizer.encode(line, add_special_tokens=False)
                                    for line in lines]),
                    (fast, lambda: tokenizer.encode_batch_fast(lines, add_special_tokens=False))):
                seconds, encodings = timed(encode)
                speeds.append(size / seconds)
                count = sum(len(encoding.ids) for encoding in encodings)
                if count != row["tokens"]:
                    sys.exit(f"{path}: {count} tokens there, {row['tokens']} here")
        best = max(statistics.median(fast), statistics.median(full))
        print(f"{os.path.basename(path)}: {size:.2f} MB, {row['tokens']} tokens: "
              f"here {statistics.median(ours):.1f} MB/s (load {statistics.median(load):.0f} ms), "
              f"tokenizers {statistics.median(full):.1f} MB/s, without offsets "
              f"{statistics.median(fast):.1f} MB/s: {statistics.median(ours) / best:.2f} times")


if __name__ == "__main__":
    main()
