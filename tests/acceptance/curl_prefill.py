# SPDX-License-Identifier: Apache-2.0
"""Scenario 7: curl waits for a long prompt."""

import json
import math
import time

from curl_streams import events, whole

PROBE_TOKENS, SECONDS = 500, 30


def body(tokens):
    """A prompt of so many tokens, which are bytes."""
    return {"messages": [{"role": "user", "content": "d" * tokens}], "max_tokens": 4,
            "ignore_eos": True, "stream_options": {"include_usage": True}}


def long_body(server):
    """A prompt that takes about SECONDS: the silence before a comment is 15."""
    whole(server, body(1))
    start = time.monotonic()
    whole(server, body(PROBE_TOKENS))
    # Attention takes the most, and grows with the square.
    factor = math.sqrt(SECONDS / (time.monotonic() - start))
    return body(int(PROBE_TOKENS * max(1, factor)))


def pages(stream):
    found = events(stream)
    assert found[-1] == "data: [DONE]"
    return [json.loads(one.removeprefix("data: ")) for one in found[:-1]]


def test_silence_is_broken_and_progress_told(serve, tiny_long, figure):
    server = serve(tiny_long, "--cpu", "scalar", "--threads", 1, "--no-prefix-cache")
    long = long_body(server)
    stream = whole(server, long)
    comments = [line for line in stream.decode().split("\n") if line.startswith(":")]
    assert comments and set(comments) == {": keep-alive"}
    assert stream.decode().startswith(": keep-alive")
    prompt = pages(stream)[-1]["usage"]["prompt_tokens"]

    told = pages(whole(server, {**long, "return_progress": True}))
    told = [page["prompt_progress"] for page in told if "prompt_progress" in page]
    done = [one["processed"] for one in told]
    assert len(done) > 2 and done == sorted(done) and done[-1] == prompt
    assert all(one["total"] == prompt for one in told)
    figure(f"{len(comments)} comments and {len(told)} progress events for {prompt} tokens in "
           f"{told[-1]['time_ms'] / 1000:.0f} s")
