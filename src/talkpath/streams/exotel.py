"""Exotel AgentStream: the Voicebot applet (bidirectional) and the Stream applet (one way).

Sources: "WebSocket protocol" and "Stream and Voicebot Applet" (developer.exotel.com), support article 3000108630; bolna, rapida and
pipecat for what servers send.

Not verified on a line: the inner keys of `stop` (all optional); whether marks come back after a `clear` (those that do are reported as
cleared, so give marks names of their own).
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from talkpath.errors import LengthError
from talkpath.streams import base, fields
from talkpath.streams.events import EventStream
from talkpath.streams.messages import Start

MAX_BYTES = 100_000


class Exotel(EventStream):
    """Exotel AgentStream: L16, little-endian, at 8, 16 or 24 kHz. All its numbers are strings.

    Raises
    ------
    LengthError
        `media` of more than 100 kB, which Exotel answers with a time-out.
    """

    dialect = "exotel"
    codecs = ("mulaw", "alaw", "l16")
    id_key = "stream_sid"
    sequence_key = "sequence_number"
    needs_id = True
    media_track = False

    @property
    def framing(self) -> base.Framing:
        """100 ms, in multiples of 320 bytes: a shorter rest still takes 20 ms."""
        return base.Framing(100, 320, MAX_BYTES)

    def media(self, payload: bytes, /) -> str:
        """See `Stream.media`."""
        size = len(base.audio(payload))
        if size > MAX_BYTES:
            raise LengthError(f"payload: at most {MAX_BYTES} bytes a message, got {size}")
        return super().media(payload)

    def _parse_start(self, message: fields.Object) -> Start:
        body = fields.child(message, "start", required=True)
        form = fields.child(body, "media_format", "start")
        query = parse_qs(urlsplit(self._path).query).get("sample-rate", [""])[0]
        wire = fields.wire(
            fields.text(form, "encoding", "start.media_format") or "audio/x-raw",
            fields.integer(form, "sample_rate", "start.media_format"),
            "start.media_format.sample_rate",
            default_hz=int(query) if query in ("8000", "16000", "24000") else 8000,
        )
        stream_id = fields.text(message, "stream_sid") or fields.text(body, "stream_sid", "start", required=True)
        return Start(
            dialect=self.dialect,
            call_id=fields.text(body, "call_sid", "start"),
            stream_id=stream_id,
            from_number=fields.text(body, "from", "start") or None,
            to_number=fields.text(body, "to", "start") or None,
            wire=wire,
            wire_out=wire,
            headers=fields.strings(fields.child(body, "custom_parameters", "start")),
            path=self._path,
        )

    def _start_body(self, start: Start) -> fields.Object:
        wire = start.wire
        return {
            "stream_sid": start.stream_id,
            "call_sid": start.call_id,
            "account_sid": "exotel",
            "from": start.from_number,
            "to": start.to_number,
            "custom_parameters": dict(start.headers),
            "media_format": {
                "encoding": "audio/x-raw" if wire.codec == "l16" else wire.content_type.partition(";")[0],
                "sample_rate": str(wire.sample_rate_hz),
                "bit_rate": "16" if wire.codec == "l16" else "8",
            },
        }

    def _dtmf(self, digit: str) -> fields.Object:
        return {"digit": digit, "duration": "100"}

    def _stop(self, start: Start, reason: str) -> fields.Object:
        return {"call_sid": start.call_id, "account_sid": "exotel", "reason": reason}
