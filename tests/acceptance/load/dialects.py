# SPDX-License-Identifier: Apache-2.0
"""The same question in each dialect, and the text of what comes back."""

import dataclasses
import json
from typing import Callable

import wire


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked. The same question has the same answer, whoever asks beside it."""
    text: str
    seed: int
    tokens: int


@dataclasses.dataclass(frozen=True)
class Dialect:
    """A route, its body for a question, and where in a reply or stream the text stands."""
    name: str
    path: str
    body: Callable
    whole: Callable
    streamed: Callable
    form: str = "chat"  # dialects of one form answer the same text


def _events(read):
    """Joins what `read` finds in each event."""
    return lambda body: "".join(read(event) for event in wire.events(body))


def _lines(read):
    return lambda body: "".join(read(json.loads(line)) for line in body.splitlines())


def _user(question):
    return [{"role": "user", "content": question.text}]


def _chat(model, question):
    return {"model": model, "messages": _user(question), "max_tokens": question.tokens,
            "seed": question.seed, "temperature": 1, "thinking": {"type": "disabled"}}


def _completion(model, question):
    return {"model": model, "prompt": question.text, "max_tokens": question.tokens,
            "seed": question.seed, "temperature": 1}


def _response(model, question):
    return {"model": model, "input": question.text, "max_output_tokens": question.tokens,
            "seed": question.seed, "temperature": 1, "reasoning": {"effort": "none"}}


def _message(model, question):
    return {"model": model, "messages": _user(question), "max_tokens": question.tokens,
            "seed": question.seed, "temperature": 1}


def _ollama(question):
    return {"num_predict": question.tokens, "seed": question.seed, "temperature": 1}


def _ollama_chat(model, question):
    return {"model": model, "messages": _user(question), "think": False,
            "options": _ollama(question)}


def _ollama_generate(model, question):
    return {"model": model, "prompt": question.text, "raw": True, "options": _ollama(question)}


def _chat_delta(event):
    return "".join(choice["delta"].get("content") or "" for choice in event["choices"])


def _completion_piece(event):
    return "".join(choice["text"] for choice in event["choices"])


def _response_text(reply):
    return "".join(part["text"] for item in reply["output"] if item["type"] == "message"
                   for part in item["content"])


def _response_delta(event):
    return event["delta"] if event["type"] == "response.output_text.delta" else ""


def _message_delta(event):
    return event["delta"].get("text", "") if event["type"] == "content_block_delta" else ""


DIALECTS = [
    Dialect("chat", "/v1/chat/completions", _chat,
            lambda reply: reply["choices"][0]["message"]["content"] or "", _events(_chat_delta)),
    Dialect("responses", "/v1/responses", _response, _response_text, _events(_response_delta)),
    Dialect("messages", "/v1/messages", _message,
            lambda reply: "".join(block["text"] for block in reply["content"]),
            _events(_message_delta)),
    Dialect("ollama chat", "/api/chat", _ollama_chat,
            lambda reply: reply["message"]["content"],
            _lines(lambda line: line["message"]["content"])),
    Dialect("completions", "/v1/completions", _completion,
            lambda reply: reply["choices"][0]["text"], _events(_completion_piece), form="text"),
    Dialect("ollama generate", "/api/generate", _ollama_generate,
            lambda reply: reply["response"], _lines(lambda line: line["response"]),
            form="raw"),
]


def body_of(dialect, model, question, stream):
    return {**dialect.body(model, question), "stream": stream}
