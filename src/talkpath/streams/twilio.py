"""Twilio Media Streams (bidirectional, `<Connect><Stream>`), and SignalWire, which speaks the same.

Sources: "Media Streams - WebSocket Messages" and error pages 31924, 31950 (twilio.com); pipecat, bolna and the Azure samples' call
center accelerator for what servers send.

Not verified on a line: SignalWire's L16 (taken as little-endian); whether Twilio accepts payloads of any length at once (whole
160 bytes are sent by `framing`). The upgrade carries X-Twilio-Signature ("Media Streams Configuration", twilio.com):
`signatures.twilio`.
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath.streams import base, fields
from talkpath.streams.events import EventStream
from talkpath.streams.messages import Start


class Twilio(EventStream):
    """Twilio Media Streams: µ-law at 8 kHz, marks, clear; keys from the caller only. Hanging up takes Twilio's REST interface.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    byte_order : {"little", "big"}
        Of L16, which SignalWire offers.

    Notes
    -----
    After a `clear` Twilio sends every pending mark back: those come as `MarkPlayed(name, cleared=True)`.
    """

    dialect = "twilio"
    codecs = ("mulaw", "alaw", "l16")
    id_key = "streamSid"
    sequence_key = "sequenceNumber"
    needs_id = True
    dtmf_track = "inbound_track"

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        byte_order: str = "little",
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        self._byte_order = byte_order

    @property
    def framing(self) -> base.Framing:
        """Frames of 20 ms: pieces of one sound bad."""
        size = None if self._start is None else self._start.wire_out.frame_bytes()
        return base.Framing(20, size or 160)

    def _parse_start(self, message: fields.Object) -> Start:
        body = fields.child(message, "start", required=True)
        form = fields.child(body, "mediaFormat", "start")
        encoding = fields.text(form, "encoding", "start.mediaFormat") or "audio/x-mulaw"
        rate = fields.integer(form, "sampleRate", "start.mediaFormat")
        wire = fields.wire(encoding, rate, "start.mediaFormat.sampleRate", byte_order=self._byte_order)
        stream_id = fields.text(body, "streamSid", "start") or fields.text(message, "streamSid", required=True)
        parameters = fields.strings(fields.child(body, "customParameters", "start"))
        tracks = body.get("tracks")
        return Start(
            dialect=self.dialect,
            call_id=fields.text(body, "callSid", "start"),
            stream_id=stream_id,
            from_number=parameters.get("from"),
            to_number=parameters.get("to"),
            wire=wire,
            wire_out=wire,
            track="both" if isinstance(tracks, list) and len(tracks) > 1 else "inbound",
            headers=parameters,
            path=self._path,
        )

    def _connected(self, start: Start) -> fields.Object:
        return {"event": "connected", "protocol": "Call", "version": "1.0.0"}

    def _start_body(self, start: Start) -> fields.Object:
        wire = start.wire
        return {
            "accountSid": "AC00000000000000000000000000000000",
            "streamSid": start.stream_id,
            "callSid": start.call_id,
            "tracks": ["inbound"],
            "mediaFormat": {
                "encoding": wire.content_type.partition(";")[0],
                "sampleRate": wire.sample_rate_hz,
                "channels": 1,
            },
            "customParameters": dict(start.headers),
        }

    def _stop(self, start: Start, reason: str) -> fields.Object:
        return {"accountSid": "AC00000000000000000000000000000000", "callSid": start.call_id}


class SignalWire(Twilio):
    """SignalWire's `<Stream>`: Twilio's messages; the codec may be L16 at 16 or 24 kHz (not verified)."""

    dialect = "signalwire"
