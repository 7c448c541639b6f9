# SPDX-License-Identifier: Apache-2.0
"""What clients do to a server in a soak: requests whose answers are known, and worse."""

import asyncio
import contextlib
import json
import random
import time

import dialects
import wire
from dialects import DIALECTS, Question

HARD_WORDS = ["sea", "mountain", "列车", "naïve", "Ωmega", "\U0001f40b", "tab\there", "\"quoted\""]
LEFT = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class WrongAnswer(AssertionError):
    """A well-formed request was not answered as it must be."""


def expect(holds, what, reply):
    if not holds:
        raise WrongAnswer(f"{what}: {reply.status} {reply.body[:600]!r}")


def questions(draw, most_tokens):
    """A dozen questions of different lengths, seeds and scripts."""
    return [Question(" ".join(draw.choices(HARD_WORDS, k=draw.choice([2, 9, 40, 120]))),
                     draw.randrange(1 << 31), draw.randrange(4, most_tokens)) for _ in range(12)]


class Target:
    """A server, a key for it, and what it answered to each question while it was alone."""

    def __init__(self, address, model, secret, draw, most_tokens):
        self.address, self.model, self.secret, self.draw = address, model, secret, draw
        self.questions = questions(draw, most_tokens)
        self.known = {}
        self.counts = {}

    @property
    def key(self):
        return {"Authorization": f"Bearer {self.secret}"}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    async def learn(self):
        for question in self.questions:
            for dialect in {one.form: one for one in reversed(DIALECTS)}.values():
                reply = await self.ask("POST", dialect.path,
                                       dialects.body_of(dialect, self.model, question, False))
                expect(reply.status == 200, dialect.name, reply)
                self.known[question, dialect.form] = dialect.whole(reply.json())

    def any_question(self):
        return self.draw.choice(DIALECTS), self.draw.choice(self.questions)

    def body(self, dialect, question, stream):
        return dialects.body_of(dialect, self.model, question, stream)

    def check(self, dialect, question, reply, text):
        known = self.known[question, dialect.form]
        expect(text == known, f"{dialect.name}, seed {question.seed}: {text!r} is not {known!r}",
               reply)

    async def connect(self):
        return await wire.Connection.open(self.address)

    async def ask(self, method, path, body=None, headers=None):
        return await wire.ask(self.address, method, path, body, {**self.key, **(headers or {})})


async def ask_whole(target):
    """Some questions over one connection."""
    async with await target.connect() as connection:
        for _ in range(target.draw.randrange(1, 5)):
            dialect, question = target.any_question()
            reply = await connection.ask("POST", dialect.path,
                                         target.body(dialect, question, False), target.key)
            expect(reply.status == 200, dialect.name, reply)
            target.check(dialect, question, reply, dialect.whole(reply.json()))


async def ask_streamed(target):
    async with await target.connect() as connection:
        for _ in range(target.draw.randrange(1, 5)):
            dialect, question = target.any_question()
            reply = await connection.ask("POST", dialect.path,
                                         target.body(dialect, question, True), target.key)
            expect(reply.status == 200, dialect.name, reply)
            target.check(dialect, question, reply, dialect.streamed(reply.body))


async def leave(target):
    """Resets the connection at a random moment of a request."""
    connection = await target.connect()
    dialect, question = target.any_question()
    stream = target.draw.random() < 0.7
    await connection.send(wire.request_bytes(
        "POST", dialect.path, target.body(dialect, question, stream), target.key))

    async def read_on():
        await connection.head()
        async for _ in connection.pieces():
            pass

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read_on(), target.draw.uniform(0, 0.3))
    connection.abort()


async def read_slowly(target):
    """A stream that is taken a piece at a time, with rests."""
    dialect, question = target.any_question()
    async with await target.connect() as connection:
        await connection.send(wire.request_bytes(
            "POST", dialect.path, target.body(dialect, question, True), target.key))
        reply = await connection.head()
        async for piece in connection.pieces():
            reply.body += piece
            await asyncio.sleep(target.draw.uniform(0, 0.2))
    expect(reply.status == 200, dialect.name, reply)
    target.check(dialect, question, reply, dialect.streamed(reply.body))


