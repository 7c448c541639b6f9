# SPDX-License-Identifier: Apache-2.0
"""The `ollama` client."""

import json

import ollama
from common import ASK, SCHEMA, needs_thinking, refused


def test_a_chat_and_its_stream_are_the_same(url, model):
    client = ollama.Client(host=url)
    ask = {"model": model, "messages": ASK, "think": False,
           "options": {"num_predict": 16, "seed": 1}}
    whole = client.chat(**ask)
    pieces = list(client.chat(**ask, stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == whole.message.content
    assert pieces[-1].done and pieces[-1].eval_count == whole.eval_count
    assert whole.total_duration >= whole.eval_duration > 0


@needs_thinking
def test_thinking_stands_beside(url, model):
    answer = ollama.Client(host=url).chat(
        model=model, messages=ASK, think=True, options={"num_predict": 16})
    assert answer.message.thinking


def test_generate_formats_and_loads(url, model):
    client = ollama.Client(host=url)
    assert client.generate(model=model, prompt="Once", raw=True,
                           options={"num_predict": 4}).eval_count > 0
    formed = client.generate(model=model, prompt="Hello", think=False, format=SCHEMA,
                             options={"num_predict": 60})
    assert isinstance(json.loads(formed.response)["depth"], int)
    assert client.generate(model=model).done_reason == "load"


def test_models_are_listed(url, model):
    client = ollama.Client(host=url)
    assert [one.model for one in client.list().models] == [model]
    assert [one.model for one in client.ps().models] == [model]
    shown = client.show(model)
    assert "completion" in shown.capabilities and shown.modelinfo


def test_tools_and_vectors(url, model):
    client = ollama.Client(host=url)

    def look(depth: int) -> str:
        """Looks down.

        Args:
          depth: how far
        """
        return str(depth)

    answer = client.chat(model=model, messages=ASK, tools=[look], think=False,
                         options={"num_predict": 32})
    assert answer.message.role == "assistant"
    client.chat(model=model, think=False, options={"num_predict": 4}, messages=[
        *ASK,
        {"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": "look", "arguments": {"depth": 1}}}]},
        {"role": "tool", "tool_name": "look", "content": "1"},
    ])
    assert len(client.embed(model=model, input=["one", "two"]).embeddings) == 2


def test_errors(url, model):
    client = ollama.Client(host=url)
    error = refused(ollama.ResponseError, lambda: client.chat(model="none", messages=ASK))
    assert error.status_code == 404
    refused(ollama.ResponseError, lambda: client.generate(
        model=model, prompt="x", options={"temperature": 9}))
