#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hours of clients of every kind, compressed: does `deepseek serve` keep its memory and its word?

    python3 tests/acceptance/load/soak.py --program build/release/deepseek --minutes 30

Clients of soak_clients.py run side by side. "Began" is what the process held after a warm-up with
the same clients and a rest of which nothing is kept (resumable streams live two minutes); "ended"
is the same after the soak. Needs nothing but Python's own library.
"""

import asyncio
import random
import sys
import time

import report_page
import serving
import soak_clients
import wire

SAMPLE_SECONDS = 2
GAUGES = {"running": "deepseek:num_requests_running", "waiting": "deepseek:num_requests_waiting",
          "cache": "deepseek:kv_cache_usage_perc", "connections": "deepseek:http_connections",
          "requests": "deepseek:http_requests_in_work", "streams": "deepseek:http_streams"}
ALLOWED_GROWTH = 0.05
ALLOWED_GROWTH_MIB = 4


class Watch:
    """Looks at the process and its gauges every few seconds."""

    def __init__(self, server, operator):
        self.server, self.key = server, {"Authorization": f"Bearer {operator}"}
        self.samples = []
        self.began = time.monotonic()
        self.alone = asyncio.Lock()  # each look is itself a request on a connection

    async def look(self):
        async with await wire.Connection.open(self.server.address) as connection:
            reply = await connection.ask("GET", "/metrics", headers=self.key)
            seen = serving.vitals(self.server.process.pid)
        values = serving.gauges(reply.body.decode())
        sample = {"minute": (time.monotonic() - self.began) / 60, **vars(seen),
                  **{name: values.get(gauge, 0) for name, gauge in GAUGES.items()}}
        self.samples.append(sample)
        return sample

    async def forever(self):
        while True:
            async with self.alone:
                await self.look()
            await asyncio.sleep(SAMPLE_SECONDS)

    async def rest(self, seconds):
        """What the process holds once it had nothing to do for so long."""
        await asyncio.sleep(seconds)
        async with self.alone:
            await asyncio.sleep(1)
            return await self.look()


class Crowd:
    """Clients that do random things until the time is over."""

    def __init__(self, target, clients, seed):
        self.target, self.clients, self.seed = target, clients, seed
        self.wrong = []

    async def one(self, number, end):
        draw = random.Random(self.seed * 1000 + number)
        while time.monotonic() < end:
            kind = soak_clients.random_kind(draw)
            self.target.count(kind.__name__)
            try:
                await kind(self.target)
            except (soak_clients.WrongAnswer, *soak_clients.LEFT, asyncio.TimeoutError) as error:
                self.wrong.append(f"{kind.__name__}: {type(error).__name__} {error}"[:800])

    async def run(self, minutes):
        end = time.monotonic() + 60 * minutes
        await asyncio.gather(*(self.one(number, end) for number in range(self.clients)))


async def soak(server, options, secret, operator):
    draw = random.Random(options.seed)
    target = soak_clients.Target(server.address, serving.NAME, secret, draw, options.tokens)
    watch = Watch(server, operator)
    crowd = Crowd(target, options.clients, options.seed)
    await target.learn()
    looking = asyncio.create_task(watch.forever())
    await crowd.run(options.warmup)
    began = await watch.rest(options.rest)
    target.counts.clear()
    await crowd.run(options.minutes)
    ended = await watch.rest(options.rest)
    looking.cancel()
    return target, watch, crowd, began, ended


def judge(report, crowd, began, ended):
    report.require(not crowd.wrong, f"{len(crowd.wrong)} answers were wrong: {crowd.wrong[:5]}")
    for name in ("running", "waiting", "cache", "streams"):
        report.require(ended[name] == 0, f"{name} is {ended[name]} at the end, not 0")
    for name in ("connections", "requests"):
        report.require(ended[name] == 1, f"{name} are {ended[name]} at the end, not the look's one")
    for name in ("files", "threads"):
        report.require(ended[name] <= began[name], f"{name}: {began[name]} grew to {ended[name]}")
    grown = ended["resident_mib"] - began["resident_mib"]
    allowed = max(ALLOWED_GROWTH * began["resident_mib"], ALLOWED_GROWTH_MIB)
    report.require(grown <= allowed, f"resident memory grew by {grown:.1f} MiB")


def each_minute(samples, most_rows=24):
    """The most of every gauge in stretches of equal length."""
    size = max(1, -(-len(samples) // most_rows))
    stretches = [samples[at:at + size] for at in range(0, len(samples), size)]
    return [[stretch[0]["minute"], *(max(one[name] for one in stretch) for name in
             ("resident_mib", "files", "threads", "connections", "running", "waiting", "cache"))]
            for stretch in stretches]


def write(report, options, found):
    target, watch, crowd, began, ended = found
    report.figures = {"began": began, "ended": ended, "did": target.counts, "wrong": crowd.wrong,
                      "model": options.model}
    report.paragraph(
        f"{options.clients} clients for {options.minutes:g} minutes against the model "
        f"`{options.model}`, one thread computing, after a warm-up of {options.warmup:g} minutes "
        f"with the same clients. \"Began\" and \"ended\" are read after {options.rest} s without "
        "clients.")
    names = ["resident_mib", "private_mib", "files", "threads", "connections", "requests",
             "running", "waiting", "cache", "streams"]
    report.table(["", "began", "ended"], [[name, began[name], ended[name]] for name in names])
    report.paragraph("Connections and requests count the one that reads them. What clients did "
                     "(most several requests; each answer compared with what the same question "
                     "and seed was answered alone):")
    report.table(["did", "times"], sorted(target.counts.items(), key=lambda one: -one[1]))
    report.paragraph(f"Wrong answers: {len(crowd.wrong)}. The most of each in stretches of time, "
                     "warm-up and rests included:")
    report.table(["minute", "resident MiB", "files", "threads", "connections", "running",
                  "waiting", "cache in use"], each_minute(watch.samples))
    judge(report, crowd, began, ended)


def main():
    parser = report_page.parser_for(__doc__, minutes=30)
    parser.add_argument("--warmup", type=float, help="minutes; a fifth of --minutes, up to 5")
    parser.add_argument("--rest", type=float, default=170, help="seconds before memory is read")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=48, help="asked for at most")
    options = parser.parse_args()
    if options.warmup is None:
        options.warmup = min(options.minutes / 5, 5)
    report = report_page.Report("Soak", options)
    with report_page.workplace(options) as (folder, model):
        store = ["--data-path", str(folder / "data")]
        secret = serving.make_key(options.program, "soak", *store)["secret"]
        operator = serving.make_key(options.program, "operator", "--scope", "admin",
                                    *store)["secret"]
        with serving.Server(options.program, model, folder, "--threads", "1", "--cache-bytes",
                            "64MiB", "--ctx", "2048", *store) as server:
            write(report, options, asyncio.run(soak(server, options, secret, operator)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
