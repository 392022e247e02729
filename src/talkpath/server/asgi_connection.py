"""One WebSocket of an ASGI server: messages out and in, refusals, and where the app is mounted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import quote

from talkpath.server.door import Answer
from talkpath.server.lines import Line

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

log = logging.getLogger("talkpath.server")

CLOSE_TIMEOUT_S = 2.0  # so long the last words may take


class AsgiConnection:
    """What carries a line: messages wait here until the ASGI server takes them."""

    def __init__(self, send: Send, subprotocol: str | None) -> None:
        self._send = send
        self._subprotocol = subprotocol
        self._waiting: deque[str | bytes] = deque()
        self._news = asyncio.Event()
        self._reason: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._writer = asyncio.ensure_future(self._write())
        self._is_gone = False
        self.unsent_bytes = 0

    async def carry(self, line: Line, receive: Receive) -> None:
        """To the end of the connection, from whichever side."""
        reader = asyncio.ensure_future(_read(line, receive))
        try:
            await asyncio.wait({reader, self._writer}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._is_gone = True
            reader.cancel()
            self._writer.cancel()
            if self._timer is not None:
                self._timer.cancel()
        for task in (reader, self._writer):
            if task.done() and not task.cancelled() and task.exception() is not None:
                log.error("a connection failed", exc_info=task.exception())

    def send(self, data: str | bytes) -> None:
        """See `Connection`."""
        if not self._is_gone:
            self._waiting.append(data)
            self.unsent_bytes += len(data)
            self._news.set()

    def finish(self, reason: str) -> None:
        """See `Connection`."""
        if not self._is_gone:
            self._reason = reason
            self._news.set()
            self._timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._writer.cancel)

    async def _write(self) -> None:
        # What ASGI servers raise when the client has gone: OSError (the specification), RuntimeError (older ones).
        with contextlib.suppress(OSError, RuntimeError):
            await self._send({"type": "websocket.accept", "subprotocol": self._subprotocol})
            while True:
                while self._waiting:
                    data = self._waiting.popleft()
                    await self._send({"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data})
                    self.unsent_bytes -= len(data)
                if self._reason is not None:
                    reason = self._reason.encode()[:120].decode("utf-8", "ignore")
                    await self._send({"type": "websocket.close", "code": 1000, "reason": reason})
                    return
                self._news.clear()
                await self._news.wait()


async def _read(line: Line, receive: Receive) -> None:
    while True:
        message = await receive()
        if message["type"] != "websocket.receive":
            return
        data = message.get("text")
        line.receive(message["bytes"] if data is None else data)


def paths(scope: Message) -> tuple[str, str]:
    """The path below where the app is mounted, and the path before it, as they came (not decoded) where the server says so."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(scope["path"])
    prefix = quote(scope.get("root_path", "").rstrip("/"))
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        return path[len(prefix) :], prefix
    return path, prefix


async def respond(answer: Answer, kind: str, send: Send, *, with_body: bool = True) -> None:
    """An answer that begins no call; `kind`: "http.response" or "websocket.http.response"."""
    body = answer.body.encode()
    headers = {b"content-type": b"text/plain; charset=utf-8", b"content-length": str(len(body)).encode()}
    headers |= {name.lower().encode(): value.encode() for name, value in answer.headers}
    await send({"type": f"{kind}.start", "status": answer.status, "headers": list(headers.items())})
    await send({"type": f"{kind}.body", "body": body if with_body else b""})
