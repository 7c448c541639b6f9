# SPDX-License-Identifier: Apache-2.0
"""A TCP front before several servers, as a Kubernetes Service is one: it chooses for new
connections alone and never looks into them."""

import asyncio
import contextlib

import wire

POLL_SECONDS = 0.1
CHUNK = 64 << 10


class Front:
    """New connections go in turn to the servers that are listed and whose /ready is green."""

    def __init__(self):
        self.listed, self.green, self.turn = [], set(), 0
        self.without = 0  # connections for which there was no server
        self.server = self.polling = self.address = None
        self.carrying = set()

    async def start(self):
        self.server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = self.server.sockets[0].getsockname()
        self.polling = asyncio.create_task(self._poll())

    async def stop(self):
        self.server.close()
        tasks = [self.polling, *self.carrying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def list(self, address):
        self.listed.append(address)

    def unlist(self, address):
        self.listed.remove(address)
        self.green.discard(address)

    async def wait_green(self, address):
        while address not in self.green:
            await asyncio.sleep(POLL_SECONDS / 4)

    async def _poll(self):
        while True:
            for address in list(self.listed):
                await self._look(address)
            await asyncio.sleep(POLL_SECONDS)

    async def _look(self, address):
        try:
            reply = await wire.ask(address, "GET", "/ready", patience=5)
            ready = reply.status == 200
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            ready = False
        if ready and address in self.listed:
            self.green.add(address)
        else:
            self.green.discard(address)

    def _accept(self, reader, writer):
        task = asyncio.create_task(self._carry(reader, writer))
        self.carrying.add(task)
        task.add_done_callback(self.carrying.discard)

    async def _carry(self, reader, writer):
        usable = [address for address in self.listed if address in self.green]
        if not usable:
            self.without += 1
            writer.transport.abort()
            return
        self.turn += 1
        try:
            behind = await asyncio.open_connection(*usable[self.turn % len(usable)])
        except OSError:
            self.without += 1
            writer.transport.abort()
            return
        await asyncio.gather(self._copy(reader, behind[1]), self._copy(behind[0], writer))

    @staticmethod
    async def _copy(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
