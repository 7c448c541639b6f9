# SPDX-License-Identifier: Apache-2.0
"""Scenario 14: vllm bench serve."""

import json

import httpx
from first_token import REQUESTS, TOKENS, Histogram, compare, run, serve_starter, write_prompts
from server import NAME


def answer(server, prompt):
    """What the server says to a prompt when it takes the likeliest tokens."""
    reply = httpx.post(server.url + "/v1/chat/completions", timeout=120, json={
        "messages": [{"role": "user", "content": prompt}], "temperature": 0,
        "max_tokens": TOKENS, "ignore_eos": True})
    return reply.json()["choices"][0]["message"]["content"]


def test_it_finishes_and_agrees(serve, starter, tiny, client_tools, tmp_path, figure):
    tools = client_tools("vllm")
    server = serve_starter(serve, starter)
    prompts = write_prompts(tmp_path / "prompts.jsonl", "prompt")
    histogram = Histogram(server)
    run([tools / "vllm", "bench", "serve", "--base-url", server.url, "--model", NAME,
         "--backend", "openai-chat", "--endpoint", "/v1/chat/completions", "--tokenizer", tiny,
         "--dataset-name", "custom", "--dataset-path", prompts, "--disable-shuffle",
         "--skip-chat-template", "--custom-output-len", TOKENS, "--num-prompts", REQUESTS,
         "--max-concurrency", 1, "--temperature", 0, "--ignore-eos", "--disable-tqdm",
         "--save-result", "--save-detailed", "--result-filename", "out.json"], tmp_path)
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["completed"], found["failed"]) == (REQUESTS, 0)
    assert found["total_output_tokens"] == REQUESTS * TOKENS
    compare(found["mean_ttft_ms"] / 1000, histogram, figure)
    asked = [json.loads(line)["prompt"] for line in prompts.read_text().splitlines()]
    assert found["generated_texts"] == [answer(server, prompt) for prompt in asked]
