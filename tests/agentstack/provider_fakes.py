"""Small servers for the providers' clients: each test says what its server does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve

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

    def __init__(self, script: Callable[["FakeDeepgram", ServerConnection, int], Awaitable[None]]) -> None:
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
        async with serve(self.handle, "127.0.0.1", 0, ping_interval=None) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


def run(main: Awaitable[Any], timeout_s: float = 10.0) -> Any:
    """A hung test ends."""
    return asyncio.run(asyncio.wait_for(main, timeout_s))
