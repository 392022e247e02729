"""A WebSocket that is written to without waiting: a task and a lock for every message cost more than the message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame, Opcode
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


class DirectSocket(Socket):
    """What comes is given to a function, in its order; nothing is to be read."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._early: list[str | bytes] = []
        self._take: Callable[[str | bytes], None] = self._early.append
        self._parts: list[bytes] = []
        self._is_text = False

    def listen(self, take: Callable[[str | bytes], None]) -> None:
        """It must not raise. What has come before is given first."""
        early, self._early = self._early, []
        self._take = take
        for message in early:
            take(message)

    async def hear(self, take: Callable[[str | bytes], None]) -> NoReturn:
        """`listen` until the connection is gone: raises why (`ConnectionClosed`), or what `take` raises."""
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def one(message: str | bytes) -> None:
            if failed.done():
                return
            try:
                take(message)
            except Exception as problem:
                failed.set_exception(problem)

        self.listen(one)
        closed = asyncio.ensure_future(self.wait_closed())
        try:
            await asyncio.wait((failed, closed), return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
        finally:
            closed.cancel()
            if not failed.cancel():
                failed.exception()  # seen, though nobody may wait any more
        raise self.close_exc

    def process_event(self, event: Any) -> None:
        """See `ClientConnection`, which calls it for all that comes."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        if event.opcode is not Opcode.CONT:
            self._is_text = event.opcode is Opcode.TEXT
        self._parts.append(bytes(event.data))
        if event.fin:
            data, self._parts = b"".join(self._parts), []
            self._take(data.decode(errors="replace") if self._is_text else data)
