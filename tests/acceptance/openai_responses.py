# SPDX-License-Identifier: Apache-2.0
"""The `openai` client against /v1/responses."""

import json

import openai
from common import SCHEMA, needs_thinking, openai_client, refused

TOOL = {"type": "function", "name": "look", "description": "looks down", "parameters": SCHEMA,
        "strict": True}


def test_a_response_and_its_stream_are_the_same(url, model):
    ask = {"model": model, "input": "Hello, who are you?", "instructions": "Be brief.",
           "max_output_tokens": 16, "temperature": 0, "reasoning": {"effort": "none"}}
    whole = openai_client(url).responses.create(**ask)
    assert whole.status in ("completed", "incomplete")
    events = list(openai_client(url).responses.create(**ask, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1].response
    assert last.output_text == whole.output_text and last.usage == whole.usage
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    assert text == whole.output_text


def test_the_streaming_helper_follows(url, model):
    with openai_client(url).responses.stream(
            model=model, input="Hello", max_output_tokens=300, tools=[TOOL],
            tool_choice="required", parallel_tool_calls=False,
            reasoning={"effort": "none"}) as stream:
        for _ in stream:
            pass
        last = stream.get_final_response()
    call = last.output[-1]
    assert call.type == "function_call" and isinstance(json.loads(call.arguments)["depth"], int)


def test_what_is_stored_is_followed(url, model):
    kept = {"model": model, "max_output_tokens": 8, "reasoning": {"effort": "none"}}
    first = openai_client(url).responses.create(**kept, input="Hello", store=True)
    assert openai_client(url).responses.retrieve(first.id).output_text == first.output_text
    items = openai_client(url).responses.input_items.list(first.id)
    assert items.data[0].content[0].text == "Hello"
    second = openai_client(url).responses.create(
        **kept, input="And?", previous_response_id=first.id)
    assert second.usage.input_tokens > first.usage.input_tokens
    openai_client(url).responses.delete(first.id)
    refused(openai.NotFoundError, lambda: openai_client(url).responses.retrieve(first.id))


@needs_thinking
def test_reasoning_is_an_item_that_goes_back(url, model):
    ask = {"model": model, "max_output_tokens": 1500, "tools": [TOOL], "tool_choice": "required",
           "reasoning": {"effort": "low"}, "extra_body": {"seed": 3}}
    items = [{"role": "user", "content": "Hello"}]
    # Random weights seldom end their reasoning: a call by hand stands for what they would write.
    answer = openai_client(url).responses.create(**ask, input=items)
    assert answer.output[0].type == "reasoning" and answer.output[0].content[0].text
    call = {"type": "function_call", "call_id": "call_1", "name": "look",
            "arguments": '{"depth": 1}'}
    output = {"type": "function_call_output", "call_id": "call_1", "output": "42"}
    ask["tool_choice"] = "auto"
    ask["max_output_tokens"] = 8
    items += [answer.output[0], call, output]
    assert openai_client(url).responses.create(**ask, input=items).usage.output_tokens > 0
    del items[1]
    error = refused(openai.BadRequestError,
                    lambda: openai_client(url).responses.create(**ask, input=items))
    assert "reasoning" in error.message


def test_a_format_is_parsed(url, model):
    from pydantic import BaseModel

    class Depth(BaseModel):
        depth: int

    answer = openai_client(url).responses.parse(model=model, input="Hello", text_format=Depth,
                                         max_output_tokens=60, reasoning={"effort": "none"})
    assert isinstance(answer.output_parsed.depth, int)