async def send_half(target):
    """The beginning of a request, then silence; some wait for the 408."""
    dialect, question = target.any_question()
    request = wire.request_bytes("POST", dialect.path, target.body(dialect, question, False),
                                 target.key)
    connection = await target.connect()
    await connection.send(request[:target.draw.randrange(1, len(request))])
    if target.draw.random() < 0.1:
        with contextlib.suppress(*LEFT, asyncio.TimeoutError):
            await asyncio.wait_for(connection.reply(), 80)
    else:
        await asyncio.sleep(target.draw.uniform(0, 1))
    connection.abort()


async def send_huge(target):
    """A body beyond the limit, and one within it that holds a prompt far beyond the context."""
    reply = await target.ask("POST", "/v1/chat/completions", b"{", {"Content-Length": "60000000"})
    expect(reply.status == 413, "60 MB", reply)
    body = target.body(DIALECTS[0], Question("word " * 200_000, 1, 4), False)
    reply = await target.ask("POST", "/v1/chat/completions", body)
    expect(reply.status == 400 and b"context_length_exceeded" in reply.body, "1 MB prompt", reply)


MALFORMED = [
    (b"{\"model\": ", (400,)), (b"\xff\xfe\x00nonsense", (400,)), (b"", (400,)), (b"[]", (400,)),
    (b"[" * 100_000, (400,)), (b"{\"messages\": \"\xc3\x28\"}", (400,)),
    (b"{\"messages\": [{\"role\": \"user\", \"content\": \"\xf0\x9f\"}]}", (400,)),
    (b"{\"messages\": []}", (400, 422)), (b"{\"messages\": 7}", (400,)),
    (b"{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"max_tokens\": -1}", (422,)),
    (b"{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}], \"temperature\": 1e999}",
     (400, 422)),
]


async def send_malformed(target):
    body, statuses = target.draw.choice(MALFORMED)
    reply = await target.ask("POST", "/v1/chat/completions", body,
                             {"Content-Type": "application/json"})
    expect(reply.status in statuses, f"{body[:60]!r}", reply)
    expect(reply.json()["error"]["message"], "a message", reply)


async def send_no_http(target):
    """Bytes that are no request at all."""
    connection = await target.connect()
    with contextlib.suppress(*LEFT):
        await connection.send(target.draw.randbytes(target.draw.randrange(1, 2000)) + b"\r\n\r\n")
        reply = await connection.reply()
        expect(reply.status == 400, "no HTTP", reply)
    connection.abort()


async def pipeline(target):
    """Several requests at once on one connection: answers come in order."""
    asked = [(*target.any_question(), target.draw.random() < 0.5) for _ in range(4)]
    async with await target.connect() as connection:
        await connection.send(b"".join(
            wire.request_bytes("POST", dialect.path, target.body(dialect, question, stream),
                               target.key) for dialect, question, stream in asked))
        for dialect, question, stream in asked:
            reply = await connection.reply()
            expect(reply.status == 200, dialect.name, reply)
            text = dialect.streamed(reply.body) if stream else dialect.whole(reply.json())
            target.check(dialect, question, reply, text)


async def idle(target):
    """Many connections that say nothing, then one request over each tenth."""
    connections = [await target.connect() for _ in range(60)]
    await asyncio.sleep(target.draw.uniform(0.5, 5))
    for connection in connections[::10]:
        reply = await connection.ask("GET", "/health")
        expect(reply.status == 200, "health", reply)
    for connection in connections:
        await connection.close()


async def resume(target):
    """Cut at a random event, resumed there: together the bytes of the answer."""
    dialect = target.draw.choice([one for one in DIALECTS if "ollama" not in one.name])
    question = target.draw.choice(target.questions)
    body, resumable = target.body(dialect, question, True), {"x-resumable": "true"}
    connection = await target.connect()
    await connection.send(wire.request_bytes("POST", dialect.path, body,
                                             {**target.key, **resumable}))
    reply = await connection.head()
    expect(reply.status == 200, dialect.name, reply)
    before = b""
    async for piece in connection.pieces():
        before += piece
        if before.count(b"\n\n") > 1 and target.draw.random() < 0.3:
            break
    connection.abort()
    before = before[:before.rindex(b"\n\n") + 2]
    last = [line for line in before.decode().split("\n") if line.startswith("id: ")][-1]
    rest = await target.ask("POST", dialect.path, body,
                            {**resumable, "Last-Event-ID": last[len("id: "):]})
    expect(rest.status == 200, "resumed", rest)
    rest.body = before + rest.body
    target.check(dialect, question, rest, dialect.streamed(rest.body))


