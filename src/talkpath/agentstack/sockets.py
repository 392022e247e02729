"""A WebSocket that is written to without waiting: a task and a lock for every message cost more than the message."""

from __future__ import annotations

from collections.abc import Iterable

from websockets.asyncio.client import ClientConnection
from websockets.protocol import OPEN


class Socket(ClientConnection):
    """A connection of `websockets` (`create_connection=Socket`) with two more methods. `send` is not mixed with `put`."""

    @property
    def is_full(self) -> bool:
        """The other side does not read: `drain` says when it does again."""
        return self.paused

    def put(self, messages: Iterable[str | bytes]) -> bool:
        """All of them in one write. False: the connection is closing, and none was written."""
        protocol, transport = self.protocol, self.transport
        if protocol.state is not OPEN or transport.is_closing():
            return False
        for message in messages:
            if isinstance(message, str):
                protocol.send_text(message.encode())
            else:
                protocol.send_binary(message)
        transport.write(b"".join(protocol.data_to_send()))
        return True
