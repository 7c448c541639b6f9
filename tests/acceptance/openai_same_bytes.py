# SPDX-License-Identifier: Apache-2.0
"""Scenario 9: the same request alone and beside 31 others."""

from concurrent.futures import ThreadPoolExecutor

from common import openai_client
from server import NAME

NEIGHBOURS = 31


def ask(client, question, seed, tokens):
    return client.chat.completions.create(
        model=NAME, messages=[{"role": "user", "content": question}], seed=seed, logprobs=True,
        top_logprobs=3, max_tokens=tokens, extra_body={"ignore_eos": True})


def test_neighbours_change_nothing(serve, tiny, figure):
    server = serve(tiny, "--threads", 2, "--max-running", 1 + NEIGHBOURS)
    client = openai_client(server.url)
    mine = ("How deep is the sea?", 5, 100)
    alone = ask(client, *mine)
    with ThreadPoolExecutor(NEIGHBOURS + 1) as pool:
        others = [pool.submit(ask, client, f"{i} " * (i + 1), i, 60 + 5 * i)
                  for i in range(NEIGHBOURS)]
        beside = pool.submit(ask, client, *mine).result()
        assert all(one.result().usage.completion_tokens for one in others)
    again = ask(client, *mine)
    for other in (beside, again):
        assert other.choices[0].model_dump_json() == alone.choices[0].model_dump_json()
        assert other.system_fingerprint == alone.system_fingerprint != ""
    figure("text and log-probabilities equal")
