"""WebSocket by `picows`: a frame goes straight from the socket to the call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import picows

from talkpath.phone.links import MAX_MESSAGE_BYTES, Link, OnClose, OnMessage, Refused, closed_by_server, refusal


async def connect_picows(
    url: str, on_message: OnMessage, on_close: OnClose, headers: Mapping[str, str], subprotocols: Sequence[str]
) -> Link:
    """See `links.connect`."""
    text, binary, more = picows.WSMsgType.TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION
    close = picows.WSMsgType.CLOSE

    class Listener(picows.WSListener):
        """A link and what listens to it: a frame goes straight to the call."""

        def __init__(self) -> None:
            self.transport: Any = None
            self.full = False
            self.parts = bytearray()
            self.first = text
            self.reason = "the connection broke"

        def on_ws_connected(self, transport: Any) -> None:
            self.transport = transport

        def on_ws_frame(self, transport: Any, frame: Any) -> None:
            kind = frame.msg_type
            if frame.fin and kind is text:
                try:
                    on_message(frame.get_payload_as_utf8_text())
                except UnicodeDecodeError:
                    self.reason = "the server sent text that is no UTF-8"
                    transport.disconnect(False)
            elif frame.fin and kind is binary:
                on_message(frame.get_payload_as_bytes())
            elif kind is close:
                data = frame.get_payload_as_bytes()
                code = int.from_bytes(data[:2], "big") if len(data) >= 2 else 1005
                self.reason = closed_by_server(code, data[2:].decode("utf-8", "replace"))
                if not transport.is_close_frame_sent:
                    transport.send_close(picows.WSCloseCode.OK)
                transport.disconnect()
            elif kind is text or kind is binary or kind is more:
                self._part(transport, frame, kind)

        def _part(self, transport: Any, frame: Any, kind: Any) -> None:
            if kind is not more:
                self.first, self.parts = kind, bytearray()
            self.parts += frame.get_payload_as_bytes()
            if len(self.parts) > MAX_MESSAGE_BYTES:
                transport.disconnect(False)
            elif frame.fin:
                data = bytes(self.parts)
                self.parts = bytearray()
                on_message(data.decode("utf-8", "replace") if self.first is text else data)

        def on_ws_disconnected(self, transport: Any) -> None:
            on_close(self.reason)

        def pause_writing(self) -> None:
            self.full = True

        def resume_writing(self) -> None:
            self.full = False

        def send(self, data: str | bytes) -> None:
            if not self.full:
                if isinstance(data, str):
                    self.transport.send(text, data.encode())
                else:
                    self.transport.send(binary, data)

        def close(self) -> None:
            if not self.transport.is_close_frame_sent:
                self.transport.send_close(picows.WSCloseCode.OK)
            self.transport.disconnect()

    extra = dict(headers)
    if subprotocols:
        extra["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
    try:
        _, listener = await picows.ws_connect(
            Listener, url, extra_headers=extra, max_frame_size=MAX_MESSAGE_BYTES, websocket_handshake_timeout=None,
            max_redirects=0,
        )  # fmt: skip
    except picows.WSHandshakeError as problem:
        if problem.response is not None:
            raise refusal(int(problem.response.status), (problem.raw_body or b"").decode("utf-8", "replace")) from None
        raise Refused(f"no WebSocket: {problem}") from None
    except (picows.WSError, ValueError) as problem:
        raise Refused(f"no WebSocket: {problem}") from None
    if listener is None:  # gone before the upgrade was through
        raise Refused("no WebSocket: the server closed the connection")
    link: Link = listener  # type: ignore[assignment]
    return link
