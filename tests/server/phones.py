"""A provider on a socket, for tests over the loopback."""

import asyncio
import time

import numpy as np
import pytest
from world import STARTS, silence

from talkpath import streams
from talkpath.server import MediaServer
from talkpath.streams import ClearRequest, MarkRequest, Media

websockets = pytest.importorskip("websockets.asyncio.client", reason="needs the extra: talkpath[server]")


class Phone:
    """A provider on a socket: paced, plays what it gets, answers marks."""

    def __init__(self, dialect: str) -> None:
        self.provider = streams.DIALECTS[dialect]("provider")
        self.start = STARTS[dialect]
        self.got: list[tuple[float, object]] = []
        self.closed = asyncio.Event()
        self.tasks: list[asyncio.Task] = []
        self.played = 0.0

    async def dial(self, server: MediaServer, path: str | None = None, **options: object) -> "Phone":
        if self.start.dialect == "audiosocket" or self.provider.transport == "tcp":
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", server.audiosocket_port)
        else:
            path = f"/{self.provider.dialect}" if path is None else path
            protocols = list(self.provider.subprotocols) or None
            url = f"ws://127.0.0.1:{server.port}{path}"
            self.socket = await websockets.connect(url, subprotocols=protocols, compression=None, **options)
        self.tasks = [asyncio.create_task(self.read()), asyncio.create_task(self.talk())]
        return self

    async def send(self, data: str | bytes | None) -> None:
        if data is None:
            return
        if self.provider.transport == "tcp":
            self.writer.write(data)
        else:
            await self.socket.send(data)

    async def talk(self) -> None:
        for data in self.provider.open(self.start):
            await self.send(data)
        begin = time.monotonic()
        frame = silence(self.start.wire)
        n = 0
        while not self.closed.is_set():
            if self.provider.ready:
                await self.send(self.provider.media(frame))
            n += 1
            await asyncio.sleep(max(0, begin + 0.02 * n - time.monotonic()))

    async def read(self) -> None:
        try:
            if self.provider.transport == "tcp":
                while data := await self.reader.read(65536):
                    await self.take(data)
            else:
                async for data in self.socket:
                    await self.take(data)
        finally:
            self.closed.set()

    async def take(self, data: str | bytes) -> None:
        for message in self.provider.receive(data):
            now = time.monotonic()
            self.got.append((now, message))
            if isinstance(message, Media):
                self.played = max(self.played, now) + 0.02
            elif isinstance(message, ClearRequest):
                self.played = min(self.played, now)
            elif isinstance(message, MarkRequest):
                name, wait = message.name, max(0.0, self.played - now)
                self.tasks.append(asyncio.create_task(self.answer(name, wait)))
        for answer in self.provider.data_to_send():
            await self.send(answer)

    async def answer(self, name: str, wait: float) -> None:
        await asyncio.sleep(wait)
        if not self.closed.is_set():
            await self.send(self.provider.mark(name))

    async def hang_up(self) -> None:
        await self.send(self.provider.stop())
        if self.provider.transport == "tcp":
            self.writer.close()
        else:
            await self.socket.close()

    async def over(self, timeout: float = 5) -> None:
        await asyncio.wait_for(self.closed.wait(), timeout)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    def of(self, kind: type) -> list:
        return [m for _, m in self.got if isinstance(m, kind)]

    def gaps(self) -> np.ndarray:
        return np.diff([t for t, m in self.got if isinstance(m, Media)])


async def refused(server: MediaServer, path: str, **options: object) -> int:
    try:
        socket = await websockets.connect(f"ws://127.0.0.1:{server.port}{path}", **options)
    except Exception as problem:
        return problem.response.status_code
    await socket.close()
    return 101


async def get(server: MediaServer, path: str) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split()[1]), answer.partition("\r\n\r\n")[2]
