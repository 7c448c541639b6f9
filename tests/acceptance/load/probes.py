# SPDX-License-Identifier: Apache-2.0
"""Measuring clients in processes of their own, so that the load's own work does not slow them."""

import asyncio
import multiprocessing
import socket
import time

import wire

PROBE_SECONDS = 0.02
SLEEP_SECONDS = 0.001


class Apart:
    """Runs function(*arguments, stop, answers) in a process of its own until it is stopped."""

    def __init__(self, function, *arguments):
        context = multiprocessing.get_context("spawn")
        self.stop, self.answers = context.Event(), context.Queue()
        self.process = context.Process(target=function,
                                       args=(*arguments, self.stop, self.answers), daemon=True)
        self.process.start()

    def result(self):
        self.stop.set()
        found = self.answers.get(timeout=300)
        self.process.join()
        return found


def probe_health(address, stop, answers):
    """Seconds of GET /health over one kept connection, and by how much short sleeps overshoot."""
    took, overshoot = [], []
    request = wire.request_bytes("GET", "/health")
    with socket.create_connection(address) as connection:
        while not stop.is_set():
            began = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(4096)
            took.append(time.perf_counter() - began)
            assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b'{"status":"ok"}')
            began = time.perf_counter()
            time.sleep(SLEEP_SECONDS)
            overshoot.append(time.perf_counter() - began - SLEEP_SECONDS)
            stop.wait(PROBE_SECONDS)
    answers.put({"took": took, "overshoot": overshoot})


async def ask_until_taken(address, path, body, key):
    """The first token's time and the whole, refusals and the waits they ask for included."""
    began, refused = time.perf_counter(), 0
    while True:
        async with await wire.Connection.open(address) as connection:
            await connection.send(wire.request_bytes("POST", path, body, key))
            reply = await connection.head()
            if reply.status == 200:
                first = None
                async for piece in connection.pieces():
                    if first is None and b'"content":"' in piece:
                        first = time.perf_counter() - began
                whole = time.perf_counter() - began
                return {"first": whole if first is None else first, "whole": whole,
                        "refused": refused}
            assert reply.status == 429, reply.status
            reply.body = b"".join([piece async for piece in connection.pieces()])
        refused += 1
        await asyncio.sleep(int(reply.headers["retry-after-ms"]) / 1000)


def ask_now_and_then(address, path, body, key, pause, stop, answers):
    """One request after the other with pauses, as one person asks."""
    async def go():
        found = []
        while not stop.is_set():
            body["seed"] = len(found)
            found.append(await ask_until_taken(address, path, body, key))
            await asyncio.sleep(pause)
        return found

    answers.put(asyncio.run(go()))
