# SPDX-License-Identifier: Apache-2.0
"""Scenario 12: LangChain's ChatDeepSeek."""

import asyncio

from common import needs_thinking
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_deepseek import ChatDeepSeek
from pydantic import BaseModel, Field

QUESTION = "How deep is the sea?"


@tool
def look(depth: int) -> str:
    """Looks down."""
    return str(depth)


@tool
def jump(height: int) -> str:
    """Jumps up."""
    return str(height)


class Depth(BaseModel):
    """A depth."""

    metres: int = Field(description="how far down")
    salty: bool


def chat(url, model, thinks=False, **more):
    body = ({"thinking_token_budget": 8} if thinks else {"thinking": {"type": "disabled"}})
    return ChatDeepSeek(model=model, api_base=url + "/v1", api_key="none", max_retries=0,
                        max_tokens=300, seed=1, extra_body=body, **more)


def test_a_tool_is_chosen(url, model):
    for choice, names in [("look", {"look"}), ("jump", {"jump"}), ("any", {"look", "jump"})]:
        answer = chat(url, model).bind_tools([look, jump], tool_choice=choice).invoke(QUESTION)
        assert answer.tool_calls and {call["name"] for call in answer.tool_calls} <= names
        assert not answer.invalid_tool_calls
        for call in answer.tool_calls:
            assert all(isinstance(value, int) for value in call["args"].values())


def test_no_tool_is_chosen(url, model):
    answer = chat(url, model).bind_tools([look], tool_choice="none").invoke(QUESTION)
    assert not answer.tool_calls and answer.content


def test_results_of_tools_go_back(url, model):
    bound = chat(url, model).bind_tools([look], tool_choice="look")
    messages = [HumanMessage(QUESTION)]
    messages.append(bound.invoke(messages))
    messages += [ToolMessage("42", tool_call_id=call["id"]) for call in messages[-1].tool_calls]
    assert chat(url, model).bind_tools([look]).invoke(messages).usage_metadata["output_tokens"] > 0


@needs_thinking
def test_a_tool_is_chosen_while_thinking(url, model):
    answer = chat(url, model, thinks=True).bind_tools([look], tool_choice="look").invoke(QUESTION)
    assert answer.additional_kwargs["reasoning_content"]
    assert {call["name"] for call in answer.tool_calls} == {"look"}


def test_output_is_structured(url, model):
    for method in ("function_calling", "json_schema", "json_mode"):
        bound = chat(url, model).with_structured_output(Depth, method=method, include_raw=True)
        answer = bound.invoke(QUESTION)
        if method == "json_mode":  # any object: not of this schema
            assert answer["raw"].content.lstrip().startswith("{")
        else:
            assert isinstance(answer["parsed"], Depth), answer
    strict = chat(url, model).with_structured_output(Depth, strict=True).invoke(QUESTION)
    assert isinstance(strict, Depth)


def test_a_stream_adds_up_to_the_answer(url, model):
    whole = chat(url, model).invoke(QUESTION)
    pieces = list(chat(url, model, stream_usage=True).stream(QUESTION))
    added = pieces[0]
    for piece in pieces[1:]:
        added += piece
    assert added.content == whole.content
    assert added.usage_metadata["output_tokens"] == whole.usage_metadata["output_tokens"]
    assert added.response_metadata["finish_reason"] == whole.response_metadata["finish_reason"]


@needs_thinking
def test_reasoning_streams(url, model):
    pieces = list(chat(url, model, thinks=True).stream(QUESTION))
    reasoning = [one.additional_kwargs.get("reasoning_content", "") for one in pieces]
    first_content = next(i for i, one in enumerate(pieces) if one.content)
    assert "".join(reasoning[:first_content]) and not "".join(reasoning[first_content:])


def test_a_batch_runs_at_once(url, model):
    questions = [f"{QUESTION} {i}" for i in range(8)]
    brief = chat(url, model).bind(max_tokens=16)
    together = asyncio.run(brief.abatch(questions))
    assert [one.content for one in together] == [brief.invoke(one).content for one in questions]
