# SPDX-License-Identifier: Apache-2.0
"""Scenario 13: lm-evaluation-harness gives what an offline scorer gives."""

import io
import json
import math
import os
import pathlib
import re
import shutil
import subprocess

import offline_scorer
import pytest
import zstandard
from server import NAME

COUNT = 10
# Both compute the same logits; what differs is the order of sums and decimals on the wire.
TOLERANCE = 1e-3
HERE = pathlib.Path(__file__).parent


def shared_lines(name):
    folder = pathlib.Path(os.environ.get("DEEPSEEK_SHARED", HERE.parents[2] / "shared"))
    if not (folder / "data" / name).is_file():
        pytest.skip(f"{name} is not in the shared data")
    with open(folder / "data" / name, "rb") as packed:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8")
        yield from map(json.loads, text)


def arc_docs():
    for row in shared_lines("knowledge/arc_easy_test.jsonl.zst"):
        text = row["instruction"]
        question = re.search(r"question: (.*?)\n\nAnswer1", text, re.DOTALL)
        choices = re.split(r" ?Answer\d: ", text.partition("\n\nAnswer format")[0])[1:]
        label = int(row["answer"].removeprefix("answer")) - 1
        if question and len(choices) == 4:
            yield {"question": question[1], "choices": choices, "label": label}


def story_docs():
    for row in shared_lines("text/en_childrens_stories.jsonl.zst"):
        words = row["text"].split()
        ends = [i for i, word in enumerate(words) if 40 < i < 80 and word.isalpha()
                and len(word) > 3]
        if ends:
            yield {"text": " ".join(words[:ends[-1]]), "word": words[ends[-1]]}


def write_tasks(folder):
    folder.mkdir()
    for name, docs in [("arc_easy_few", arc_docs()), ("last_word", story_docs())]:
        shutil.copy(HERE / f"tasks/{name}.yaml", folder)
        lines = [json.dumps(doc) + "\n" for doc, _ in zip(docs, range(COUNT))]
        assert len(lines) == COUNT
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def run_harness(bin_folder, url, folder):
    arguments = f"model={NAME},base_url={url}/v1/completions,num_concurrent=2,max_length=1024"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
                   "HF_HOME": str(folder / "hf"), "OPENAI_API_KEY": "none"}
    run = subprocess.run(
        [bin_folder / "lm_eval", "run", "--model", "local-completions", "--model_args", arguments,
         "--tasks", "arc_easy_few,last_word", "--include_path", ".", "--output_path", "out",
         "--log_samples", "--batch_size", "8"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert run.returncode == 0, run.stderr[-6000:]
    results = json.loads(next(folder.glob("out/**/results_*.json")).read_text(encoding="utf-8"))
    samples = {}
    for name in ("arc_easy_few", "last_word"):
        text = next(folder.glob(f"out/**/samples_{name}_*.jsonl")).read_text(encoding="utf-8")
        samples[name] = sorted(map(json.loads, text.splitlines()), key=lambda one: one["doc_id"])
    return results["results"], samples, run.stderr + run.stdout


def pairs_of(sample):
    """What was asked and what came back, a pair of texts and of values for each choice."""
    asked = [(one["arg_0"], one["arg_1"]) for one in sample["arguments"].values()]
    told = [(float(value), greedy == "True") for ((value, greedy),) in sample["resps"]]
    return list(zip(asked, told, strict=True))


def metrics(samples, values):
    """The harness's metrics from our values, which are in the samples' order."""
    values = iter(values)
    hits = norm_hits = 0
    for sample in samples["arc_easy_few"]:
        scores = [next(values)[0] for _ in sample["doc"]["choices"]]
        sizes = [len(choice) for choice in sample["doc"]["choices"]]
        normed = [score / size for score, size in zip(scores, sizes)]
        hits += scores.index(max(scores)) == sample["doc"]["label"]
        norm_hits += normed.index(max(normed)) == sample["doc"]["label"]
    last = [next(values) for _ in samples["last_word"]]
    return {"acc": hits / COUNT, "acc_norm": norm_hits / COUNT,
            "perplexity": math.exp(-sum(value for value, _ in last) / COUNT),
            "last_word": sum(greedy for _, greedy in last) / COUNT}


def test_scores_are_the_offline_ones(serve, starter, program, client_tools, tmp_path, figure):
    tools = client_tools("lm_eval")
    write_tasks(tmp_path / "tasks")
    server = serve(starter)
    results, samples, said = run_harness(tools, server.url, tmp_path / "tasks")
    server.stop()
    assert "remote tokenizer" in said.lower(), said[-3000:]
    both = [pair for name in ("arc_easy_few", "last_word") for sample in samples[name]
            for pair in pairs_of(sample)]
    assert len(both) == 5 * COUNT
    ours = offline_scorer.score(program, starter, [asked for asked, _ in both], tmp_path)
    apart = [(asked, f"harness {told[0]:.4f}, offline {mine[0]:.4f}")
             for mine, (asked, told) in zip(ours, both) if abs(mine[0] - told[0]) > TOLERANCE]
    assert not apart, f"{len(apart)} of {len(both)} differ, as {apart[0]}"
    worst = max(abs(mine[0] - told[0]) for mine, (_, told) in zip(ours, both))
    assert [mine[1] for mine in ours] == [told[1] for _, told in both]
    expected = metrics(samples, ours)
    arc, last = results["arc_easy_few"], results["last_word"]
    assert arc["acc,none"] == pytest.approx(expected["acc"])
    assert arc["acc_norm,none"] == pytest.approx(expected["acc_norm"])
    assert last["acc,none"] == pytest.approx(expected["last_word"])
    assert last["perplexity,none"] == pytest.approx(expected["perplexity"], rel=TOLERANCE)
    figure(f"{len(both)} log-likelihoods, farthest apart by {worst:.1e}; accuracy "
           f"{arc['acc,none']:.2f} and {last['acc,none']:.2f}, perplexity "
           f"{last['perplexity,none']:.1f}")
