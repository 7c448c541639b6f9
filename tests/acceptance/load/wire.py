# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as bytes on asyncio: what client libraries hide, such as half a request, can be sent."""

import asyncio
import contextlib
import json

READ_LIMIT = 64 << 10


class Reply:
    """A status, its headers with lower-case names, and the whole body."""

    def __init__(self, status, headers, body=b""):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def request_bytes(method, path, body=None, headers=None):
    """A request as it goes over the wire; a body that is no bytes is sent as JSON."""
    fields = {"Host": "127.0.0.1", **(headers or {})}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        fields.setdefault("Content-Type", "application/json")
    if body is not None:
        fields.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


class Connection:
    """One connection, kept between requests. Every wait ends after `patience` seconds."""

    def __init__(self, reader, writer, patience):
        self.reader, self.writer, self.patience = reader, writer, patience
        self.headers = {}

    @classmethod
    async def open(cls, address, patience=120):
        opening = asyncio.open_connection(*address, limit=READ_LIMIT)
        return cls(*await asyncio.wait_for(opening, patience), patience)

    async def send(self, data):
        self.writer.write(data)
        await asyncio.wait_for(self.writer.drain(), self.patience)

    async def ask(self, method, path, body=None, headers=None):
        await self.send(request_bytes(method, path, body, headers))
        return await self.reply()

    async def reply(self):
        reply = await self.head()
        reply.body = b"".join([piece async for piece in self.pieces()])
        return reply

    async def head(self):
        """The status line and headers; pieces() then gives the body."""
        while True:
            text = await self._wait(self.reader.readuntil(b"\r\n\r\n"))
            first, *lines = text.decode("latin-1").split("\r\n")
            status = int(first.split(" ", 2)[1])
            if status != 100:
                break
        pairs = (line.split(":", 1) for line in lines if line)
        self.headers = {name.strip().lower(): value.strip() for name, value in pairs}
        return Reply(status, self.headers)

    async def pieces(self):
        """The body's bytes as they arrive."""
        if self.headers.get("transfer-encoding") == "chunked":
            while size := int(await self._wait(self.reader.readuntil(b"\r\n")), 16):
                yield await self._wait(self.reader.readexactly(size))
                await self._wait(self.reader.readexactly(2))
            await self._wait(self.reader.readexactly(2))
        elif "content-length" in self.headers:
            yield await self._wait(self.reader.readexactly(int(self.headers["content-length"])))
        else:
            yield await self._wait(self.reader.read())

    async def _wait(self, reading):
        return await asyncio.wait_for(reading, self.patience)

    def stays_open(self):
        return self.headers.get("connection", "").lower() != "close"

    def abort(self):
        """Resets the connection."""
        self.writer.transport.abort()

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()


async def ask(address, method, path, body=None, headers=None, patience=120):
    """One request on a connection of its own."""
    async with await Connection.open(address, patience) as connection:
        return await connection.ask(method, path, body, headers)


def events(body):
    """The JSON of each `data:` line but the last, [DONE]."""
    lines = body.decode().split("\n")
    datas = [line[len("data: "):] for line in lines if line.startswith("data: ")]
    return [json.loads(data) for data in datas if data != "[DONE]"]
