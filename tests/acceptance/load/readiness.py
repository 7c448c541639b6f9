#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Does /ready tell a model that computes no more from clients that do not read?

    python3 tests/acceptance/load/readiness.py --program build/release/deepseek

Two servers, both with one long request. Of one, the thread that computes is stopped (no other):
/ready must turn red, /health stay green, and both be green with the answer right when the thread
goes on. Of the other, the client reads so slowly that its request pauses: /ready must stay green.
A server counts as stuck after two minutes without a step, so this takes three. The first part needs
leave to trace a child process.
"""

import asyncio
import socket
import sys
import time

import report_page
import one_thread
import serving
import wire

PATH = "/v1/completions"
STUCK_SECONDS = 120
SLIP_SECONDS = 30
SIP_BYTES, SIP_SECONDS = 7000, 1


async def status_of(server, path):
    """The status, and how long it took to come."""
    began = time.monotonic()
    reply = await wire.ask(server.address, "GET", path, patience=10)
    return reply.status, time.monotonic() - began


def long_request(choices, tokens):
    return wire.request_bytes("POST", PATH, {
        "model": serving.NAME, "prompt": "On and on", "max_tokens": tokens, "n": choices,
        "seed": 1, "temperature": 1, "ignore_eos": True, "stream": True})


async def busiest_thread(server):
    before = one_thread.ticks(server.process.pid)
    await asyncio.sleep(1)
    after = one_thread.ticks(server.process.pid)
    return max(after, key=lambda thread: after[thread] - before.get(thread, 0))


async def watch(server, until):
    """When /ready turned red, in seconds; nothing if it did not until then. /health must answer."""
    began, slowest = time.monotonic(), 0
    while time.monotonic() - began < until:
        ready, _ = await status_of(server, "/ready")
        health, took = await status_of(server, "/health")
        assert health == 200
        slowest = max(slowest, took)
        if ready != 200:
            return time.monotonic() - began, slowest
        await asyncio.sleep(0.5)
    return None, slowest


async def read_all(connection):
    reply = await connection.head()
    reply.body = b"".join([piece async for piece in connection.pieces()])
    return reply


async def wedge(server, found):
    """Stops the thread that computes while a request is answered."""
    connection = await wire.Connection.open(server.address, patience=400)
    await connection.send(long_request(8, 3900))
    answer = asyncio.create_task(read_all(connection))
    thread = await busiest_thread(server)
    with one_thread.stopped(thread):
        found["red_after"], found["slowest_health"] = await watch(server,
                                                                  STUCK_SECONDS + SLIP_SECONDS)
    began = time.monotonic()
    while (await status_of(server, "/ready"))[0] != 200:
        await asyncio.sleep(0.1)
    found["green_after"] = time.monotonic() - began
    reply = await answer
    found["answer_whole"] = reply.body.endswith(b"data: [DONE]\n\n")
    await connection.close()


async def read_slowly(server, path, found):
    """Takes some bytes every second of an answer of some hundred megabytes. Over a UNIX socket, of
    which the system buffers little: over TCP it takes four megabytes, and the reader is cut."""
    loop, narrow = asyncio.get_running_loop(), socket.socket(socket.AF_UNIX)
    narrow.setblocking(False)
    await loop.sock_connect(narrow, path)
    await loop.sock_sendall(narrow, long_request(100, 3900))

    async def sip():
        while await loop.sock_recv(narrow, SIP_BYTES):
            await asyncio.sleep(SIP_SECONDS)

    sipping = asyncio.create_task(sip())
    found["slow_red_after"], _ = await watch(server, STUCK_SECONDS + 2 * SLIP_SECONDS)
    reply = await wire.ask(server.address, "GET", "/metrics")
    found["slow_still_runs"] = serving.gauges(reply.body.decode())[
        "deepseek:num_requests_running"] == 1
    sipping.cancel()
    narrow.close()


async def both(servers, path):
    found = {}
    await asyncio.gather(wedge(servers[0], found), read_slowly(servers[1], path, found))
    return found


def write(report, found):
    report.figures = found
    red, slow = found["red_after"], found["slow_red_after"]
    report.table(["", "found"], [
        ["/ready red after the computing thread stood still",
         "never" if red is None else f"{red:.0f} s"],
        ["slowest /health meanwhile", f"{1000 * found['slowest_health']:.0f} ms"],
        ["/ready green after it went on", f"{found['green_after']:.1f} s"],
        ["the answer it stood in was completed", "yes" if found["answer_whole"] else "no"],
        ["/ready beside one client that reads slowly",
         "green" if slow is None else f"red after {slow:.0f} s"]])
    report.require(red is not None and red >= STUCK_SECONDS - 5, "a wedged model went unnoticed")
    report.require(found["answer_whole"], "the answer was cut")
    report.require(found["slow_still_runs"], "the slow reader was let go; nothing was shown by it")
    report.require(slow is None, "a client that reads slowly turns /ready red")


def main():
    options = report_page.parser_for(__doc__).parse_args()
    report = report_page.Report("Readiness", options)
    with report_page.workplace(options) as (folder, model):
        folders = [folder / name for name in ("first", "second")]
        for one in folders:
            one.mkdir()
        path = str(folder / "socket")
        with serving.Server(options.program, model, folders[0], "--threads", "1") as first, \
                serving.Server(options.program, model, folders[1], "--threads", "1",
                               "--listen", "127.0.0.1:0", "--listen", f"unix:{path}") as second:
            write(report, asyncio.run(both([first, second], path)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
