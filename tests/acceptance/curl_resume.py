# SPDX-License-Identifier: Apache-2.0
"""Scenario 8: curl is cut halfway and goes on."""

import json

from curl_streams import cut, events, whole

BODY = {"messages": [{"role": "user", "content": "Tell."}], "max_tokens": 600, "seed": 7,
        "ignore_eos": True}
RESUMABLE = "x-resumable: true"


def last_id(stream):
    return [line for line in stream.decode().split("\n") if line.startswith("id: ")][-1][4:]


def answer(stream):
    """The text, whatever the stream's own names and times."""
    pages = [json.loads(line.removeprefix("data: ")) for line in stream.decode().split("\n")
             if line.startswith("data: {")]
    return [page["choices"] for page in pages]


def test_what_follows_is_the_rest(serve, tiny, figure):
    server = serve(tiny, "--threads", 1)
    uncut = whole(server, BODY, RESUMABLE)
    assert events(uncut)[-1].endswith("data: [DONE]")
    begun = cut(server, BODY, len(uncut) // 2, RESUMABLE)
    begun = begun[: begun.rindex(b"\n\n") + 2]
    assert b"[DONE]" not in begun
    rest = whole(server, BODY, RESUMABLE, f"Last-Event-ID: {last_id(begun)}")
    assert answer(begun + rest) == answer(uncut)
    # The same stream, read from its first event on without a cut.
    first = begun[: begun.index(b"\n\n") + 2]
    again = whole(server, BODY, RESUMABLE, f"Last-Event-ID: {last_id(first)}")
    assert begun + rest == first + again
    figure(f"cut after {len(begun)} of {len(begun + rest)} bytes")
