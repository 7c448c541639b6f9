# SPDX-License-Identifier: Apache-2.0
"""What the document leaves open of a request, and one model with one store does not take.

A refusal of such a value says more than a schema could: which tools there are, how many tokens. So
that what is made up from the document gets past these refusals, it is narrowed to values that pass.
"""

import copy

from server import NAME

TEXT = {"type": "string", "minLength": 1, "maxLength": 20}
WORDS = {"enum": ["a+", "[0-9]", None]}
SCHEMA = {"enum": [{"type": "object"}, {"type": "integer"}, None]}
NOTHING = {"type": "null"}
IDS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255},
       "minItems": 1, "maxItems": 20}
FEW = {"type": ["integer", "null"], "minimum": 1, "maximum": 4}
SOME = {"type": "integer", "minimum": 0, "maximum": 16}
FUNCTION = {"type": "function", "name": "look", "parameters": {"type": "object"}}
CHAT = {"type": "array", "minItems": 1, "maxItems": 3, "items": {
    "type": "object", "required": ["role", "content"], "properties": {
        "role": {"enum": ["user", "assistant"]}, "content": TEXT, "name": TEXT,
        "reasoning_content": TEXT}}}
SAMPLING = {
    "n": FEW, "max_tokens": SOME, "max_completion_tokens": NOTHING, "min_tokens": NOTHING,
    "guided_json": SCHEMA, "guided_regex": WORDS, "guided_grammar": NOTHING,
    "logit_bias": {"enum": [{"1": 5, "20": -100}, None]},
    "stop_token_ids": {**IDS, "type": ["array", "null"]},
    "response_format": {"enum": [{"type": "text"}, {"type": "json_object"}, None]}}
OPTIONS = {"type": "object", "required": ["num_predict"], "properties": {"num_predict": SOME}}

# Replacements of properties, by schema.
NARROWED = {
    "ChatRequest": {
        **SAMPLING, "messages": CHAT, "top_logprobs": NOTHING, "tool_choice": NOTHING,
        "tools": NOTHING, "chat_template_kwargs": {"enum": [{"enable_thinking": True}, None]}},
    "CompletionRequest": {**SAMPLING, "prompt": {"anyOf": [TEXT, IDS]}, "suffix": NOTHING,
                          "best_of": NOTHING},
    "EmbeddingRequest": {"input": {"anyOf": [TEXT, IDS]}, "dimensions": NOTHING},
    "TokenizeRequest": {"messages": CHAT},
    "TemplateRequest": {"messages": CHAT},
    "DetokenizeRequest": {"tokens": IDS},
    "MessagesRequest": {
        "messages": CHAT, "system": TEXT, "max_tokens": SOME,
        "tools": {"enum": [[{"name": "look", "input_schema": {"type": "object"}}], None]},
        "tool_choice": {"enum": [{"type": "none"}, None]}, "output_config": NOTHING,
        "output_format": NOTHING},
    "CountTokensRequest": {
        "messages": CHAT, "system": TEXT, "tools": NOTHING, "tool_choice": NOTHING},
    "ResponsesRequest": {
        "input": {"anyOf": [TEXT, {**CHAT, "items": {
            **CHAT["items"], "properties": {
                **CHAT["items"]["properties"], "type": {"enum": ["message", None]}}}}]},
        "max_output_tokens": SOME, "background": {"enum": [False, None]}, "include": NOTHING,
        "tools": {"enum": [[FUNCTION], None]}, "tool_choice": {"enum": ["auto", "none", None]},
        "text": {"enum": [{"format": {"type": "text"}}, None]}, "previous_response_id": NOTHING,
        "conversation": NOTHING, "prompt": NOTHING},
    "OllamaChatRequest": {
        "messages": CHAT, "format": {"enum": ["", None]}, "tools": NOTHING, "options": OPTIONS},
    "OllamaGenerateRequest": {
        "prompt": TEXT, "suffix": NOTHING, "system": TEXT, "format": {"enum": ["json", "", None]},
        "template": NOTHING, "context": NOTHING, "images": NOTHING, "options": OPTIONS},
    "OllamaEmbedRequest": {"input": TEXT, "dimensions": NOTHING},
    "BatchRequest": {"completion_window": {"enum": ["24h", "2d"]},
                     "endpoint": {"enum": ["/v1/chat/completions", "/v1/embeddings"]}},
    "FileUpload": {"file": {"type": "string", "contentMediaType": "application/octet-stream",
                            "maxLength": 100}},
}
PARAMETERS = {"model": {"const": NAME}, "answer": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}

# Without them answers are as long as the context, or there is nothing to answer.
NEEDED = {"ChatRequest": ["max_tokens"], "CompletionRequest": ["max_tokens"],
          "ResponsesRequest": ["max_output_tokens", "input"], "OllamaChatRequest": ["options"],
          "OllamaGenerateRequest": ["options"]}


def narrowed(document):
    document = copy.deepcopy(document)
    for name, properties in NARROWED.items():
        schema = document["components"]["schemas"][name]
        for one, value in properties.items():
            before = schema["properties"].get(one, {})
            schema["properties"][one] = (
                {**before, **value, "properties": {**before["properties"], **value["properties"]}}
                if "properties" in value and "properties" in before else value)
        schema["required"] = [*schema["required"], *NEEDED.get(name, [])]
        if "model" in schema["properties"]:
            schema["properties"]["model"] = {"const": NAME}
    for methods in document["paths"].values():
        for operation in methods.values():
            for one in operation.get("parameters", []):
                one["schema"] = PARAMETERS.get(one["name"], one["schema"])
    return document
