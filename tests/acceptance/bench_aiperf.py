# SPDX-License-Identifier: Apache-2.0
"""Scenario 14: aiperf."""

import json

from first_token import REQUESTS, TOKENS, Histogram, compare, run, serve_starter, write_prompts
from server import NAME


def test_it_finishes_and_agrees(serve, starter, tiny, client_tools, tmp_path, figure):
    tools = client_tools("aiperf")
    server = serve_starter(serve, starter)
    prompts = write_prompts(tmp_path / "prompts.jsonl", "text")
    histogram = Histogram(server)
    run([tools / "aiperf", "profile", "--model", NAME, "--url", server.url,
         "--endpoint-type", "chat", "--streaming", "--tokenizer", tiny,
         "--use-server-token-count", "--input-file", prompts,
         "--custom-dataset-type", "single_turn", "--concurrency", 1,
         "--request-count", REQUESTS, "--extra-inputs", f"max_tokens:{TOKENS}",
         "--extra-inputs", "ignore_eos:true", "--artifact-dir", tmp_path / "out",
         "--ui", "none"], tmp_path)
    found = json.loads(next(tmp_path.glob("out/**/profile_export_aiperf.json")).read_text())
    assert found["request_count"]["avg"] == REQUESTS
    assert found["output_sequence_length"]["avg"] == TOKENS
    compare(found["time_to_first_token"]["avg"] / 1000, histogram, figure)
