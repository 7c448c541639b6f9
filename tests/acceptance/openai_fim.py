# SPDX-License-Identifier: Apache-2.0
"""Scenario 6: an editor that completes and mostly changes its mind."""

import asyncio
import random

import openai
import psutil
from server import NAME, wait_for

A_SECOND, SECONDS = 50, 10
ASK = {"model": NAME, "prompt": "def depth(sea):\n    return ", "suffix": "\n\nprint(depth(1))\n"}
# Storms before the one that counts fill the cache of 16 MiB and the allocators.
GROWTH_BYTES = 8 << 20


def client(url, kind=openai.OpenAI):
    return kind(base_url=url + "/beta", api_key="none", max_retries=0)


def test_the_middle_is_filled(serve, tiny):
    server = serve(tiny)
    whole = client(server.url).completions.create(**ASK, max_tokens=12, seed=1)
    assert whole.usage.completion_tokens > 0
    # Beginning of text, three marks, and a token a byte.
    assert whole.usage.prompt_tokens >= len(ASK["prompt"]) + len(ASK["suffix"]) + 3
    other = client(server.url).completions.create(
        **{**ASK, "suffix": "another"}, max_tokens=12, seed=1)
    assert other.choices[0].text != whole.choices[0].text
    streamed = client(server.url).completions.create(**ASK, max_tokens=12, seed=1, stream=True)
    assert "".join(one.choices[0].text for one in streamed) == whole.choices[0].text


async def one_keystroke(editor, draw, number):
    """A stream that is left before its answer, in it, or never; whether it came to its end."""
    stream = None

    async def read():
        nonlocal stream
        stream = await editor.completions.create(
            **{**ASK, "prompt": f"# {number}\n" + ASK["prompt"]}, max_tokens=1000, stream=True,
            extra_body={"ignore_eos": True})
        async for _ in stream:
            pass

    try:
        await asyncio.wait_for(read(), draw.uniform(0.0, 0.2))
        return True
    except TimeoutError:
        return False
    finally:
        if stream:
            await stream.close()


async def storm(url, seed):
    draw, tasks = random.Random(seed), []
    async with client(url, openai.AsyncOpenAI) as editor:
        start = asyncio.get_running_loop().time()
        for i in range(A_SECOND * SECONDS):
            tasks.append(asyncio.create_task(one_keystroke(editor, draw, f"{seed} {i}")))
            await asyncio.sleep(max(0, start + (i + 1) / A_SECOND
                                    - asyncio.get_running_loop().time()))
        seconds = asyncio.get_running_loop().time() - start
        results = await asyncio.gather(*tasks)
    return results, seconds


def at_rest(server):
    values = server.metrics()
    return all(values["deepseek:" + name] == 0 for name in (
        "num_requests_running", "num_requests_waiting", "http_streams"))


def state(server):
    """Memory and open files once nothing runs and the clients' connections are gone."""
    wait_for(lambda: at_rest(server), 20)
    process = psutil.Process(server.process.pid)
    wait_for(lambda: not process.net_connections() or all(
        one.status == psutil.CONN_LISTEN or one.status == psutil.CONN_NONE
        for one in process.net_connections()), 20)
    return server.memory_bytes(), process.num_fds()


def test_a_storm_of_cancellations_leaves_nothing_behind(serve, tiny, figure):
    server = serve(tiny, "--threads", 1, "--cache-bytes", "16MiB")
    for warm_up in range(2):
        asyncio.run(storm(server.url, warm_up))
    memory, files = state(server)
    results, seconds = asyncio.run(storm(server.url, 2))
    grown, files_after = state(server)
    rate = len(results) / seconds
    assert results.count(False) > len(results) * 0.9
    assert files_after <= files
    assert grown - memory < GROWTH_BYTES, (memory, grown)
    client(server.url).completions.create(**ASK, max_tokens=4)
    busy = "" if rate > 0.9 * A_SECOND else f", this machine being too busy for {A_SECOND}"
    figure(f"{results.count(False)} cancelled at {rate:.0f} a second{busy}; memory "
           f"{(grown - memory) / 2**20:+.1f} MiB, {files_after} files open as before")
