"""FreeSWITCH mod_audio_stream (amigniter).

Sources: the README of amigniter/mod_audio_stream.

Not verified: what the closed build plays (binary L16 taken here as `playback="binary"`); a clear (there is none in the README). The open
build writes `streamAudio` into a file and reports it as an event: the dialplan plays it. permessage-deflate is on by default there. What
the module sends names neither codec nor rate, so both are options; the metadata, where there is some, comes as the first text message.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from talkpath._core import MEDIA_PAYLOAD, MediaReader, MediaTemplate
from talkpath.errors import ConfigError, FormatError
from talkpath.streams import base, fields
from talkpath.streams.channels import first_channel
from talkpath.streams.messages import Media, Message, Start, Unknown, Wire

_CALL_IDS = ("uuid", "call_id", "callId", "callSid", "call_uuid")


def _metadata(text: str) -> dict[str, str]:
    """JSON as strings; any other text as it is, under "metadata"."""
    try:
        value = json.loads(text)
        if isinstance(value, dict):
            return fields.strings(value)
    except (ValueError, RecursionError, FormatError):
        pass
    return {"metadata": fields.clean(text)}


class FreeSwitch(base.JsonStream):
    """mod_audio_stream: binary L16, little-endian, in; `streamAudio` messages or binary out. No marks, no clear, no keys.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    sample_rate_hz : int
        As given to `uuid_audio_stream … start`: 8000 or 16000.
    mix : {"mono", "mixed", "stereo"}
        As given there. Of stereo only the caller's channel, the first, is given out.
    playback : {"json", "binary"}
        How audio goes out.
    """

    dialect = "freeswitch"
    codecs = ("l16",)

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        sample_rate_hz: int = 8000,
        mix: str = "mono",
        playback: str = "json",
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        if not 8000 <= sample_rate_hz <= 192000:
            raise ConfigError(f"sample_rate_hz must be 8000 to 192000 (got {sample_rate_hz!r})")
        if mix not in ("mono", "mixed", "stereo"):
            raise ConfigError(f"mix must be 'mono', 'mixed' or 'stereo' (got {mix!r})")
        if playback not in ("json", "binary"):
            raise ConfigError(f"playback must be 'json' or 'binary' (got {playback!r})")
        self._wire = Wire("l16", sample_rate_hz, "little")
        self._mix = mix
        self._binary = playback == "binary"
        self._template = MediaTemplate()

    @property
    def framing(self) -> base.Framing:
        """20 ms in binary; in JSON a file a message, so longer ones."""
        return base.Framing(20 if self._binary else 200, 2)

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        if isinstance(message, str):
            if self.role == "provider":
                return super().receive(message)
            return [Unknown("text")] if self._start is not None else [self._begin(_metadata(message))]
        data = fields.binary(message)
        if self.role == "server" and self._mix == "stereo":
            data = first_channel(data, 2)
        if self.role == "provider":
            self._expect_start("message")
        media = Media(data)
        return [media] if self._start is not None else [self._begin({}), media]

    def media(self, payload: bytes, /) -> str | bytes:
        """See `Stream.media`."""
        self._begun("media")
        return base.audio(payload) if self.role == "provider" or self._binary else self._template.build(payload)

    def _begin(self, metadata: dict[str, str]) -> Start:
        self._start = Start(
            dialect=self.dialect,
            call_id=next((metadata[key] for key in _CALL_IDS if key in metadata), ""),
            from_number=metadata.get("from"),
            to_number=metadata.get("to"),
            wire=self._wire,
            wire_out=self._wire,
            track="mixed" if self._mix == "mixed" else "inbound",
            headers=metadata,
            path=self._path,
        )
        rate = self._wire.sample_rate_hz
        self._template = MediaTemplate(
            f'{{"type":"streamAudio","data":{{"audioDataType":"raw","sampleRate":{rate},"audioData":"',
            MEDIA_PAYLOAD,
            '"}}',
        )
        return self._start

    def _open(self, start: Start) -> list[str | bytes]:
        rate = base.dumps(start.wire_out.sample_rate_hz)
        tokens = {"type": '"streamAudio"', "data.audioDataType": '"raw"', "data.sampleRate": rate}
        self._reader = MediaReader(Media, tokens=tokens, payload="data.audioData")
        metadata = {**start.headers, **({"uuid": start.call_id} if start.call_id else {})}
        return [base.dumps(metadata)] if metadata else []

    def _read(self, message: fields.Object) -> list[Message]:
        kind = fields.text(message, "type") or fields.text(message, "event", required=True)
        start = self._expect_start(kind)
        if kind == "streamAudio":
            body = fields.child(message, "data", required=True)
            codec = fields.text(body, "audioDataType", "data", required=True)
            rate = fields.integer(body, "sampleRate", "data")
            wire = fields.wire(codec, rate, "data.sampleRate", default_hz=start.wire_out.sample_rate_hz)
            data = fields.payload(body, "audioData", "data")
            return [Media(data, wire=None if wire == start.wire_out else wire)]
        return [Unknown(kind)]
