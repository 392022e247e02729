"""WebSocket by `websockets`: its protocol without I/O, on a transport of the loop. Nothing here waits, so a frame leaves when it is due."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import CLOSED, OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from talkpath.server.door import ACCEPTS, CLOSE_TIMEOUT_S, OPEN_TIMEOUT_S, Door, set_options
from talkpath.server.lines import Line

SLICE_BYTES = 4096


class Client(asyncio.Protocol):
    """One connection, from the upgrade to the end."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(
            max_size=door.max_message_bytes, select_subprotocol=lambda _, offered: _subprotocol(door, offered)
        )
        self._line: Line | None = None
        self._parts: list[bytes] = []  # of a message that comes in pieces
        self._opcode = Opcode.TEXT
        self._size = 0
        self._waiting = bytearray()  # came, and is taken slice by slice
        self._is_closing = self._is_eof_sent = False
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    # --- asyncio.Protocol -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        set_options(transport)
        self._timer = self._loop.call_later(OPEN_TIMEOUT_S, self._transport.abort)
        if not self._door.knock(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if len(data) <= SLICE_BYTES and not self._waiting:
            self._protocol.receive_data(data)
            self._go_on()
            return
        # Thousands of tiny frames may be in it: a slice each round of the loop, so that they do not hold up others' frames.
        if not self._waiting:
            self._transport.pause_reading()
            self._loop.call_soon(self._slice)
        self._waiting += data

    def _slice(self) -> None:
        data = bytes(self._waiting[:SLICE_BYTES])
        del self._waiting[:SLICE_BYTES]
        if self._transport.is_closing():
            return
        self._protocol.receive_data(data)
        self._go_on()
        if self._waiting:
            self._loop.call_soon(self._slice)
        else:
            self._transport.resume_reading()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`."""
        self._protocol.receive_eof()
        self._go_on()
        return False

    def connection_lost(self, problem: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._timer is not None:
            self._timer.cancel()
        self._leave()

    # --- what came --------------------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._door.queue(self._upgrade, event)
            elif isinstance(event, Frame):
                self._frame(event)
        self._flush()
        if self._protocol.close_expected() and not self._is_closing:
            self._leave()
            self._wait_closed()

    def _upgrade(self, request: Request) -> None:
        if self._transport.is_closing() or self._is_eof_sent:  # it has broken the protocol in the same breath
            return
        headers = dict(request.headers.raw_items())
        answer = self._door.answer(request.path, headers)
        response: Response
        if answer is None:
            response = self._protocol.accept(request)
        else:
            response = self._protocol.reject(answer.status, answer.body)
            for name, value in answer.headers:
                if name in response.headers:
                    del response.headers[name]
                response.headers[name] = value
        self._protocol.send_response(response)
        self._flush()
        if self._protocol.state is OPEN:
            assert self._timer is not None
            self._timer.cancel()
            self._line = self._door.enter(self, request.path, headers)
        else:
            self._wait_closed()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._opcode = frame.opcode
            if frame.fin:
                self._message(bytes(frame.data))
                return
            self._parts, self._size = [bytes(frame.data)], len(frame.data)
        elif frame.opcode is Opcode.CONT:
            self._parts.append(bytes(frame.data))
            self._size += len(frame.data)
            if frame.fin:
                self._message(b"".join(self._parts))
                self._parts = []
        elif frame.opcode is Opcode.CLOSE:
            self._leave()

    def _message(self, data: bytes) -> None:
        line = self._line
        if line is None:
            return
        if self._opcode is Opcode.BINARY:
            line.receive(data)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self._protocol.fail(1007, "no UTF-8")
            self._leave()
        else:
            line.receive(text)

    def _leave(self) -> None:
        """The client has closed, or broken the protocol."""
        line, self._line = self._line, None
        if line is not None:
            line.closed()
        self._door.left(self)

    # --- Connection -------------------------------------------------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """See `Connection`."""
        protocol = self._protocol
        if protocol.state is not OPEN:
            return
        if isinstance(data, str):
            protocol.send_text(data.encode())
        else:
            protocol.send_binary(data)
        self._flush()

    @property
    def unsent_bytes(self) -> int:
        """See `Connection`."""
        return self._transport.get_write_buffer_size()

    def finish(self, reason: str) -> None:
        """See `Connection`."""
        if self._protocol.state is OPEN:
            self._protocol.send_close(1000, reason.encode()[:120].decode("utf-8", "ignore"))
            self._flush()
        self._wait_closed()

    def _flush(self) -> None:
        transport = self._transport
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
                self._is_eof_sent = True

    def _wait_closed(self) -> None:
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        if self._protocol.state is CLOSED:
            self._transport.close()
        self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)


def _subprotocol(door: Door, offered: object) -> Subprotocol | None:
    assert isinstance(offered, (list, tuple))
    return next((Subprotocol(name) for name in offered if name in door.subprotocols), None)


async def listen(door: Door, listener: socket.socket) -> asyncio.Server:
    """Takes connections from a socket that listens."""
    server = await asyncio.get_running_loop().create_server(lambda: Client(door), sock=listener, backlog=ACCEPTS)
    listener.listen(1024)  # for the kernel; what is above bounds how many are taken at once
    return server
