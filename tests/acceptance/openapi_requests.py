# SPDX-License-Identifier: Apache-2.0
"""Requests that between them are given every reply of /openapi.json, for a tiny model that thinks."""

import json
import re

from common import ASK, TOOL
from server import NAME, wait_for

SAMPLE = {"model": NAME, "seed": 1}
CALL = {"model": NAME, "seed": 1, "max_tokens": 120, "tools": [TOOL], "tool_choice": "required"}
QUIET = {"thinking": {"type": "disabled"}}


class Visit:
    """Asks, and holds each answer against what the document says of it."""

    def __init__(self, client, schema):
        self.client, self.schema, self.seen = client, schema, set()

    def __call__(self, method, path, status=200, at=None, **request):
        answer = self.client.request(method, path.format(**(at or {})), **request)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        operation = self.schema[path][method.lower()]
        told = operation.definition.raw["responses"][str(status)]["content"]
        media = answer.headers["content-type"].split(";")[0]
        media = media if media in told else "*/*"
        assert media in told, f"{method} {path}: {answer.headers['content-type']}, told {told}"
        answer.request.read()
        operation.validate_response(answer)
        self.seen.add((path, method.lower(), status, media))
        return answer

    def json(self, *words, **more):
        return self(*words, **more).json()

    def both(self, path, body):
        """Whole and as a stream."""
        self("POST", path, json={**body, "stream": False})
        return self("POST", path, json={**body, "stream": True})


def ask_everything(visit):
    ask_operations(visit)
    ask_openai(visit)
    ask_anthropic(visit)
    ask_responses(visit)
    ask_ollama(visit)
    ask_tokens(visit)
    ask_files_and_batches(visit)
    ask_page(visit)


def ask_operations(visit):
    for path in ("/health", "/ready", "/startup", "/version", "/metrics", "/openapi.json", "/props",
                 "/v1/models", "/v1/user/balance", "/web/session", "/web/operator"):
        visit("GET", path)
    visit("GET", "/v1/models/{model}", at={"model": NAME})
    page = visit("GET", "/").text
    visit("GET", "/assets/{name}", at={"name": re.search(r"assets/([^\"]+\.js)", page).group(1)})


def ask_openai(visit):
    chat = {**SAMPLE, "messages": ASK, "max_tokens": 12}
    visit.both("/v1/chat/completions", {**chat, "logprobs": True, "top_logprobs": 2, "n": 2})
    visit.both("/v1/chat/completions", {
        **chat, "stream_options": {"include_usage": True}, "timings": True, "stop": "a",
        "return_progress": True})
    visit.both("/v1/chat/completions", {
        **chat, "stream_options": {"continuous_usage_stats": True}, **QUIET})
    visit.both("/v1/chat/completions", {**CALL, **QUIET, "messages": ASK})
    text = {**SAMPLE, "prompt": ["Once", "Upon"], "max_tokens": 6}
    visit.both("/v1/completions", {**text, "echo": True, "logprobs": 2})
    visit.both("/v1/completions", {
        **text, "stream_options": {"include_usage": True, "continuous_usage_stats": True}})
    told = visit("POST", "/v1/completions", json={**text, "stream": True, "return_progress": True})
    assert all(name in told.text for name in ("prompt_progress", "prompt_index")), told.text
    for form in ("float", "base64"):
        visit("POST", "/v1/embeddings", json={"input": ["a", "b"], "encoding_format": form})


def ask_anthropic(visit):
    chat = {**SAMPLE, "messages": ASK, "max_tokens": 12}
    visit.both("/v1/messages", chat)
    visit.both("/v1/messages", {**chat, "thinking": {"type": "enabled", "budget_tokens": 4}})
    visit.both("/v1/messages", {
        **chat, "max_tokens": 120, "tool_choice": {"type": "any"},
        "tools": [{"name": "look", "input_schema": TOOL["function"]["parameters"]}]})
    visit("POST", "/v1/messages/count_tokens", json={"model": NAME, "messages": ASK})


