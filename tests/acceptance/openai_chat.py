# SPDX-License-Identifier: Apache-2.0
"""The `openai` client: formats, completions and embeddings."""

import json

import openai
from common import ASK, SCHEMA, openai_client, refused


def test_a_format_is_followed(url, model):
    answer = openai_client(url).chat.completions.create(
        model=model, max_tokens=60, messages=ASK,
        response_format={"type": "json_schema", "json_schema": {"name": "d", "schema": SCHEMA}},
        extra_body={"thinking": {"type": "disabled"}})
    assert isinstance(json.loads(answer.choices[0].message.content)["depth"], int)


def test_completions_have_a_best(url, model):
    answer = openai_client(url).completions.create(
        model=model, prompt="Once", max_tokens=4, n=2, best_of=4)
    assert len(answer.choices) == 2


def test_embeddings(url, model):
    many = openai_client(url).embeddings.create(model=model, input=["one", "two"])
    one = openai_client(url).embeddings.create(model=model, input="two", encoding_format="float")
    # The client asks for base64 unless told otherwise: f32 either way.
    assert [round(x, 6) for x in many.data[1].embedding] == [
        round(x, 6) for x in one.data[0].embedding]
    assert abs(sum(x * x for x in one.data[0].embedding) - 1) < 1e-4
    error = refused(openai.UnprocessableEntityError, lambda: openai_client(url).embeddings.create(
        model=model, input="x", dimensions=3))
    assert error.param == "dimensions"
