"""WebSocket by `picows`, written in Cython: half the time a message. The extra `fast`."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, cast

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # what `ws_create_server` makes for each connection

from talkpath.server.door import ACCEPTS, CLOSE_TIMEOUT_S, OPEN_TIMEOUT_S, Answer, Door, set_options
from talkpath.server.lines import Line

SLICE_BYTES = 4096
MAX_HEAD_BYTES = 16384  # of a request; picows refuses a longer one


class _Log(logging.LoggerAdapter[logging.Logger]):
    """What a client has done wrong is no error of ours; an exception is."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """See `LoggerAdapter.log`."""
        super().log(level if kwargs.get("exc_info") else min(level, logging.INFO), msg, *args, **kwargs)


_log = _Log(logging.getLogger("picows.server"), {})


class Client(WSListener):
    """One connection that was let in."""

    def __init__(self, door: Door, path: str, headers: dict[str, str]) -> None:
        super().__init__()
        self._door, self._path, self._headers = door, path, headers
        self._line: Line | None = None
        self._parts: list[bytes] = []
        self._type = WSMsgType.TEXT
        self._size = 0
        self._transport: WSTransport
        self._underlying: asyncio.Transport

    def on_ws_connected(self, transport: WSTransport) -> None:
        """See `WSListener`."""
        self._transport, self._underlying = transport, transport.underlying_transport
        set_options(self._underlying)
        self._line = self._door.enter(self, self._path, self._headers)

    @property
    def is_in(self) -> bool:
        """There is a call, or there was."""
        return self._line is not None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """See `WSListener`."""
        line = self._line
        if line is None:
            return
        kind = frame.msg_type
        if kind is WSMsgType.TEXT and frame.fin:
            try:
                text = frame.get_payload_as_utf8_text()
            except UnicodeDecodeError:
                self._fail(WSCloseCode.INVALID_TEXT, b"no UTF-8")
            else:
                line.receive(text)
        elif kind is WSMsgType.BINARY and frame.fin:
            line.receive(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION):
            self._piece(line, kind, frame)
        elif kind is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """See `WSListener`."""
        line, self._line = self._line, None
        if line is not None:
            line.closed()
        self._door.left(self)

    def _piece(self, line: Line, kind: WSMsgType, frame: WSFrame) -> None:
        if kind is not WSMsgType.CONTINUATION:
            self._parts, self._type, self._size = [], kind, 0
        self._parts.append(frame.get_payload_as_bytes())
        self._size += len(self._parts[-1])
        if self._size > self._door.max_message_bytes:
            self._fail(WSCloseCode.MESSAGE_TOO_BIG, b"a message is too long")
        elif frame.fin:
            data, self._parts = b"".join(self._parts), []
            try:
                line.receive(data if self._type is WSMsgType.BINARY else data.decode())
            except UnicodeDecodeError:
                self._fail(WSCloseCode.INVALID_TEXT, b"no UTF-8")

    def _fail(self, code: WSCloseCode, reason: bytes) -> None:
        self._transport.send_close(code, reason)
        self._transport.disconnect()

    # --- Connection -------------------------------------------------------------------------------------------------------------

    def send(self, data: str | bytes) -> None:
        """See `Connection`."""
        if isinstance(data, str):
            self._transport.send(WSMsgType.TEXT, data.encode())
        else:
            self._transport.send(WSMsgType.BINARY, data)

    @property
    def unsent_bytes(self) -> int:
        """See `Connection`."""
        return self._underlying.get_write_buffer_size()

    def finish(self, reason: str) -> None:
        """See `Connection`."""
        transport = self._transport
        if not transport.is_close_frame_sent:
            transport.send_close(WSCloseCode.OK, reason.encode()[:120].decode("utf-8", "ignore").encode())
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, transport.disconnect, False)


class Gate(asyncio.BufferedProtocol):
    """In front of picows, which reads as much as there is and answers at once: nobody comes in before his turn, and a flood is taken in slices."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self._piece: memoryview = memoryview(bytearray(SLICE_BYTES))
        self._head = bytearray()  # the request, as far as it has come
        self._inner: WSProtocol | None = None
        self._client: Client | None = None
        self._offered_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    # --- asyncio.BufferedProtocol ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._timer = self._loop.call_later(OPEN_TIMEOUT_S, self._transport.abort)
        if not self._door.knock(self):
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        view = self._piece if self._inner is None else self._inner.get_buffer(sizehint)[:SLICE_BYTES]
        self._offered_bytes = len(view)
        return view

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self._inner is None:
            self._request(nbytes)
            return
        self._inner.buffer_updated(nbytes)
        if nbytes == self._offered_bytes:  # thousands of tiny frames may follow: others first
            self._transport.pause_reading()
            self._loop.call_soon(self._resume)

    def eof_received(self) -> bool:
        """See `asyncio.BufferedProtocol`."""
        return False

    def pause_writing(self) -> None:
        """See `asyncio.BufferedProtocol`: what is not read is counted by the line."""

    def resume_writing(self) -> None:
        """See `asyncio.BufferedProtocol`."""

    def connection_lost(self, problem: Exception | None) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self._timer is not None:
            self._timer.cancel()
        if self._inner is not None:
            self._inner.connection_lost(problem)
        self._door.left(self)

    # --- the request ------------------------------------------------------------------------------------------------------------

    def _request(self, nbytes: int) -> None:
        self._head += self._piece[:nbytes]
        if b"\r\n\r\n" in self._head[-nbytes - 3 :] or len(self._head) > MAX_HEAD_BYTES:
            self._transport.pause_reading()
            self._door.queue(self._come_in)

    def _come_in(self) -> None:
        if self._transport.is_closing():
            return
        self._inner = inner = WSProtocol(
            None, None, False, self._upgrade, _log, True, None, False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE, True,
            self._door.max_message_bytes, None, 2 * MAX_HEAD_BYTES,
        )  # fmt: skip
        inner.connection_made(self._transport)
        data, self._head = bytes(self._head), bytearray()
        inner.get_buffer(-1)[: len(data)] = data
        inner.buffer_updated(len(data))
        assert self._timer is not None
        self._timer.cancel()
        if self._client is None or not self._client.is_in:
            self._timer = self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)
        else:
            self._door.left(self)
        self._resume()

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _upgrade(self, request: WSUpgradeRequest) -> Any:
        door = self._door
        path = request.path.decode("latin-1")
        headers = {str(name): str(value) for name, value in request.headers.items()}
        answer = door.answer(path, headers)
        if answer is None and headers.get("Sec-WebSocket-Version") != "13":
            answer = Answer(426, "WebSocket version 13 is spoken here\n", (("Sec-WebSocket-Version", "13"),))
        if answer is None:
            self._client = client = Client(door, path, headers)
            offered = [name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",")]
            chosen = next((name for name in offered if name in door.subprotocols), None)
            if chosen is None:
                return client
            opened = WSUpgradeResponse.create_101_response({"Sec-WebSocket-Protocol": chosen})
            return WSUpgradeResponseWithListener(opened, client)
        body, extra = answer.body.encode(), dict(answer.headers)
        if answer.status < 400:
            response = WSUpgradeResponse.create_ok_response(body, extra)
        else:
            response = WSUpgradeResponse.create_error_response(answer.status, body, extra)
        return WSUpgradeResponseWithListener(response, None)


async def listen(door: Door, listener: socket.socket) -> asyncio.Server:
    """Takes connections from a socket that listens."""
    server = await asyncio.get_running_loop().create_server(lambda: Gate(door), sock=listener, backlog=ACCEPTS)
    listener.listen(1024)  # for the kernel; what is above bounds how many are taken at once
    return server
