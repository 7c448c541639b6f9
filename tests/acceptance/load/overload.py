#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Four times what a server can take: what becomes of its memory, its clients and one light key?

    python3 tests/acceptance/load/overload.py --program build/release/deepseek --minutes 6

In turns: capacity (as many clients as sequences run), the light key alone, then a heavy key with
four times as many clients as run and wait together, the light key beside it. Clients that are
refused come again when Retry-After says. Measuring clients have processes of their own.
"""

import asyncio
import statistics
import sys
import time

import report_page
import serving
import wire
from report_page import percentile
from probes import Apart, ask_now_and_then, probe_health

PATH = "/v1/chat/completions"
LONGEST_RETRY_MS = 120_000
RETRIES = 2  # of official clients


def body_for(text, tokens, seed, **more):
    return {"model": serving.NAME, "messages": [{"role": "user", "content": text}],
            "max_tokens": tokens, "seed": seed, "temperature": 1, "ignore_eos": True,
            "thinking": {"type": "disabled"}, **more}


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


class Flood:
    """Clients of one key that ask again and again, each as soon as it is answered."""

    def __init__(self, address, secret, options):
        self.address, self.key, self.options = address, bearer(secret), options
        self.done, self.retry_ms, self.failed = [], [], []

    async def answered(self, connection, seed):
        """Asks until it is taken; seconds and how often it was refused."""
        body = body_for(f"question {seed} " * 8, self.options.tokens, seed)
        began, refused = time.monotonic(), 0
        while True:
            reply = await connection.ask("POST", PATH, body, self.key)
            if reply.status != 429:
                break
            refused += 1
            self.retry_ms.append(int(reply.headers["retry-after-ms"]))
            if int(reply.headers["retry-after"]) * 1000 < self.retry_ms[-1]:
                self.failed.append("Retry-After is shorter than retry-after-ms")
            await asyncio.sleep(self.retry_ms[-1] / 1000)
        if reply.status != 200 or reply.json()["usage"]["completion_tokens"] != self.options.tokens:
            self.failed.append(f"{reply.status} {reply.body[:200]!r}")
        self.done.append((time.monotonic(), time.monotonic() - began, refused))

    async def client(self, number, end):
        seed = number * 1_000_000
        async with await wire.Connection.open(self.address, patience=600) as connection:
            while time.monotonic() < end:
                seed += 1
                try:
                    await self.answered(connection, seed)
                except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                    self.failed.append(f"{type(error).__name__} {error}")
                    return

    async def run(self, clients, seconds):
        """Answers a second within the time, those that came while it still ran down left out."""
        begin = time.monotonic()
        end = begin + seconds
        await asyncio.gather(*(self.client(number, end) for number in range(clients)))
        return sum(1 for when, *_ in self.done if when < end) / seconds


async def watch_memory(server, seen):
    while True:
        seen.append(serving.vitals(server.process.pid).resident_mib)
        await asyncio.sleep(0.5)


def start_light(server, secret):
    body = body_for("A light question.", 16, 0, stream=True)
    return Apart(ask_now_and_then, server.address, PATH, body, bearer(secret), 0.3)


async def measure(server, options, keys):
    """The three turns."""
    seconds, found = options.minutes * 60 / 3, {}
    capacity = Flood(server.address, keys["heavy"], options)
    found["capacity"] = await capacity.run(options.max_running, seconds)
    found["capacity failures"] = capacity.failed

    light, health = start_light(server, keys["light"]), Apart(probe_health, server.address)
    await asyncio.sleep(seconds)
    found["light alone"], found["health alone"] = light.result(), health.result()
    found["began_mib"] = serving.vitals(server.process.pid).resident_mib

    flood = Flood(server.address, keys["heavy"], options)
    memory = []
    watching = asyncio.create_task(watch_memory(server, memory))
    light, health = start_light(server, keys["light"]), Apart(probe_health, server.address)
    found["goodput"] = await flood.run(options.clients, seconds)
    found["light beside"], found["health beside"] = light.result(), health.result()
    watching.cancel()
    await asyncio.sleep(5)
    found["ended_mib"] = serving.vitals(server.process.pid).resident_mib
    found["most_mib"] = max(memory)
    found["flood"] = flood
    return found


def milliseconds(values, *shares):
    return [1000 * percentile(values, share) for share in shares]


def light_rows(found):
    rows = []
    for name, what in (("alone", found["light alone"]),
                       ("beside the flood", found["light beside"])):
        first, whole = ([one[key] for one in what] for key in ("first", "whole"))
        rows.append([name, len(what), *milliseconds(first, 0.5, 0.95),
                     *milliseconds(whole, 0.5, 0.95), sum(one["refused"] for one in what)])
    return rows


def health_rows(found):
    return [[name, len(what["took"]), *milliseconds(what["took"], 0.5, 0.99, 1),
             *milliseconds(what["overshoot"], 0.5, 0.99)]
            for name, what in (("alone", found["health alone"]),
                               ("under the flood", found["health beside"]))]


def write(report, options, found):
    flood = found["flood"]
    attempts = [refused + 1 for _, _, refused in flood.done]
    light, health = light_rows(found), health_rows(found)
    slower = light[1][5] / light[0][5]
    report.figures = {
        "capacity_per_second": found["capacity"], "goodput_per_second": found["goodput"],
        "began_mib": found["began_mib"], "most_mib": found["most_mib"],
        "ended_mib": found["ended_mib"], "answered": len(flood.done),
        "refused": len(flood.retry_ms), "light": light, "health": health,
        "light_p95_ratio": slower}
    report.paragraph(
        f"`{options.model}`, one thread computing, {options.max_running} sequences run and "
        f"{options.max_waiting} requests wait at most. A request is some {8 * 12} bytes of prompt "
        f"and {options.tokens} tokens. The flood is {options.clients} clients of one key, each asking "
        "again as soon as it is answered and coming back when `retry-after-ms` says.")
    report.table(["", "value"], [
        ["capacity, answers a second", found["capacity"]],
        ["answers a second under the flood", found["goodput"]],
        ["answered in the end", f"{len(flood.done)}, all" if not flood.failed else
         f"{len(flood.done)}, failed {len(flood.failed)}"],
        ["refused with 429", len(flood.retry_ms)],
        ["attempts to an answer: median, p95, most",
         f"{statistics.median(attempts):g}, {percentile(attempts, 0.95)}, {max(attempts)}"],
        ["retry-after-ms: least, median, most",
         f"{min(flood.retry_ms)}, {statistics.median(flood.retry_ms):g}, {max(flood.retry_ms)}"
         if flood.retry_ms else "none"],
        ["resident MiB: before, most, after",
         ", ".join(f"{found[name]:.0f}" for name in ("began_mib", "most_mib", "ended_mib"))]])
    report.paragraph("The light key: a short streamed question, a pause of 0.3 s, and again. Times "
                     "are ms from the first attempt, refusals and waits included.")
    report.table(["light key", "answers", "first token p50", "p95", "whole p50", "p95",
                  "times refused"], light)
    report.paragraph("`/health` over a kept connection, ms; beside it by how much a sleep of 1 ms "
                     "overshoots in the same process, which is what the machine itself adds.")
    report.table(["/health", "asked", "p50", "p99", "most", "sleep p50", "sleep p99"], health)
    report.require(not flood.failed and not found["capacity failures"],
                   f"failures: {flood.failed[:3]} {found['capacity failures'][:3]}")
    report.require(all(0 < ms <= LONGEST_RETRY_MS for ms in flood.retry_ms),
                   "retry-after-ms is out of range")
    report.require(percentile(attempts, 0.95) <= 1 + RETRIES,
                   f"obeying retry-after-ms takes {percentile(attempts, 0.95)} attempts (p95); "
                   f"official clients make {1 + RETRIES}")
    report.require(found["goodput"] > 0.8 * found["capacity"], "answers a second fell by a fifth")
    report.require(health[1][3] < 10, f"/health p99 is {health[1][3]:.1f} ms, not below 10")
    report.require(light[1][6] == 0, "the light key was refused for what the heavy one queued")


def main():
    parser = report_page.parser_for(__doc__, minutes=6)
    parser.add_argument("--max-running", type=int, default=8)
    parser.add_argument("--max-waiting", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--clients", type=int,
                        help="of the flood; four times what runs and waits together")
    options = parser.parse_args()
    if options.clients is None:
        options.clients = 4 * (options.max_running + options.max_waiting)
    report = report_page.Report("Overload", options)
    with report_page.workplace(options) as (folder, model):
        store = ["--data-path", str(folder / "data")]
        keys = {name: serving.make_key(options.program, name, *store)["secret"]
                for name in ("heavy", "light")}
        with serving.Server(options.program, model, folder, "--threads", "1",
                            "--max-running", str(options.max_running),
                            "--max-waiting", str(options.max_waiting), *store) as server:
            write(report, options, asyncio.run(measure(server, options, keys)))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
