# SPDX-License-Identifier: Apache-2.0
"""Scenario 4: `parse` with a nested schema while the model thinks."""

import enum
from concurrent.futures import ThreadPoolExecutor

from common import ASK, openai_client
from pydantic import BaseModel
from server import NAME

COUNT = 200


class Kind(enum.Enum):
    lake = "lake"
    sea = "sea"


class Place(BaseModel):
    name: str
    kind: Kind
    depth: int | None


class Journey(BaseModel):
    title: str
    places: list[Place]
    longest: Place
    done: bool


def test_every_answer_is_valid(serve, tiny, figure):
    server = serve(tiny, "--threads", 1)
    client = openai_client(server.url)

    def ask(seed):
        return client.chat.completions.parse(
            model=NAME, messages=ASK, response_format=Journey, max_tokens=400, seed=seed,
            extra_body={"thinking_token_budget": 8}).choices[0]

    with ThreadPoolExecutor(8) as pool:
        choices = list(pool.map(ask, range(COUNT)))
    thought = [one for one in choices if one.message.reasoning_content]
    valid = [one for one in choices if isinstance(one.message.parsed, Journey)]
    assert len(valid) == len(thought) == COUNT
    assert {one.finish_reason for one in choices} == {"stop"}
    figure(f"{len(valid)} of {COUNT} valid, all after reasoning")
