"""Vonage Voice API WebSockets, and Infobip, which speaks the same dialect.

Sources: "WebSockets in the Vonage Voice API" and the tutorial "Play audio into a WebSocket" (developer.vonage.com); pipecat, rapida and
the Azure samples' call center accelerator (for Infobip).

Not verified on a line: 24 kHz at Vonage (seen at Infobip); whether a `clear` sends pending notifications back (those that come are
reported as cleared); marks and clear at Infobip (off by default); how a call's id is named, for all that comes with the first message
are the header fields of the NCCO (`id_header`).
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath.streams import base, fields
from talkpath.streams.messages import (
    Cleared,
    ClearRequest,
    Dtmf,
    MarkPlayed,
    MarkRequest,
    Media,
    Message,
    Start,
    Unknown,
)

_JSON = "json:"  # a notification of another form than ours, kept as a mark's name


def _name_of(payload: object) -> str:
    if isinstance(payload, dict) and payload.keys() == {"id"} and isinstance(payload["id"], str):
        return fields.clean(payload["id"])
    return _JSON + fields.strings({"payload": payload if payload is not None else {}})["payload"]


class Vonage(base.Stream):
    """Vonage: binary L16, little-endian, one frame of 20 ms a message, and text for the rest. The line ends with the connection.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    marks, clears : bool
        False: `mark` and `clear` give None.
    id_header : str
        Which header of the NCCO carries the call's id.
    """

    dialect = "vonage"
    codecs = ("l16",)

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        marks: bool = True,
        clears: bool = True,
        id_header: str = "uuid",
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        self._has_marks = marks
        self._has_clears = clears
        self._id_header = id_header
        self._marks = base.Marks()

    @property
    def framing(self) -> base.Framing:
        """Exactly one frame of 20 ms a message."""
        size = None if self._start is None else self._start.wire_out.frame_bytes()
        return base.Framing(20, size or 640, size or 640)

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        if not isinstance(message, str):
            data = fields.binary(message)
            self._expect_start("message")
            return [Media(data)]
        body = fields.parse(message)
        return self._read_server(body) if self.role == "server" else self._read_provider(body)

    def media(self, payload: bytes, /) -> bytes:
        """See `Stream.media`."""
        self._begun("media")
        return base.audio(payload)

    def mark(self, name: str, /) -> str | None:
        """See `Stream.mark`: a notification."""
        self._begun("mark")
        if self.role == "server":
            if not self._has_marks:
                return None
            self._marks.sent(name)
            return base.dumps({"action": "notify", "payload": {"id": name}})
        self._marks.returned(name)
        payload = name.removeprefix(_JSON) if name.startswith(_JSON) else base.dumps({"id": name})
        return f'{{"event":"websocket:notify","payload":{payload}}}'

    def clear(self) -> str | None:
        """See `Stream.clear`."""
        self._begun("clear")
        if self.role == "provider" or not self._has_clears:
            return None
        self._marks.clear()
        return base.dumps({"action": "clear"})

    def dtmf(self, digits: str, /) -> str | None:
        """Provider: the caller pressed a key. The dialect has no keys to the line: play them."""
        self._begun("dtmf")
        if self.role == "server":
            return None
        return base.dumps({"event": "websocket:dtmf", "digit": base.check_digit(digits), "duration": 260})

    def _open(self, start: Start) -> list[str | bytes]:
        rate = start.wire.sample_rate_hz
        first = {"event": "websocket:connected", "content-type": f"audio/l16;rate={rate}"}
        extra = {self._id_header: start.call_id} if start.call_id else {}
        return [base.dumps({**start.headers, **extra, **first})]

    def _read_server(self, message: fields.Object) -> list[Message]:
        event = fields.text(message, "event", required=True)
        if event == "websocket:connected":
            self._first_start(event)
            kind = fields.text(message, "content-type", required=True)
            wire = fields.wire(kind, None, "content-type", default_hz=16000)
            headers = fields.strings({k: v for k, v in message.items() if k not in ("event", "content-type")})
            self._start = Start(
                dialect=self.dialect,
                call_id=headers.get(self._id_header, ""),
                from_number=headers.get("from"),
                to_number=headers.get("to"),
                wire=wire,
                wire_out=wire,
                headers=headers,
                path=self._path,
            )
            return [self._start]
        if event in ("websocket:dtmf", "dtmf"):
            value = message.get("digit")
            nested = message.get("dtmf")
            if value is None and isinstance(nested, dict):
                return [Dtmf(fields.digit(fields.text(nested, "digit", "dtmf", required=True), "dtmf.digit"))]
            key = "digit" if value is not None or nested is None else "dtmf"
            return [Dtmf(fields.digit(fields.text(message, key, required=True), key))]
        if event == "websocket:cleared":
            return [Cleared()]
        if event == "websocket:notify":
            name = _name_of(message.get("payload"))
            return [MarkPlayed(name, self._marks.returned(name))]
        return [Unknown(event)]

    def _read_provider(self, message: fields.Object) -> list[Message]:
        action = fields.text(message, "action", required=True)
        self._expect_start(action)
        if action == "clear":
            self._marks.forget()
            self._out.append(base.dumps({"event": "websocket:cleared"}))
            return [ClearRequest()]
        if action == "notify":
            name = _name_of(message.get("payload"))
            self._marks.sent(name)
            return [MarkRequest(name)]
        return [Unknown(action)]


class Infobip(Vonage):
    """Infobip: Vonage's messages, without marks and clear; wants a frame every 20 ms, silence included (not verified)."""

    dialect = "infobip"

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        marks: bool = False,
        clears: bool = False,
        id_header: str = "uuid",
    ) -> None:
        super().__init__(role, path=path, headers=headers, marks=marks, clears=clears, id_header=id_header)
