# SPDX-License-Identifier: Apache-2.0
"""Scenario 2: a conversation with two tools, whose reasoning goes back."""

import json

import openai
from common import ASK, SCHEMA, TOOL, needs_thinking, openai_client, refused

OTHER = {"type": "function",
         "function": {"name": "jump", "description": "jumps up", "parameters": SCHEMA}}


@needs_thinking
def test_reasoning_comes_first_and_must_come_back(url, model):
    client = openai_client(url)
    ask = {"model": model, "max_tokens": 400, "seed": 1, "messages": list(ASK),
           "tools": [TOOL, OTHER], "tool_choice": "required",
           "extra_body": {"thinking_token_budget": 8}}
    order = []
    for chunk in client.chat.completions.create(**ask, stream=True):
        delta = chunk.choices[0].delta
        if getattr(delta, "reasoning_content", None):
            order.append("reasoning")
        if delta.tool_calls:
            order.append("call")
    assert order[0] == "reasoning" and order[-1] == "call"
    assert order == sorted(order, reverse=True)
    message = client.chat.completions.create(**ask).choices[0].message
    for call in message.tool_calls:
        assert isinstance(json.loads(call.function.arguments)["depth"], int)
    results = [{"role": "tool", "tool_call_id": call.id, "content": "42"}
               for call in message.tool_calls]
    ask["tool_choice"] = "auto"
    ask["messages"] += [message.model_dump(exclude_none=True), *results]
    assert client.chat.completions.create(**ask).usage.completion_tokens > 0
    del ask["messages"][1]["reasoning_content"]
    error = refused(openai.BadRequestError, lambda: client.chat.completions.create(**ask))
    assert error.param == "messages[1].reasoning_content"


@needs_thinking
def test_each_tool_can_be_forced(url, model):
    for name in ("look", "jump"):
        message = openai_client(url).chat.completions.create(
            model=model, max_tokens=400, messages=ASK, tools=[TOOL, OTHER],
            tool_choice={"type": "function", "function": {"name": name}},
            extra_body={"thinking_token_budget": 8}).choices[0].message
        assert {call.function.name for call in message.tool_calls} == {name}
