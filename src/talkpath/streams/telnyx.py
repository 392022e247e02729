"""Telnyx Media Streaming over WebSocket.

Sources: "Stream call media over WebSocket" (AsyncAPI page) and "TeXML Stream" (developers.telnyx.com); pipecat's serializer.

Not verified on a line: the byte order of L16 (an option, big-endian as RFC 3551 has it and pipecat #3383 reports); the inner keys of
`stop`; the form of an error's payload; most keys inside `start` (all are optional here but the stream's id). What is sent is dropped
without a word unless the call was made with `stream_bidirectional_mode=rtp`; order is not guaranteed, so sort by `Media.sequence`.
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath.streams import base, fields
from talkpath.streams.events import EventStream
from talkpath.streams.messages import Start, Wire

_NAMES = {"mulaw": "PCMU", "alaw": "PCMA", "l16": "L16", "g722": "G722", "opus": "OPUS", "amr-wb": "AMR-WB"}


class Telnyx(EventStream):
    """Telnyx Media Streaming in mode `rtp`.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    byte_order : {"big", "little"}
        Of L16.
    wire_out : Wire, optional
        What is sent: `stream_bidirectional_codec` and its sampling rate. Telnyx's own default is PCMU at 8 kHz, whatever comes in.
    """

    dialect = "telnyx"
    id_key = "stream_id"
    sequence_key = "sequence_number"
    needs_id = False

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        byte_order: str = "big",
        wire_out: Wire | None = None,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        self._byte_order = byte_order
        self._wire_out = wire_out or Wire("mulaw", 8000)

    @property
    def framing(self) -> base.Framing:
        """20 ms to 30 s a message; OPUS exactly one frame of 20 ms."""
        return base.Framing(20)

    def _parse_start(self, message: fields.Object) -> Start:
        body = fields.child(message, "start", required=True)
        form = fields.child(body, "media_format", "start")
        encoding = fields.text(form, "encoding", "start.media_format") or "PCMU"
        rate = fields.integer(form, "sample_rate", "start.media_format")
        return Start(
            dialect=self.dialect,
            call_id=fields.text(body, "call_control_id", "start"),
            stream_id=fields.text(message, "stream_id", required=True),
            from_number=fields.text(body, "from", "start") or None,
            to_number=fields.text(body, "to", "start") or None,
            wire=fields.wire(encoding, rate, "start.media_format.sample_rate", byte_order=self._byte_order),
            wire_out=self._wire_out,
            headers=fields.strings(fields.child(body, "custom_parameters", "start")),
            path=self._path,
        )

    def _connected(self, start: Start) -> fields.Object:
        return {"event": "connected", "version": "1.0.0"}

    def _start_body(self, start: Start) -> fields.Object:
        wire = start.wire
        return {
            "user_id": "user",
            "call_control_id": start.call_id,
            "from": start.from_number,
            "to": start.to_number,
            "client_state": None,
            "custom_parameters": dict(start.headers),
            "media_format": {
                "encoding": _NAMES.get(wire.codec, wire.codec),
                "sample_rate": wire.sample_rate_hz,
                "channels": 1,
            },
        }

    def _stop(self, start: Start, reason: str) -> fields.Object:
        return {"user_id": "user", "call_control_id": start.call_id}
