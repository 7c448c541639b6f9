# SPDX-License-Identifier: Apache-2.0
"""Log-likelihoods of continuations from the logits of `deepseek trace`, without a server."""

import json
import struct
import subprocess

import numpy

GROUP = 8  # texts a run: the logits of a text take some megabytes


def tokenize(program, model, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    out = subprocess.run([program, "tokenize", str(model), "--jsonl"], input=lines, check=True,
                         capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def read_logits(path):
    data = path.read_bytes()
    size, = struct.unpack_from("<Q", data)
    for name, entry in json.loads(data[8:8 + size]).items():
        if name.startswith("logits."):
            begin, end = entry["data_offsets"]
            yield int(name[7:]), numpy.frombuffer(
                data[8 + size + begin:8 + size + end], "<f4").reshape(entry["shape"])


def score_group(program, model, group, folder, precision):
    ids = [context + rest for context, rest in group]
    (folder / "ids.json").write_text(json.dumps(ids), encoding="utf-8")
    subprocess.run([program, "trace", str(model), "--tokens-file", str(folder / "ids.json"),
                    "--out", str(folder / "logits.safetensors"), "--precision", precision],
                   check=True, capture_output=True)
    scores = [None] * len(group)
    for index, logits in read_logits(folder / "logits.safetensors"):
        context, rest = group[index]
        rows = logits[len(context) - 1:len(context) + len(rest) - 1].astype(numpy.float64)
        top = rows.max(axis=1, keepdims=True)
        log_sum = top[:, 0] + numpy.log(numpy.exp(rows - top).sum(axis=1))
        chosen = rows[range(len(rest)), rest]
        scores[index] = float((chosen - log_sum).sum()), bool((chosen == top[:, 0]).all())
    return scores


def score(program, model, pairs, folder, precision="native"):
    """(log-likelihood, whether greedy) of each (context, continuation)."""
    whole = tokenize(program, model, [context + rest for context, rest in pairs])
    contexts = tokenize(program, model, [context for context, _ in pairs])
    split = [(ids[:len(context)], ids[len(context):])
             for ids, context in zip(whole, contexts, strict=True)]
    return [one for at in range(0, len(split), GROUP)
            for one in score_group(program, model, split[at:at + GROUP], folder, precision)]
