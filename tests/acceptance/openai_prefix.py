# SPDX-License-Identifier: Apache-2.0
"""Scenario 10: a long beginning, once more after a restart, and for somebody else."""

from common import openai_client
from server import NAME

PREFIX = "".join(f"Line {i} of what everybody has to read. " for i in range(220))


def ask(server, key):
    usage = openai_client(server.url, key).chat.completions.create(
        model=NAME, max_tokens=4, messages=[{"role": "system", "content": PREFIX},
                                            {"role": "user", "content": "Hello"}]).usage
    assert usage.prompt_tokens > 8192
    return usage.prompt_cache_hit_tokens / usage.prompt_tokens


def test_the_cache_outlives_a_restart_and_is_not_shared(serve, tiny_long, store, tmp_path, figure):
    mine, theirs = store.key("mine"), store.key("theirs")
    flags = ["--threads", 1, "--cache-disk", tmp_path / "cache", *store.flags]
    server = serve(tiny_long, *flags)
    assert ask(server, mine) == 0
    server.stop()
    server = serve(tiny_long, *flags)
    again, other = ask(server, mine), ask(server, theirs)
    assert again >= 0.9
    assert other == 0
    figure(f"{again:.1%} hit after the restart, {other:.0%} with another key")