def ask_responses(visit):
    ask = {**SAMPLE, "input": "Hello", "max_output_tokens": 12}
    visit.both("/v1/responses", {**ask, "reasoning": {"effort": "none"}})
    visit.both("/v1/responses", {
        **ask, "max_output_tokens": 120, "tool_choice": "required", "reasoning": {"effort": "none"},
        "tools": [{"type": "function", "name": "look",
                   "parameters": TOOL["function"]["parameters"]}]})
    visit("POST", "/v1/responses", json={**ask, "stream": True})
    kept = visit.json("POST", "/v1/responses", json={**ask, "store": True, "metadata": {"a": "b"}})
    visit("POST", "/v1/responses/input_tokens", json=ask)
    at = {"id": kept["id"]}
    visit("GET", "/v1/responses/{id}", at=at)
    items = visit.json("GET", "/v1/responses/{id}/input_items", at=at, params={"limit": 1})
    assert items["data"][0]["type"] == "message"
    visit("DELETE", "/v1/responses/{id}", at=at)


def ask_ollama(visit):
    brief = {"seed": 1, "num_predict": 8}
    ask = {"model": NAME, "messages": ASK, "options": brief}
    visit.both("/api/chat", {**ask, "logprobs": True, "top_logprobs": 2})
    visit.both("/api/chat", {**ask, "think": False})
    visit("POST", "/api/chat", json={"model": NAME})
    visit.both("/api/generate", {"model": NAME, "prompt": "Once", "options": brief})
    visit("POST", "/api/generate", json={"model": NAME})
    visit("POST", "/api/embed", json={"model": NAME, "input": ["a", "b"]})
    visit("POST", "/api/show", json={"model": NAME})
    for path in ("/api/tags", "/api/ps", "/api/version"):
        visit("GET", path)


def ask_tokens(visit):
    tokens = visit.json("POST", "/tokenize", json={"prompt": "Once", "return_token_strs": True})
    visit("POST", "/detokenize", json={"tokens": tokens["tokens"]})
    visit("POST", "/apply-template", json={"messages": ASK})
    visit("GET", "/tokenizer_info", params={"model": NAME})


def ask_files_and_batches(visit):
    def upload(lines):
        body = {**SAMPLE, "prompt": "Once", "max_tokens": 200, "ignore_eos": True}
        text = "\n".join(json.dumps({"custom_id": str(number), "method": "POST",
                                     "url": "/v1/completions", "body": body})
                         for number in range(lines))
        return visit.json("POST", "/v1/files", data={"purpose": "batch"},
                          files={"file": ("a.jsonl", text)})["id"]

    def begin(file):
        return {"batch_id": visit.json("POST", "/v1/batches", json={
            "input_file_id": file, "endpoint": "/v1/completions", "completion_window": "24h",
            "metadata": {"a": "b"}})["id"]}

    file = upload(1)
    visit("GET", "/v1/files", params={"limit": 1, "purpose": "batch"})
    for path in ("/v1/files/{file_id}", "/v1/files/{file_id}/content"):
        visit("GET", path, at={"file_id": file})
    short = begin(file)
    wait_for(lambda: visit.json("GET", "/v1/batches/{batch_id}", at=short)["output_file_id"], 60)
    visit("POST", "/v1/batches/{batch_id}/cancel", at=begin(upload(500)))
    visit("GET", "/v1/batches")
    visit("DELETE", "/v1/files/{file_id}", at={"file_id": file})


def ask_page(visit):
    chat = visit.json("POST", "/web/chats", 201, json={"title": "On depth", "settings": {"a": 1}})
    at = {"chat": chat["id"]}
    said = visit.json("POST", "/web/chats/{chat}/messages", 201, at=at,
                      json={"role": "user", "content": "How deep?", "parent_id": None})
    events = visit("POST", "/web/chats/{chat}/answers", at=at, json={
        "parent_id": said["id"], "messages": ASK, "max_tokens": 8, "seed": 1}).text
    answer = {"answer": json.loads(events.split("data: ", 1)[1].split("\n", 1)[0])["answer"]}
    visit("GET", "/web/answers/{answer}", at=answer)
    visit("POST", "/web/answers/{answer}/stop", at=answer)
    visit("GET", "/web/chats/{chat}", at=at)
    visit("PATCH", "/web/chats/{chat}", at=at, json={"title": "On depths"})
    visit("GET", "/web/chats")
    assert visit.json("GET", "/web/search", params={"q": "deep"})["hits"]
    visit("DELETE", "/web/chats/{chat}", at=at)
    visit("DELETE", "/web/chats")
