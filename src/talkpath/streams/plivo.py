"""Plivo Audio Streaming.

Sources: "AudioStream element", "Audio Streaming Protocol Reference" and "checkpoint event" (plivo.com); plivo/plivo-stream-sdk-python
(vendor) and plivo-labs/agent-transport; bolna and pipecat for what servers send.

Not verified on a line: the byte order of L16 (an option; two implementations take it as little-endian); what `media.timestamp` counts
(the vendor's page shows Unix time, its SDK says ms from the stream's start: an option, opaque by default; order is by `chunk`);
`sendDTMF`, `stop`, `playFailed` and `error` (agent-transport only; `send_dtmf=False` leaves the first out).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from talkpath._core import MEDIA_NUMBER, MEDIA_PAYLOAD, MediaReader, MediaTemplate
from talkpath.errors import ConfigError
from talkpath.streams import base, fields
from talkpath.streams.messages import (
    Cleared,
    ClearRequest,
    Dtmf,
    DtmfRequest,
    Failed,
    MarkPlayed,
    MarkRequest,
    Media,
    Message,
    Start,
    Stop,
    Unknown,
    Wire,
)

_PATHS = {"payload": "media.payload", "track": "media.track", "sequence": "media.chunk"}
_READERS = {
    "opaque": MediaReader(Media, tokens={"event": '"media"'}, **_PATHS),
    "stream": MediaReader(Media, tokens={"event": '"media"'}, **_PATHS, timestamp="media.timestamp"),
}


def _extra_headers(message: fields.Object) -> dict[str, str]:
    """`a=1;b=2`, `a=1,b=2`, JSON as text, or an object."""
    value = message.get("extra_headers")
    if isinstance(value, dict):
        return fields.strings(value)
    text = fields.text(message, "extra_headers")
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            fields.refuse("extra_headers", "not JSON, though it begins like it")
        return fields.strings(value)
    pairs = (pair.partition("=") for pair in text.replace(",", ";").split(";"))
    return {key.strip(): value.strip() for key, _, value in pairs if key.strip()}


class Plivo(base.JsonStream):
    """Plivo Audio Streaming: µ-law at 8 kHz, or L16 at 8 or 16 kHz. Hanging up takes Plivo's REST interface.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    byte_order : {"little", "big"}
        Of L16.
    timestamps : {"opaque", "stream"}
        "stream": `media.timestamp` counts ms from the stream's start.
    send_dtmf : bool
        False: no `sendDTMF`; keys are then to be played.

    Notes
    -----
    Checkpoints that a `clear` overtakes are never answered: one that comes was played.
    """

    dialect = "plivo"
    codecs = ("mulaw", "alaw", "l16")

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        byte_order: str = "little",
        timestamps: str = "opaque",
        send_dtmf: bool = True,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        if timestamps not in _READERS:
            raise ConfigError(f"timestamps must be 'opaque' or 'stream' (got {timestamps!r})")
        self._byte_order = byte_order
        self._timestamps = timestamps
        self._send_dtmf = send_dtmf
        self._marks = base.Marks()  # a provider's
        self._template: MediaTemplate | None = None
        self._sequence = 0
        self._clock = base.MediaClock(Wire())

    def media(self, payload: bytes, /) -> str:
        """See `Stream.media`."""
        self._begun("media")
        assert self._template is not None
        if self.role == "server":
            return self._template.build(payload)
        data = base.audio(payload)
        chunk, at_ms = self._clock.next(len(data))
        self._sequence += 1
        return self._template.build(data, self._sequence, at_ms, chunk)

    def mark(self, name: str, /) -> str:
        """See `Stream.mark`: a checkpoint."""
        start = self._begun("mark")
        if self.role == "server":
            return base.dumps({"event": "checkpoint", "streamId": start.stream_id, "name": name})
        self._marks.returned(name)
        return self._numbered("playedStream", {"name": name})

    def clear(self) -> str | None:
        """See `Stream.clear`."""
        start = self._begun("clear")
        if self.role == "provider":
            return None
        return base.dumps({"event": "clearAudio", "streamId": start.stream_id})

    def dtmf(self, digits: str, /) -> str | None:
        """See `Stream.dtmf`."""
        self._begun("dtmf")
        if self.role == "provider":
            key = base.check_digit(digits)
            return self._numbered("dtmf", {"dtmf": {"track": "inbound", "digit": key, "timestamp": "0"}})
        keys = base.check_digits(digits)
        return base.dumps({"event": "sendDTMF", "dtmf": keys}) if self._send_dtmf else None

    def stop(self, reason: str = "", /) -> str:
        """See `Stream.stop`."""
        self._only("provider", "stop")
        return self._numbered("stop", {})

    def _numbered(self, event: str, body: fields.Object) -> str:
        self._sequence += 1
        stream_id = self._begun(event).stream_id
        return base.dumps({"event": event, "sequenceNumber": self._sequence, "streamId": stream_id, **body})

    def _open(self, start: Start) -> list[str | bytes]:
        wire, out = start.wire, start.wire_out
        headers = ";".join(f"{k}={v}" for k, v in start.headers.items())
        self._sequence = 1
        self._clock = base.MediaClock(wire)
        stream = base.dumps(start.stream_id)
        self._template = MediaTemplate(
            '{"event":"media","sequenceNumber":',
            MEDIA_NUMBER,
            f',"streamId":{stream},"media":{{"track":"inbound","timestamp":"',
            MEDIA_NUMBER,
            '","chunk":',
            MEDIA_NUMBER,
            ',"payload":"',
            MEDIA_PAYLOAD,
            f'"}},"extra_headers":{base.dumps(headers)}}}',
        )
        tokens = {
            "event": '"playAudio"',
            "media.contentType": base.dumps(out.content_type.partition(";")[0]),
            "media.sampleRate": str(out.sample_rate_hz),
        }
        self._reader = MediaReader(Media, tokens=tokens, payload="media.payload")
        form = {"encoding": wire.content_type.partition(";")[0], "sampleRate": wire.sample_rate_hz}
        body = {
            "callId": start.call_id,
            "streamId": start.stream_id,
            "accountId": "MA0000000000",
            "tracks": ["inbound"],
            "mediaFormat": form,
        }
        return [base.dumps({"event": "start", "sequenceNumber": 1, "start": body, "extra_headers": headers})]

    def _parse_start(self, message: fields.Object) -> Start:
        body = fields.child(message, "start", required=True)
        form = fields.child(body, "mediaFormat", "start")
        encoding = fields.text(form, "encoding", "start.mediaFormat") or "audio/x-l16"
        rate = fields.integer(form, "sampleRate", "start.mediaFormat")
        wire = fields.wire(encoding, rate, "start.mediaFormat.sampleRate", byte_order=self._byte_order)
        headers = _extra_headers(message)
        tracks = body.get("tracks")
        return Start(
            dialect=self.dialect,
            call_id=fields.text(body, "callId", "start"),
            stream_id=fields.text(body, "streamId", "start", required=True),
            from_number=headers.get("from"),
            to_number=headers.get("to"),
            wire=wire,
            wire_out=wire,
            track="both" if isinstance(tracks, list) and len(tracks) > 1 else "inbound",
            headers=headers,
            path=self._path,
        )

    def _read(self, message: fields.Object) -> list[Message]:
        event = fields.text(message, "event", required=True)
        return self._read_server(event, message) if self.role == "server" else self._read_provider(event, message)

    def _read_server(self, event: str, message: fields.Object) -> list[Message]:
        if event == "media":
            self._expect_start("media")
            body = fields.child(message, "media", required=True)
            media = Media(
                fields.payload(body, "payload", "media"),
                fields.text(body, "track", "media") or "inbound",
                fields.integer(body, "chunk", "media"),
                fields.number(body, "timestamp", "media") if self._timestamps == "stream" else None,
            )
            return [] if base.is_outbound(media.track) else [media]
        if event == "start":
            self._first_start("start")
            start = self._parse_start(message)
            wire = start.wire_out
            kind = base.dumps(wire.content_type.partition(";")[0])
            self._template = MediaTemplate(
                f'{{"event":"playAudio","media":{{"contentType":{kind},"sampleRate":{wire.sample_rate_hz},"payload":"',
                MEDIA_PAYLOAD,
                '"}}',
            )
            self._start, self._reader = start, _READERS[self._timestamps]
            return [start]
        if event == "dtmf":
            body = fields.child(message, "dtmf", required=True)
            key = fields.digit(fields.text(body, "digit", "dtmf", required=True), "dtmf.digit")
            return [] if base.is_outbound(fields.text(body, "track", "dtmf")) else [Dtmf(key)]
        if event == "playedStream":
            return [MarkPlayed(fields.text(message, "name", required=True))]
        if event == "clearedAudio":
            return [Cleared()]
        if event == "stop":
            return [Stop(fields.text(message, "reason"))]
        if event in ("playFailed", "error"):
            return [Failed(event, fields.text(message, "reason"))]
        return [Unknown(event)]

    def _read_provider(self, event: str, message: fields.Object) -> list[Message]:
        start = self._expect_start(event)
        if event == "playAudio":
            body = fields.child(message, "media", required=True)
            kind = fields.text(body, "contentType", "media", required=True)
            rate = fields.integer(body, "sampleRate", "media")
            wire = fields.wire(kind, rate, "media.sampleRate", byte_order=self._byte_order)
            data = fields.payload(body, "payload", "media")
            return [Media(data, wire=None if wire == start.wire_out else wire)]
        if event == "checkpoint":
            name = fields.text(message, "name", required=True)
            self._marks.sent(name)
            return [MarkRequest(name)]
        if event == "clearAudio":
            self._marks.forget()
            self._out.append(self._numbered("clearedAudio", {}))
            return [ClearRequest()]
        if event == "sendDTMF":
            return [DtmfRequest("".join(fields.digit(d, "dtmf") for d in fields.text(message, "dtmf", required=True)))]
        return [Unknown(event)]
