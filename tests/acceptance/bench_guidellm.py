# SPDX-License-Identifier: Apache-2.0
"""Scenario 14: guidellm."""

import json

from first_token import REQUESTS, TOKENS, Histogram, compare, run, serve_starter, write_prompts
from server import NAME


def test_it_finishes_and_agrees(serve, starter, client_tools, tmp_path, figure):
    tools = client_tools("guidellm")
    server = serve_starter(serve, starter)
    prompts = write_prompts(tmp_path / "prompts.jsonl", "prompt", output_tokens_count=TOKENS)
    histogram = Histogram(server)
    run([tools / "guidellm", "run", "--disable-console",
         "--backend", f"kind=openai_http,target={server.url},model={NAME},"
                      'extras={"body":{"ignore_eos":true}}',
         "--profile", "kind=synchronous",
         "--constraint", f"kind=max_requests,count={REQUESTS}",
         "--data", f"kind=json_file,path={prompts}",
         "--output", f"kind=json,path={tmp_path / 'out.json'}"], tmp_path)
    metrics = json.loads((tmp_path / "out.json").read_text())["benchmarks"][0]["metrics"]
    assert metrics["request_totals"] == {
        "successful": REQUESTS, "errored": 0, "incomplete": 0, "total": REQUESTS}
    assert metrics["output_token_count"]["successful"]["total_sum"] == REQUESTS * TOKENS
    compare(metrics["time_to_first_token_ms"]["successful"]["mean"] / 1000, histogram, figure)
