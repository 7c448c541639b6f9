# SPDX-License-Identifier: Apache-2.0
"""The `anthropic` client against /v1/messages."""

import anthropic
from common import ASK, SCHEMA, needs_thinking, refused

TOOL = {"name": "look", "description": "looks down", "input_schema": SCHEMA}


def client(url):
    return anthropic.Anthropic(base_url=url, api_key="none", max_retries=0)


def test_a_message_and_its_stream_are_the_same(url, model):
    ask = {"model": model, "max_tokens": 16, "messages": ASK,
           "system": [{"type": "text", "text": "Be brief."}], "extra_body": {"temperature": 0}}
    whole = client(url).messages.create(**ask)
    assert whole.role == "assistant" and whole.stop_reason in ("end_turn", "max_tokens")
    assert whole._request_id
    with client(url).messages.stream(**ask) as stream:
        text = "".join(stream.text_stream)
        last = stream.get_final_message()
    assert text == whole.content[0].text
    assert [block.text for block in last.content] == [block.text for block in whole.content]
    assert last.stop_reason == whole.stop_reason
    assert last.usage.output_tokens == whole.usage.output_tokens


def test_the_other_path_and_other_names(url):
    other = client(url + "/anthropic")
    answer = other.messages.create(model="claude-sonnet-4-5", max_tokens=4, messages=ASK)
    assert answer.model == "claude-sonnet-4-5"
    assert [one.id for one in other.models.list()]


def test_tokens_are_counted(url, model):
    count = client(url).messages.count_tokens(model=model, messages=ASK, tools=[TOOL])
    answer = client(url).messages.create(model=model, max_tokens=2, messages=ASK, tools=[TOOL])
    usage = answer.usage
    assert count.input_tokens == usage.input_tokens + usage.cache_read_input_tokens


def test_a_tool_is_used(url, model):
    ask = {"model": model, "max_tokens": 300, "messages": list(ASK), "tools": [TOOL],
           "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True}}
    answer = client(url).messages.create(**ask)
    assert answer.stop_reason == "tool_use", answer
    call = answer.content[-1]
    assert call.name == "look" and isinstance(call.input["depth"], int)
    with client(url).messages.stream(**ask) as stream:
        streamed = stream.get_final_message().content[-1]
    assert streamed.name == "look" and isinstance(streamed.input["depth"], int)
    ask["messages"] += [
        {"role": "assistant", "content": answer.content},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": call.id, "content": "42"}]},
    ]
    ask["tool_choice"] = {"type": "none"}
    ask["max_tokens"] = 8
    assert client(url).messages.create(**ask).usage.output_tokens > 0


@needs_thinking
def test_thinking_comes_and_goes_back(url, model):
    ask = {"model": model, "max_tokens": 1500, "messages": list(ASK), "tools": [TOOL],
           "tool_choice": {"type": "any"}, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    with client(url).messages.stream(**ask) as stream:
        kinds = {event.type for event in stream}
        answer = stream.get_final_message()
    assert {"thinking", "signature", "input_json", "message_stop"} <= kinds
    assert answer.content[0].type == "thinking" and answer.content[0].signature
    calls = [block for block in answer.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": one.id, "content": "42"} for one in calls]
    ask["tool_choice"] = {"type": "auto"}
    ask["max_tokens"], ask["thinking"]["budget_tokens"] = 16, 1024
    ask["messages"] += [{"role": "assistant", "content": answer.content},
                        {"role": "user", "content": results}]
    assert client(url).messages.create(**ask).usage.output_tokens > 0
    ask["messages"][1]["content"] = calls
    error = refused(anthropic.BadRequestError, lambda: client(url).messages.create(**ask))
    assert "reasoning" in str(error)


def test_stops_formats_and_errors(url, model):
    ask = {"model": model, "max_tokens": 60, "messages": ASK}
    formed = client(url).messages.create(
        **ask, extra_body={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}})
    assert '"depth"' in formed.content[0].text
    error = refused(anthropic.NotFoundError, lambda: client(url).messages.create(
        model="none", max_tokens=1, messages=ASK))
    assert error.body["error"]["type"] == "not_found_error"
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
    refused(anthropic.UnprocessableEntityError, lambda: client(url).messages.create(
        model=model, max_tokens=1, messages=[{"role": "user", "content": [image]}]))
