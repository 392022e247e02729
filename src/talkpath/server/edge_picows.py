"""WebSocket by `picows`, written in Cython: half the time a message. The extra `fast`."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from picows import (
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from talkpath.server.door import ACCEPTS, CLOSE_TIMEOUT_S, OPEN_TIMEOUT_S, Answer, Door, set_options
from talkpath.server.lines import Line


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


async def listen(door: Door, listener: socket.socket) -> asyncio.Server:
    """Takes connections from a socket that listens."""

    def upgrade(request: WSUpgradeRequest) -> Any:
        path = request.path.decode("latin-1")
        headers = {str(name): str(value) for name, value in request.headers.items()}
        answer = door.answer(path, headers)
        if answer is None and headers.get("Sec-WebSocket-Version") != "13":
            answer = Answer(426, "WebSocket version 13 is spoken here\n", (("Sec-WebSocket-Version", "13"),))
        if answer is None:
            client = Client(door, path, headers)
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

    server = await ws_create_server(
        upgrade, sock=listener, backlog=ACCEPTS, max_frame_size=door.max_message_bytes,
        websocket_handshake_timeout=OPEN_TIMEOUT_S, enable_auto_ping=False, enable_auto_pong=True,
        use_aiofastnet=False, disconnect_on_exception=True,
    )  # fmt: skip
    listener.listen(1024)
    return server
