# SPDX-License-Identifier: Apache-2.0
"""Scenario 5: strict tools under /beta."""

import json

import jsonschema
import openai
import pytest
from common import ASK, needs_thinking, refused

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "target": {"anyOf": [{"$ref": "#/$defs/place"}, {"type": "integer"}, {"type": "null"}]},
        "stops": {"type": "array", "items": {"$ref": "#/$defs/place"}, "maxItems": 3},
    },
    "required": ["id", "target", "stops"],
    "additionalProperties": False,
    "$defs": {
        "place": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 20},
                           "deep": {"type": "boolean"}},
            "required": ["name", "deep"],
            "additionalProperties": False,
        },
    },
}


def tool(schema):
    return {"type": "function", "function": {
        "name": "sail", "description": "sails", "strict": True, "parameters": schema}}


def client(url):
    return openai.OpenAI(base_url=url + "/beta", api_key="none", max_retries=0)


@needs_thinking
def test_arguments_follow_the_schema(url, model):
    formats = jsonschema.FormatChecker(["uuid"])
    check = jsonschema.Draft202012Validator(SCHEMA, format_checker=formats)
    for seed in range(5):
        for thinks in (False, True):
            body = {"thinking_token_budget": 8} if thinks else {"thinking": {"type": "disabled"}}
            choice = client(url).chat.completions.create(
                model=model, messages=ASK, tools=[tool(SCHEMA)], tool_choice="required",
                max_tokens=500, seed=seed, extra_body=body).choices[0]
            assert choice.finish_reason == "tool_calls"
            for call in choice.message.tool_calls:
                check.validate(json.loads(call.function.arguments))


@pytest.mark.parametrize("change", [
    {"required": ["id"]},
    {"additionalProperties": True},
    {"$defs": {}},
    {"properties": {**SCHEMA["properties"], "id": {"type": "text"}}},
    {"properties": {**SCHEMA["properties"], "id": {"type": "string", "format": "unheard-of"}}},
], ids=["not all required", "further properties", "no such definition", "no such type",
        "no such format"])
def test_a_schema_that_cannot_hold_is_refused(url, model, change):
    error = refused(openai.UnprocessableEntityError, lambda: client(url).chat.completions.create(
        model=model, messages=ASK, tools=[tool({**SCHEMA, **change})], max_tokens=4))
    assert error.param and error.param.startswith("tools"), error
    assert "sail" in error.message or error.param.startswith("tools[0]"), error
