# SPDX-License-Identifier: Apache-2.0
"""Scenario 1: a streamed chat that thinks."""

from common import ASK, needs_thinking, openai_client


def sums_hold(usage):
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_cache_hit_tokens + usage.prompt_cache_miss_tokens == usage.prompt_tokens
    assert usage.prompt_tokens_details.cached_tokens == usage.prompt_cache_hit_tokens
    assert usage.completion_tokens_details.reasoning_tokens <= usage.completion_tokens


@needs_thinking
def test_reasoning_precedes_content(url, model):
    chunks = list(openai_client(url).chat.completions.create(
        model=model, max_tokens=64, seed=1, messages=ASK, stream=True,
        stream_options={"include_usage": True}, extra_body={"thinking_token_budget": 8}))
    order = []
    for delta in [chunk.choices[0].delta for chunk in chunks if chunk.choices]:
        if getattr(delta, "reasoning_content", None):
            order.append("reasoning")
        if delta.content:
            order.append("content")
    assert order[0] == "reasoning" and order[-1] == "content"
    assert order == sorted(order, reverse=True)
    usage = chunks[-1].usage
    sums_hold(usage)
    assert 0 < usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens


def test_a_chat_and_its_stream_are_the_same(url, model):
    ask = {"model": model, "max_tokens": 16, "seed": 1, "messages": ASK}
    client = openai_client(url)
    whole = client.chat.completions.create(**ask)
    chunks = list(client.chat.completions.create(
        **ask, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    sums_hold(whole.usage)
    sums_hold(chunks[-1].usage)
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].usage.prompt_tokens == whole.usage.prompt_tokens
