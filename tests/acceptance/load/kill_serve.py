#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills `deepseek serve` at random moments: is a charge lost, or made twice?

    python3 tests/acceptance/load/kill_serve.py --program build/release/deepseek --kills 200

The store is PostgreSQL where it is installed, or SQLite with --sqlite. Each request has a pair of
prompt and output lengths that no other has in the life of its key, so its row in the ledger is
known. What a kill cut off is asked again with the same Idempotency-Key. After each kill the next
server is ready, then the ledger and the balance are read with `deepseek ledger` and `deepseek key`.
"""

import asyncio
import collections
import contextlib
import itertools
import json
import random
import subprocess
import sys

import report_page
import postgres
import serving
import wire

PATH = "/v1/completions"
PRICES = """currency: USD
models:
  "*":
    - {from: 2020-01-01, hit: 1, miss: 2, output: 10}
"""
KILLS_A_KEY = 25
CHECKS = {
    "lost": "answered requests that are not charged",
    "twice": "requests charged twice, sent twice with one Idempotency-Key",
    "unasked": "charges for what was not sent",
    "price": "charges that are not tokens times price",
    "balance": "balances that are not the sum of their rows",
    "reserved": "balances of which something stayed reserved",
    "chain": "ledgers whose chain of hashes is broken",
}
GRANT = "1000"
LEFT = (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError)


class Account:
    """A key, what it was promised, and what its ledger says."""

    def __init__(self, program, store, number):
        self.program, self.store = program, store
        made = serving.make_key(program, f"k{number}", "--prepaid", "--grant", GRANT, *store)
        self.key_id, self.secret = made["id"], made["secret"]
        sizes = [(prompt, output) for prompt in range(10, 110) for output in range(2, 60)]
        random.Random(number).shuffle(sizes)
        self.sizes = iter(sizes)
        self.answered, self.cut = {}, {}
        self.begun = collections.Counter()

    def next_request(self):
        return next(self.sizes)

    def body(self, size, stream):
        return {"model": serving.NAME, "prompt": "x" * size[0], "max_tokens": size[1], "seed": 1,
                "temperature": 1, "ignore_eos": True, "stream": stream}

    def ledger(self):
        done = subprocess.run([self.program, "ledger", "export", "--key", self.key_id, *self.store],
                              capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def balance(self):
        done = subprocess.run([self.program, "key", "list", "--json", *self.store],
                              capture_output=True, text=True, check=True)
        return next(one for one in json.loads(done.stdout)["keys"] if one["id"] == self.key_id)


class Round:
    """The clients of one server until it is killed."""

    def __init__(self, address, account, number):
        self.address, self.account = address, account
        self.numbers = itertools.count(number * 100_000)

    async def ask(self, size, stream, name):
        """True when the whole answer came."""
        self.account.cut[name] = (size, stream)
        headers = {"Authorization": f"Bearer {self.account.secret}", "Idempotency-Key": name}
        body = self.account.body(size, stream)
        while True:
            self.account.begun[size] += 1
            reply = await wire.ask(self.address, "POST", PATH, body, headers)
            if reply.status == 409 and reply.headers["x-should-retry"] == "true":
                await asyncio.sleep(0.05)
                continue
            break
        assert reply.status == 200, f"{reply.status} {reply.body}"
        whole = reply.body.endswith(b"data: [DONE]\n\n") if stream else reply.json()["usage"]
        assert whole, reply.body
        del self.account.cut[name]
        self.account.answered[size] = name

    async def client(self, draw, again):
        with contextlib.suppress(*LEFT):
            for name, (size, stream) in again:
                await self.ask(size, stream, name)
            while True:
                await self.ask(self.account.next_request(), draw.random() < 0.5,
                               f"kill-{next(self.numbers)}")

    async def until_killed(self, process, clients, seconds, draw):
        again = list(self.account.cut.items())
        crowd = [asyncio.create_task(self.client(random.Random(draw.random()), again[i::clients]))
                 for i in range(clients)]
        await asyncio.sleep(seconds)
        process.kill()
        process.wait()
        await asyncio.gather(*crowd)


def size_of(row):
    return row["hit_tokens"] + row["miss_tokens"], row["output_tokens"]


def cost_of(row):
    return row["hit_tokens"] + 2 * row["miss_tokens"] + 10 * row["output_tokens"]


def check(account):
    """What does not hold, now that the next server is ready; and the rows of charges."""
    rows, balance, wrong = account.ledger(), account.balance(), []
    charges = [row for row in rows if row["kind"] == "charge"]
    for row in charges:
        if row["granted_micro"] + row["topped_up_micro"] != -cost_of(row):
            wrong.append(f"price: {row}")
    complete = collections.Counter(size_of(row) for row in charges if row["outcome"] == "complete")
    wrong += [f"lost: {size} was answered, not charged" for size in account.answered
              if not complete[size]]
    wrong += [f"twice: {size} is charged {times} times as complete"
              for size, times in complete.items() if times > 1]
    begun = collections.Counter()
    for (prompt, _), times in account.begun.items():
        begun[prompt] += times
    # What a kill cut off before it was first written down is recovered as nothing used.
    of_prompt = collections.Counter(size_of(row)[0] for row in charges
                                    if row["outcome"] != "recovered")
    wrong += [f"unasked: {times} charges for a prompt of {prompt}, sent {begun[prompt]} times"
              for prompt, times in of_prompt.items() if times > begun[prompt]]
    left = sum(row["granted_micro"] + row["topped_up_micro"] for row in rows)
    if balance["granted_micro"] + balance["topped_up_micro"] != left:
        wrong.append(f"balance: {balance['granted_micro']}, its rows say {left}")
    if balance["reserved_micro"] != 0:
        wrong.append(f"reserved: {balance['reserved_micro']} by nobody")
    return wrong, charges


def verify(program, store):
    done = subprocess.run([program, "ledger", "verify", *store], capture_output=True, text=True,
                          check=False)
    return [] if done.returncode == 0 else [f"chain: {done.stdout} {done.stderr}"]


class Tally:
    """Over all kills."""

    def __init__(self):
        self.kills, self.wrong, self.again, self.outcomes = 0, set(), 0, collections.Counter()

    def account_over(self, charges):
        self.outcomes.update(row["outcome"] for row in charges)


def kill_often(options, start, store):
    """A new key every so many kills; the server that follows a kill is the next to be killed."""
    draw, tally, account, charges = random.Random(options.seed), Tally(), None, []
    while True:
        server = start()
        if account:
            wrong, charges = check(account)
            tally.wrong |= {*wrong, *verify(options.program, store)}
        if tally.kills % KILLS_A_KEY == 0 or tally.kills == options.kills:
            tally.account_over(charges)
            account = Account(options.program, store, tally.kills)
        if tally.kills == options.kills:
            server.process.kill()
            server.process.wait()
            return tally
        tally.again += len(account.cut)
        asyncio.run(Round(server.address, account, tally.kills).until_killed(
            server.process, options.clients, draw.uniform(0, options.most_seconds), draw))
        tally.kills += 1


def write(report, options, tally, kind):
    report.figures = {"kills": tally.kills, "outcomes": tally.outcomes, "store": kind,
                      "asked again": tally.again, "wrong": sorted(tally.wrong)}
    report.paragraph(
        f"{tally.kills} times SIGKILL to the whole server within {options.most_seconds:g} s of its "
        f"being ready, {options.clients} clients asking all the while; the store is {kind}, a key "
        f"lives for {KILLS_A_KEY} kills. SIGKILL leaves the operating system's cache alone, so "
        "this says nothing about a power cut.")
    report.table(["", "times"], [
        *([f"charges {outcome}", times] for outcome, times in sorted(tally.outcomes.items())),
        ["requests cut off, then asked again with their Idempotency-Key", tally.again],
        *([text, sum(1 for one in tally.wrong if one.startswith(kind + ":"))]
          for kind, text in CHECKS.items())])
    report.require(not tally.wrong, f"{len(tally.wrong)} checks, such as {sorted(tally.wrong)[:4]}")


def main():
    parser = report_page.parser_for(__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--most-seconds", type=float, default=0.4)
    parser.add_argument("--sqlite", action="store_true")
    options = parser.parse_args()
    if not options.sqlite and postgres.programs() is None:
        raise SystemExit("PostgreSQL is not installed; --sqlite does without")
    report = report_page.Report("Killing the server", options)
    with contextlib.ExitStack() as stack:
        folder, model = stack.enter_context(report_page.workplace(options))
        store = (["--data-path", str(folder / "data")] if options.sqlite else
                 ["--store-url", stack.enter_context(postgres.running())])
        (folder / "prices.yaml").write_text(PRICES, encoding="utf-8")

        def start():
            server = serving.Server(options.program, model, folder, "--threads", "1", "--prices",
                                    str(folder / "prices.yaml"), *store)
            server.wait_ready()
            return server

        write(report, options, kill_often(options, start, store),
              "SQLite" if options.sqlite else "PostgreSQL")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
