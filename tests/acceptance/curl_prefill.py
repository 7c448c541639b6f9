# SPDX-License-Identifier: Apache-2.0
"""Scenario 7: curl waits for a long prompt."""

import json

from curl_streams import events, whole

BODY = {"messages": [{"role": "user", "content": "deep " * 9000}], "max_tokens": 4,
        "ignore_eos": True, "stream_options": {"include_usage": True}}


def pages(stream):
    found = events(stream)
    assert found[-1] == "data: [DONE]"
    return [json.loads(one.removeprefix("data: ")) for one in found[:-1]]


def test_silence_is_broken_and_progress_told(serve, tiny_long, figure):
    # The scalar kernels and one thread, so that the prompt takes longer than the 15 s of silence.
    server = serve(tiny_long, "--cpu", "scalar", "--threads", 1, "--no-prefix-cache")
    stream = whole(server, BODY)
    comments = [line for line in stream.decode().split("\n") if line.startswith(":")]
    assert comments and set(comments) == {": keep-alive"}
    assert stream.decode().startswith(": keep-alive")
    prompt = pages(stream)[-1]["usage"]["prompt_tokens"]

    told = [page["prompt_progress"] for page in pages(whole(server, {**BODY, "return_progress": True}))
            if "prompt_progress" in page]
    done = [one["processed"] for one in told]
    assert len(done) > 2 and done == sorted(done) and done[-1] == prompt
    assert all(one["total"] == prompt for one in told)
    figure(f"{len(comments)} comments and {len(told)} progress events for {prompt} tokens in "
           f"{told[-1]['time_ms'] / 1000:.0f} s")
