#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Server after server replaced under load: is a request lost?

    python3 tests/acceptance/load/rollover.py --program build/release/deepseek --rollovers 12

As Kubernetes replaces pods: a new process comes up and turns ready, the old one leaves the front's
list, is given a pause (the chart's preStop), then SIGTERM. Clients keep their connections until an
answer says `Connection: close`; half of what they ask is streamed. Each answer is compared with
what the same question was answered alone.
"""

import asyncio
import random
import sys
import time

import dialects
import report_page
import serving
import wire
from dialects import DIALECTS, Question
from front import Front

LEFT = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError)
RETRIES = 2  # as the official clients have it


class Client:
    """Keeps one connection as long as it may."""

    def __init__(self, front, known, draw, tally):
        self.front, self.known, self.draw, self.tally = front, known, draw, tally
        self.connection = None

    async def attempt(self, dialect, question, stream):
        """Nothing when it was answered, else what went wrong and how long to wait."""
        try:
            if self.connection is None or self.connection.reader.at_eof():
                self.connection = await wire.Connection.open(self.front.address)
            body = dialects.body_of(dialect, serving.NAME, question, stream)
            reply = await self.connection.ask("POST", dialect.path, body)
        except LEFT as error:
            self.connection = None
            return f"{type(error).__name__}", 0.5
        if not self.connection.stays_open():
            await self.connection.close()
            self.connection = None
        if reply.status != 200:
            return f"status {reply.status}", int(reply.headers.get("retry-after-ms", 500)) / 1000
        text = dialect.streamed(reply.body) if stream else dialect.whole(reply.json())
        return None if text == self.known[question, dialect.form] else ("another answer", 0)

    async def ask(self):
        dialect, (question, form) = self.draw.choice(DIALECTS), self.draw.choice(list(self.known))
        while dialect.form != form:
            dialect = self.draw.choice(DIALECTS)
        stream = self.draw.random() < 0.5
        self.tally["asked"] += 1
        for attempt in range(1 + RETRIES):
            wrong = await self.attempt(dialect, question, stream)
            if wrong is None:
                return
            if attempt == 0:
                self.tally["first attempts that failed"] += 1
                self.tally["why"][wrong[0]] = self.tally["why"].get(wrong[0], 0) + 1
            await asyncio.sleep(wrong[1])
        self.tally["failed"] += 1

    async def run(self, until):
        while not until.is_set():
            await self.ask()
            await asyncio.sleep(self.draw.choice([0, 0.01, 0.2]))


async def learn(address, draw, tokens):
    known = {}
    forms = {one.form: one for one in reversed(DIALECTS)}.values()
    for number in range(6):
        question = Question(f"Question {number}?", draw.randrange(1 << 31),
                            draw.randrange(8, tokens))
        for dialect in forms:
            body = dialects.body_of(dialect, serving.NAME, question, False)
            reply = await wire.ask(address, "POST", dialect.path, body)
            assert reply.status == 200, reply.body
            known[question, dialect.form] = dialect.whole(reply.json())
    return known


async def replace(front, old, start, pause):
    """Brings a new server up and lets the old one go; the new one, seconds to leave, exit code."""
    new = await asyncio.to_thread(start)
    front.list(new.address)
    await front.wait_green(new.address)
    front.unlist(old.address)
    await asyncio.sleep(pause)
    began = time.monotonic()
    old.process.terminate()
    code = await asyncio.to_thread(old.process.wait, 90)
    return new, time.monotonic() - began, code


async def roll(start, options):
    draw = random.Random(options.seed)
    front, until = Front(), asyncio.Event()
    server = await asyncio.to_thread(start)
    await front.start()
    front.list(server.address)
    await front.wait_green(server.address)
    known = await learn(server.address, draw, options.tokens)
    tally = {"asked": 0, "first attempts that failed": 0, "failed": 0, "why": {}}
    crowd = [asyncio.create_task(Client(front, known, random.Random(number), tally).run(until))
             for number in range(options.clients)]
    left = []
    for _ in range(options.rollovers):
        await asyncio.sleep(options.between)
        server, seconds, code = await replace(front, server, start, options.pause)
        left.append((seconds, code))
    await asyncio.sleep(options.between)
    until.set()
    await asyncio.gather(*crowd)
    await front.stop()
    server.process.terminate()
    server.process.wait(60)
    return tally, left, front.without


def write(report, options, tally, left, without):
    report.figures = {**tally, "rollovers": len(left), "no server": without,
                      "seconds to leave": [round(seconds, 3) for seconds, _ in left]}
    report.paragraph(
        f"{options.clients} clients, {len(left)} rollovers, {options.pause:g} s between leaving "
        f"the front's list and SIGTERM, model `{options.model}`. Clients do as official ones: what "
        f"fails for want of a connection or with 503 is asked again, {RETRIES} times.")
    report.table(["", "value"], [
        ["requests", tally["asked"]],
        ["first attempts that failed", tally["first attempts that failed"]],
        ["why", ", ".join(f"{why} {times}" for why, times in tally["why"].items()) or "none"],
        ["failed after retries", tally["failed"]],
        ["connections for which there was no ready server", without],
        ["seconds from SIGTERM to the end: least, most",
         ", ".join(f"{pick(seconds for seconds, _ in left):.2f}" for pick in (min, max))]])
    report.require(all(code == 0 for _, code in left), f"exit codes: {[code for _, code in left]}")
    report.require(without == 0, "there was a moment without a ready server")
    report.require(tally["failed"] == 0, f"{tally['failed']} requests failed")
    report.require(tally["first attempts that failed"] == 0,
                   f"{tally['first attempts that failed']} first attempts failed")


def main():
    parser = report_page.parser_for(__doc__, minutes=2)
    parser.add_argument("--rollovers", type=int, default=12)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--pause", type=float, default=1, help="seconds before SIGTERM")
    parser.add_argument("--tokens", type=int, default=600, help="asked for at most")
    parser.add_argument("--flags", default="", help="further flags of `deepseek serve`")
    options = parser.parse_args()
    options.between = max(0.5, options.minutes * 60 / options.rollovers - options.pause - 1)
    report = report_page.Report("Rolling update", options)
    with report_page.workplace(options) as (folder, model):
        def start():
            server = serving.Server(options.program, model, folder, "--threads", "1",
                                    *options.flags.split())
            server.wait_ready()
            return server

        write(report, options, *asyncio.run(roll(start, options)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
