"""jambonz `listen`/`stream`, and drachtio's mod_audio_fork, from which it comes.

Sources: jambonz/freeswitch-modules `mod_audio_fork/lws_glue.cpp`; jambonz/jambonz-feature-server `lib/tasks/listen.js`; the README of
drachtio/drachtio-freeswitch-modules `mod_audio_fork`.

Not verified: whether marks come back in time (some builds send them at once: jambonz-feature-server #811, #1374); the second
subprotocol name; the rate of what is sent where `bidirectionalAudio.sampleRate` differs from the caller's (an option).
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath._core import MEDIA_PAYLOAD, MediaReader, MediaTemplate
from talkpath.errors import ConfigError
from talkpath.streams import base, fields
from talkpath.streams.channels import first_channel
from talkpath.streams.messages import (
    ClearRequest,
    Dtmf,
    Failed,
    HangupRequest,
    MarkPlayed,
    MarkRequest,
    Media,
    Message,
    Start,
    Unknown,
    Wire,
)

_OURS = ("sampleRate", "mixType", "callSid", "from", "to")


class Jambonz(base.JsonStream):
    """jambonz: binary L16, little-endian, in; binary (bidirectional streaming) or base64 files out.

    Parameters
    ----------
    role, path, headers
        See `Stream`.
    streaming : bool
        `bidirectionalAudio.streaming` of the verb: audio goes out as binary. False: as `playAudio` messages, of which jambonz
        queues ten.
    sample_rate_out_hz : int, optional
        `bidirectionalAudio.sampleRate`; None: the caller's.

    Notes
    -----
    Of stereo (caller and callee in a channel each) only the caller's channel is given out. In `mixed` both parties sound at once:
    `Start.track` says so.
    """

    dialect = "jambonz"
    codecs = ("l16",)
    subprotocols = ("audio.drachtio.org", "audio.jambonz.org")

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        streaming: bool = True,
        sample_rate_out_hz: int | None = None,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        if sample_rate_out_hz is not None and not 8000 <= sample_rate_out_hz <= 192000:
            raise ConfigError(f"sample_rate_out_hz must be 8000 to 192000 (got {sample_rate_out_hz!r})")
        self._streaming = streaming
        self._rate_out = sample_rate_out_hz
        self._stereo = False
        self._marks = base.Marks()
        self._template = MediaTemplate()

    @property
    def framing(self) -> base.Framing:
        """20 ms; jambonz gathers 80 ms before it plays."""
        return base.Framing(20, 2)

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        if isinstance(message, str):
            return super().receive(message)
        data = fields.binary(message)
        self._expect_start("message")
        return [Media(first_channel(data, 2) if self._stereo and self.role == "server" else data)]

    def media(self, payload: bytes, /) -> str | bytes:
        """See `Stream.media`."""
        self._begun("media")
        if self.role == "provider" or self._streaming:
            return base.audio(payload)
        return self._template.build(payload)

    def mark(self, name: str, /) -> str:
        """See `Stream.mark`."""
        self._begun("mark")
        if self.role == "server":
            self._marks.sent(name)
            return base.dumps({"type": "mark", "data": {"name": name}})
        self._marks.returned(name)
        return base.dumps({"type": "mark", "data": {"name": name, "event": "playout"}})

    def clear(self) -> str | None:
        """See `Stream.clear`; where marks are under way, `data_to_send` clears those too."""
        self._begun("clear")
        if self.role == "provider":
            return None
        if self._marks.take():
            self._out.append(base.dumps({"type": "clearMarks"}))
        return base.dumps({"type": "killAudio"})

    def dtmf(self, digits: str, /) -> str | None:
        """Provider: the caller pressed a key (`passDtmf`). The dialect has no keys to the line: play them."""
        self._begun("dtmf")
        if self.role == "server":
            return None
        return base.dumps({"event": "dtmf", "dtmf": base.check_digit(digits), "duration": "1600"})

    def hangup(self) -> str | None:
        """See `Stream.hangup`."""
        return base.dumps({"type": "disconnect"}) if self.role == "server" else None

    def _open(self, start: Start) -> list[str | bytes]:
        out = base.dumps(start.wire_out.sample_rate_hz)
        tokens = {"type": '"playAudio"', "data.audioContentType": '"raw"', "data.sampleRate": out}
        self._reader = MediaReader(Media, tokens=tokens, payload="data.audioContent")
        first = {
            "sampleRate": start.wire.sample_rate_hz,
            "mixType": "mixed" if start.track == "mixed" else "mono",
            "callSid": start.call_id,
            "from": start.from_number,
            "to": start.to_number,
        }
        return [base.dumps({**start.headers, **first})]

    def _read(self, message: fields.Object) -> list[Message]:
        if self.role == "provider":
            return self._read_provider(message)
        if self._start is None:
            return self._read_metadata(message)
        event = fields.text(message, "event") or fields.text(message, "type", required=True)
        if event == "dtmf":
            return [Dtmf(fields.digit(fields.text(message, "dtmf", required=True), "dtmf"))]
        if event == "mark":
            body = fields.child(message, "data", required=True)
            name = fields.text(body, "name", "data", required=True)
            self._marks.returned(name)
            return [MarkPlayed(name, fields.text(body, "event", "data") == "cleared")]
        if event == "error":
            return [Failed(event, fields.text(message, "error") or fields.text(message, "message"))]
        return [Unknown(event)]

    def _read_metadata(self, message: fields.Object) -> list[Message]:
        if not any(key in message for key in _OURS):
            fields.refuse("sampleRate", "missing: the first message must be the metadata of the call")
        mix = fields.text(message, "mixType") or "mono"
        if mix not in ("mono", "mixed", "stereo"):
            fields.refuse("mixType", f"mono, mixed or stereo is expected, got {fields.shown(mix)}")
        wire = fields.wire("l16", fields.integer(message, "sampleRate"), "sampleRate")
        start = Start(
            dialect=self.dialect,
            call_id=fields.text(message, "callSid"),
            from_number=fields.text(message, "from") or None,
            to_number=fields.text(message, "to") or None,
            wire=wire,
            wire_out=Wire("l16", self._rate_out or wire.sample_rate_hz, "little"),
            track="mixed" if mix == "mixed" else "inbound",
            headers=fields.strings({k: v for k, v in message.items() if k not in _OURS}),
            path=self._path,
        )
        self._start, self._stereo = start, mix == "stereo"
        rate = start.wire_out.sample_rate_hz
        self._template = MediaTemplate(
            f'{{"type":"playAudio","data":{{"audioContentType":"raw","sampleRate":{rate},"audioContent":"',
            MEDIA_PAYLOAD,
            '"}}',
        )
        return [start]

    def _read_provider(self, message: fields.Object) -> list[Message]:
        kind = fields.text(message, "type", required=True)
        start = self._expect_start(kind)
        if kind == "playAudio":
            body = fields.child(message, "data", required=True)
            codec = fields.text(body, "audioContentType", "data") or "raw"
            rate = fields.integer(body, "sampleRate", "data")
            wire = fields.wire(codec, rate, "data.sampleRate", default_hz=start.wire_out.sample_rate_hz)
            data = fields.payload(body, "audioContent", "data")
            return [Media(data, wire=None if wire == start.wire_out else wire)]
        if kind == "mark":
            name = fields.text(fields.child(message, "data", required=True), "name", "data", required=True)
            self._marks.sent(name)
            return [MarkRequest(name)]
        if kind == "killAudio":
            return [ClearRequest()]
        if kind == "clearMarks":
            for name in self._marks.take():
                self._out.append(base.dumps({"type": "mark", "data": {"name": name, "event": "cleared"}}))
            return [Unknown(kind)]
        if kind == "disconnect":
            return [HangupRequest()]
        return [Unknown(kind)]
