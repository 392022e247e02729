"""Small servers for the providers' clients: each test says what its server does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

RATE = 8000


def results(text: str, start_s: float = 0.0, duration_s: float = 1.0, **more: Any) -> dict[str, Any]:
    """A message as Deepgram's reference shows it."""
    final = more.pop("is_final", True)
    words = [{"word": w, "start": 0.1, "end": 0.4, "confidence": 0.98, **more.pop("word", {})} for w in text.split()]
    return {
        "type": "Results",
        "channel_index": [0, 1],
        "duration": duration_s,
        "start": start_s,
        "is_final": final,
        "speech_final": more.pop("speech_final", False),
        "channel": {
            "alternatives": [
                {"transcript": text, "confidence": 0.99 if text else 0.0, "words": words, **more.pop("heard", {})}
            ]
        },
        "metadata": {
            "request_id": "4899aa60-f723-4517-9815-2042acc12a82",
            "model_info": {"name": "general-nova-3", "version": "2025-01-09.0", "arch": "nova-3"},
            "model_uuid": "96a295ec-6336-43d5-b1cb-1e48b5e6d9a4",
        },
        "from_finalize": more.pop("from_finalize", False),
        **more,
    }


class FakeDeepgram:
    """Takes notes; `script(self, socket, number)` is what one connection does."""

    def __init__(self, script: Callable[[FakeDeepgram, ServerConnection, int], Awaitable[None]]) -> None:
        self.script, self.connections = script, 0
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.audio: list[bytearray] = []
        self.messages: list[list[str]] = []

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.headers.append(dict(socket.request.headers.raw_items()))
        self.audio.append(bytearray())
        self.messages.append([])
        self.connections += 1
        await self.script(self, socket, self.connections - 1)

    async def listen(self, socket: ServerConnection, until: str | int) -> None:
        """Reads to a message of this type, or until so many bytes of audio are here."""
        while True:
            if isinstance(until, int) and len(self.audio[-1]) >= until:
                return
            message = await socket.recv()
            if isinstance(message, bytes):
                self.audio[-1] += message
                continue
            kind = json.loads(message)["type"]
            self.messages[-1].append(kind)
            if kind == until:
                return

    @asynccontextmanager
    async def at(self):
        from websockets.asyncio.server import serve

        async with serve(self.handle, "127.0.0.1", 0, ping_interval=None) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def run(main: Awaitable[Any], timeout_s: float = 10.0) -> Any:
    """A hung test ends."""
    return asyncio.run(asyncio.wait_for(main, timeout_s))


class FakeHttp:
    """An HTTP/1.1 server: `answer(request)` gives the status, the headers and the body's pieces. A piece may be a number: so many seconds of nothing.

    None among the pieces cuts the connection.
    """

    def __init__(self, answer: Callable[[Request], tuple[int, dict[str, str], Any]]) -> None:
        self.answer, self.connections = answer, 0
        self.requests: list[Request] = []
        self.is_left = asyncio.Event()  # a client went before the end

    @asynccontextmanager
    async def at(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = first.split(" ")
        request = Request(method, path, headers, json.loads(body) if body else None)
        self.requests.append(request)
        status, more, pieces = self.answer(request)
        head = "".join(f"{k}: {v}\r\n" for k, v in more.items())
        writer.write(f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n{head}\r\n".encode())
        for piece in [pieces] if isinstance(pieces, bytes) else pieces:
            if piece is None:
                writer.transport.abort()
                return False
            if isinstance(piece, (int, float)):
                await writer.drain()
                try:
                    await asyncio.wait_for(reader.read(1), piece)
                except TimeoutError:
                    continue
                self.is_left.set()
                return False
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b"")
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: Any