def without_keep_alives(body):
    """What a server that was silent for long adds to a reply; a repeated one was never silent."""
    return body.replace(b": keep-alive\n\n", b"").lstrip(b"\n")


async def repeat(target):
    """Twice with one Idempotency-Key: the second time the bytes of the first."""
    dialect, question = target.any_question()
    body = target.body(dialect, question, target.draw.random() < 0.5)
    key = {"Idempotency-Key": f"soak-{target.draw.getrandbits(64):x}"}
    first = await target.ask("POST", dialect.path, body, key)
    second = await target.ask("POST", dialect.path, body, key)
    expect(first.status == 200, dialect.name, first)
    expect(second.headers.get("idempotent-replayed") == "true", "repeated", second)
    expect(second.body == without_keep_alives(first.body),
           f"repeated, after {first.body[:600]!r}", second)


async def send_wrong_key(target):
    dialect, question = target.any_question()
    wrong = target.draw.choice(["", "Bearer sk-none", "Bearer " + "x" * 5000, "Basic YTpi",
                                f"Bearer {target.secret}x"])
    reply = await wire.ask(target.address, "POST", dialect.path,
                           target.body(dialect, question, False), {"Authorization": wrong})
    expect(reply.status == 401, "a wrong key", reply)


async def ask_the_unknown(target):
    reply = await target.ask("GET", f"/v1/{target.draw.getrandbits(32):x}")
    expect(reply.status == 404, "no such path", reply)
    reply = await target.ask("DELETE", "/v1/chat/completions")
    expect(reply.status == 405, "no such method", reply)


def upload_body(lines):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    return ("--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
            "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n"
            f"{text}\r\n--B--\r\n").encode()


async def cancel_batch(target):
    """A batch, most of them cancelled on the way; each line is in one of the two files."""
    count = target.draw.randrange(5, 30)
    asked = {f"line-{i}": target.draw.choice(target.questions) for i in range(count)}
    lines = [{"custom_id": name, "method": "POST", "url": DIALECTS[0].path,
              "body": DIALECTS[0].body(target.model, question)}
             for name, question in asked.items()]
    reply = await target.ask("POST", "/v1/files", upload_body(lines),
                             {"Content-Type": "multipart/form-data; boundary=B"})
    expect(reply.status == 200, "upload", reply)
    files = [reply.json()["id"]]
    reply = await target.ask("POST", "/v1/batches", {
        "input_file_id": files[0], "endpoint": DIALECTS[0].path, "completion_window": "24h"})
    expect(reply.status == 200, "batch", reply)
    path = f"/v1/batches/{reply.json()['id']}"
    if target.draw.random() < 0.7:
        await asyncio.sleep(target.draw.uniform(0, 2))
        reply = await target.ask("POST", path + "/cancel")
        expect(reply.status in (200, 409), "cancel", reply)
    end = time.monotonic() + 300
    while (batch := (await target.ask("GET", path)).json())["status"] not in (
            "completed", "cancelled"):
        expect(time.monotonic() < end, f"a batch stays {batch['status']}", reply)
        await asyncio.sleep(0.3)
    seen = {}
    for name in filter(None, (batch.get("output_file_id"), batch.get("error_file_id"))):
        files.append(name)
        reply = await target.ask("GET", f"/v1/files/{name}/content")
        seen.update({one["custom_id"]: one for one in map(json.loads, reply.body.splitlines())})
    expect(seen.keys() == asked.keys(), "the lines of a batch", reply)
    for name, line in seen.items():
        if line["response"]:
            target.check(DIALECTS[0], asked[name], reply,
                         DIALECTS[0].whole(line["response"]["body"]))
    for name in files:
        await target.ask("DELETE", f"/v1/files/{name}")


KINDS = {ask_whole: 24, ask_streamed: 24, leave: 12, read_slowly: 5, send_half: 5, send_huge: 1,
         send_malformed: 8, send_no_http: 3, pipeline: 5, idle: 1, resume: 6, repeat: 4,
         send_wrong_key: 4, ask_the_unknown: 2, cancel_batch: 1}


def random_kind(draw: random.Random):
    return draw.choices(list(KINDS), list(KINDS.values()))[0]
