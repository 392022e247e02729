"""Asterisk's WebSocket channel (chan_websocket): binary media, control in plain text or JSON.

Sources: asterisk/asterisk `channels/chan_websocket.c` and its `_doc.xml` (plain text from 20.17, JSON from 20.18, 22.8, 23.2 on).

Seen on Asterisk 22.10.1: marks that a FLUSH_MEDIA overtakes do not come back (those that do are reported as cleared). In plain
text a mark comes back as a bare word, `MEDIA_MARK_PROCESSED name`, and MEDIA_XOFF and MEDIA_XON come alone. `connection_id` is the
name of the client's configuration, the same for all its calls; `channel_id` is the call's own. Outside START_MEDIA_BUFFERING a
message must be whole frames of `optimal_frame_size`: a remainder is dropped. What goes beyond 1,000 frames is dropped, too:
`FlowControl` says when it is near. A command of more than 128 bytes is dropped without a word.

Not verified: Opus, Speex and G.729 force passthrough, without media commands.
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath.errors import ConfigError, FormatError, LengthError
from talkpath.streams import base, fields
from talkpath.streams.messages import (
    ClearRequest,
    Dtmf,
    Failed,
    FlowControl,
    HangupRequest,
    MarkPlayed,
    MarkRequest,
    Media,
    Message,
    Start,
    Unknown,
    Wire,
)

MAX_TEXT_BYTES = 128
_FORMATS = {"mulaw": "ulaw", "alaw": "alaw", "g722": "g722", "opus": "opus"}


def _plain(text: str) -> fields.Object:
    """`EVENT key:value key:value` as an object; a word without a colon belongs to the value before it."""
    event, *words = text.split()
    if event == "MEDIA_MARK_PROCESSED" and len(words) == 1:  # its name alone, which may hold a colon
        return {"event": event, "correlation_id": words[0].removeprefix("correlation_id:")}
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for word in words:
        key, colon, value = word.partition(":")
        if colon and key.isidentifier():
            last = found[key] = [value]
        elif last is not None:
            last.append(word)
        else:
            fields.refuse("message", f"key:value is expected, got {fields.shown(word)}")
    return {**{key: " ".join(value) for key, value in found.items()}, "event": event}


def _format_of(wire: Wire) -> str:
    if wire.codec != "l16":
        return _FORMATS.get(wire.codec, wire.codec)
    rate = wire.sample_rate_hz // 1000
    return "slin" if rate == 8 else f"slin{rate}"


class AsteriskWebSocket(base.Stream):
    """Asterisk's WebSocket channel: audio in the channel's codec.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    control : {"json", "text"}, optional
        Form of the control messages. A server takes up what Asterisk begins with; a provider's default is JSON.
    """

    dialect = "asterisk"
    subprotocols = ("media",)

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        control: str | None = None,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        if control not in (None, "json", "text"):
            raise ConfigError(f"control must be 'json' or 'text' (got {control!r})")
        self._json = control != "text"
        self._frame_bytes = 160
        self._frame_ms = 20
        self._marks = base.Marks()

    @property
    def framing(self) -> base.Framing:
        """Whole frames of the size that Asterisk named."""
        return base.Framing(self._frame_ms, self._frame_bytes, None)

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        if not isinstance(message, str):
            data = fields.binary(message)
            self._expect_start("message")
            return [Media(data)]
        json = message.lstrip().startswith("{")
        if json:
            body = fields.parse(message)
        elif not message.strip():
            raise FormatError("message: empty")
        else:
            body = _plain(fields.clean(message)) if self.role == "server" else self._plain_command(message)
        return self._read_server(body, json) if self.role == "server" else self._read_provider(body)

    def media(self, payload: bytes, /) -> bytes:
        """See `Stream.media`."""
        self._begun("media")
        return base.audio(payload)

    def mark(self, name: str, /) -> str:
        """See `Stream.mark`."""
        self._begun("mark")
        if self.role == "server":
            message = self.command("MARK_MEDIA", correlation_id=name)
            self._marks.sent(name)
            return message
        self._marks.returned(name)
        if self._json:
            return self._event("MEDIA_MARK_PROCESSED", correlation_id=name)
        return f"MEDIA_MARK_PROCESSED {name}"

    def clear(self) -> str | None:
        """See `Stream.clear`."""
        self._begun("clear")
        if self.role == "provider":
            return None
        message = self.command("FLUSH_MEDIA")
        self._marks.clear()
        return message

    def dtmf(self, digits: str, /) -> str | None:
        """Provider: the caller pressed a key. The dialect has no keys to the line: play them."""
        self._begun("dtmf")
        return None if self.role == "server" else self._event("DTMF_END", digit=base.check_digit(digits))

    def hangup(self) -> str | None:
        """See `Stream.hangup`."""
        return self.command("HANGUP") if self.role == "server" else None

    def command(self, name: str, /, **arguments: str) -> str:
        """Server: any command: ANSWER, START_MEDIA_BUFFERING, STOP_MEDIA_BUFFERING, GET_STATUS, REPORT_QUEUE_DRAINED …

        Raises
        ------
        LengthError
            More than Asterisk's 128 bytes.
        FormatError
            An argument with white space, which plain text cannot carry.
        """
        self._only("server", name)
        message = base.dumps({"command": name, **arguments}) if self._json else " ".join([name, *arguments.values()])
        if not self._json:
            for key, value in arguments.items():
                if value.split() != [value] or fields.clean(value) != value:
                    raise FormatError(f"{key}: white space cannot be sent in plain text (got {fields.shown(value)})")
        size = len(message.encode("utf-8", "replace"))
        if size > MAX_TEXT_BYTES:
            raise LengthError(f"{name}: at most {MAX_TEXT_BYTES} bytes are taken, got {size}")
        return message

    def flow(self, paused: bool, /) -> str:
        """Provider: the queue is full, or has room again."""
        self._only("provider", "flow")
        name = "MEDIA_XOFF" if paused else "MEDIA_XON"
        return self._event(name) if self._json else name

    def _event(self, name: str, **values: str) -> str:
        start = self._begun(name)
        return self._written(name, {"channel_id": start.call_id, **values})

    def _written(self, name: str, values: dict[str, str]) -> str:
        if self._json:
            return base.dumps({"event": name, **values})
        return " ".join([name, *(f"{k}:{v}" for k, v in values.items())])

    def _open(self, start: Start) -> list[str | bytes]:
        ms = 20
        size = start.wire.frame_bytes(ms) or 160
        self._frame_bytes = size
        values = {
            "connection_id": start.stream_id,
            "channel": f"WebSocket/{start.stream_id}",
            "channel_id": start.call_id,
            "format": _format_of(start.wire),
            "optimal_frame_size": str(size),
            "ptime": str(ms),
        }
        if self._json:
            first = {"event": "MEDIA_START", **values, "optimal_frame_size": size, "ptime": ms}
            return [base.dumps({**first, "channel_variables": dict(start.headers)})]
        return [self._written("MEDIA_START", values)]

    def _read_server(self, message: fields.Object, json: bool) -> list[Message]:
        event = fields.text(message, "event", required=True)
        if event == "MEDIA_START":
            self._first_start(event)
            wire = fields.wire(fields.text(message, "format", required=True), None, "format")
            size = fields.integer(message, "optimal_frame_size") or wire.frame_bytes() or 160
            ms = fields.integer(message, "ptime") or 20
            if not 0 < size <= 65535:
                fields.refuse("optimal_frame_size", f"1 to 65535 bytes are expected, got {size}")
            if not 0 < ms <= 1000:
                fields.refuse("ptime", f"1 to 1000 ms are expected, got {ms}")
            headers = fields.strings(fields.child(message, "channel_variables"))
            connection = fields.text(message, "connection_id")
            start = Start(
                dialect=self.dialect,
                call_id=fields.text(message, "channel_id") or fields.text(message, "channel") or connection,
                stream_id=connection,
                from_number=headers.get("CALLERID(num)"),
                wire=wire,
                wire_out=wire,
                headers=headers,
                path=self._path,
            )
            self._start, self._json, self._frame_bytes, self._frame_ms = start, json, size, ms
            return [start]
        if event == "DTMF_END":
            return [Dtmf(fields.digit(fields.text(message, "digit", required=True), "digit"))]
        if event in ("MEDIA_XOFF", "MEDIA_XON"):
            return [FlowControl(event == "MEDIA_XOFF")]
        if event == "MEDIA_MARK_PROCESSED":
            name = fields.text(message, "correlation_id", required=True)
            return [MarkPlayed(name, self._marks.returned(name))]
        if event == "ERROR":
            return [Failed(event, fields.text(message, "error_text"))]
        return [Unknown(event)]

    @staticmethod
    def _plain_command(message: str) -> fields.Object:
        name, *arguments = fields.clean(message).split()
        return {"command": name, "correlation_id": " ".join(arguments)}

    def _read_provider(self, message: fields.Object) -> list[Message]:
        command = fields.text(message, "command", required=True)
        self._expect_start(command)
        if command == "MARK_MEDIA":
            name = fields.text(message, "correlation_id", required=True)
            self._marks.sent(name)
            return [MarkRequest(name)]
        if command == "FLUSH_MEDIA":
            self._marks.forget()
            return [ClearRequest()]
        if command == "HANGUP":
            return [HangupRequest()]
        return [Unknown(command)]
