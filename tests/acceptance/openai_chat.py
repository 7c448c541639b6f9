# SPDX-License-Identifier: Apache-2.0
"""The `openai` client against chat, completions and embeddings."""

import json

import openai
from common import SCHEMA, needs_thinking, refused

ASK = [{"role": "user", "content": "Hello, who are you?"}]
TOOL = {"type": "function",
        "function": {"name": "look", "description": "looks down", "parameters": SCHEMA}}


def client(url):
    return openai.OpenAI(base_url=url + "/v1", api_key="none", max_retries=0)


def test_a_chat_and_its_stream_are_the_same(url, model):
    ask = {"model": model, "max_tokens": 16, "seed": 1, "messages": ASK}
    whole = client(url).chat.completions.create(**ask)
    chunks = list(client(url).chat.completions.create(
        **ask, stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage


@needs_thinking
def test_reasoning_comes_first_and_must_come_back(url, model):
    ask = {"model": model, "max_tokens": 400, "seed": 1, "messages": list(ASK), "tools": [TOOL],
           "tool_choice": "required", "extra_body": {"thinking_token_budget": 8}}
    order = []
    for chunk in client(url).chat.completions.create(**ask, stream=True):
        delta = chunk.choices[0].delta
        if getattr(delta, "reasoning_content", None):
            order.append("reasoning")
        if delta.tool_calls:
            order.append("call")
    assert order[0] == "reasoning" and order[-1] == "call"
    assert order == sorted(order, reverse=True)
    message = client(url).chat.completions.create(**ask).choices[0].message
    results = [{"role": "tool", "tool_call_id": call.id, "content": "42"}
               for call in message.tool_calls]
    ask["tool_choice"] = "auto"
    ask["messages"] += [message.model_dump(exclude_none=True), *results]
    assert client(url).chat.completions.create(**ask).usage.completion_tokens > 0
    del ask["messages"][1]["reasoning_content"]
    error = refused(openai.BadRequestError, lambda: client(url).chat.completions.create(**ask))
    assert error.param == "messages[1].reasoning_content"


def test_a_format_is_followed(url, model):
    answer = client(url).chat.completions.create(
        model=model, max_tokens=60, messages=ASK,
        response_format={"type": "json_schema", "json_schema": {"name": "d", "schema": SCHEMA}},
        extra_body={"thinking": {"type": "disabled"}})
    assert isinstance(json.loads(answer.choices[0].message.content)["depth"], int)


def test_completions_have_a_best(url, model):
    answer = client(url).completions.create(
        model=model, prompt="Once", max_tokens=4, n=2, best_of=4)
    assert len(answer.choices) == 2


def test_embeddings(url, model):
    many = client(url).embeddings.create(model=model, input=["one", "two"])
    one = client(url).embeddings.create(model=model, input="two", encoding_format="float")
    # The client asks for base64 unless told otherwise: f32 either way.
    assert [round(x, 6) for x in many.data[1].embedding] == [
        round(x, 6) for x in one.data[0].embedding]
    assert abs(sum(x * x for x in one.data[0].embedding) - 1) < 1e-4
    error = refused(openai.UnprocessableEntityError, lambda: client(url).embeddings.create(
        model=model, input="x", dimensions=3))
    assert error.param == "dimensions"
