# SPDX-License-Identifier: Apache-2.0
"""Scenario 3: openai for Node leaves a stream in its middle."""

import json
import pathlib
import subprocess

from server import NAME, wait_for

MAX_TOKENS = 1000


def test_a_stream_that_is_left_frees_its_slot_and_pays_what_was_produced(
        serve, starter, store, figure):
    key = store.key("node", "--prepaid", "--grant", "5", "--scope", "chat", "--scope", "admin")
    server = serve(starter, "--max-running", 1, *store.flags, secret=key)
    script = pathlib.Path(__file__).parent / "node/abort.mjs"
    printed = subprocess.run(["node", script, server.url, key, NAME], check=True, timeout=120,
                             capture_output=True, text=True).stdout
    seen = json.loads(printed)
    wait_for(lambda: server.metric("deepseek:num_requests_running") == 0, 10)
    left, after = store.wait_charges(2)
    assert left["outcome"] == "aborted" and after["outcome"] == "complete"
    assert after["output_tokens"] == 2
    # What was under way when the client left: the step that ran, and what the sockets held.
    extra = left["output_tokens"] - seen["tokens"]
    assert 0 <= extra <= 2, (left, seen)
    prompt = left["hit_tokens"] + 2 * left["miss_tokens"]
    assert -left["granted_micro"] == prompt + 4 * left["output_tokens"]
    assert server.metric("deepseek:generation_tokens_total") == left["output_tokens"] + 2
    figure(f"{seen['tokens']} tokens read, {left['output_tokens']} charged; "
           f"steps of {seen['step_ms']:.0f} ms, the next answer began after "
           f"{seen['next_ms']:.0f} ms")
