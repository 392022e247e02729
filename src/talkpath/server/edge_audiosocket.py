"""AudioSocket over TCP."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from talkpath.server.door import ACCEPTS, CLOSE_TIMEOUT_S, Door, set_options
from talkpath.server.lines import Line


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._line: Line | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        set_options(transport)
        self._line = self._door.enter_audiosocket(self)
        if self._line is None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._line is not None:
            self._line.receive(data)

    def connection_lost(self, problem: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        line, self._line = self._line, None
        if line is not None:
            line.closed()
        self._door.left(self)

    def send(self, data: str | bytes) -> None:
        """See `Connection`."""
        assert isinstance(data, bytes)
        self._transport.write(data)

    @property
    def unsent_bytes(self) -> int:
        """See `Connection`."""
        return self._transport.get_write_buffer_size()

    def finish(self, reason: str) -> None:
        """See `Connection`."""
        self._transport.close()
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self._transport.abort)


async def listen(door: Door, listener: socket.socket) -> asyncio.Server:
    """Takes connections from a socket that listens."""
    server = await asyncio.get_running_loop().create_server(lambda: Client(door), sock=listener, backlog=ACCEPTS)
    listener.listen(1024)
    return server
