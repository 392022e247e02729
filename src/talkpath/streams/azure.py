"""Azure Communication Services: call automation media streaming.

Sources: "Audio streaming" pages of MicrosoftDocs/azure-docs (communication-services), AudioData on learn.microsoft.com; the Azure
samples' call center accelerator.

Not verified on a line: `DtmfData` (opt-in; keys as "5", or by the names "five", "pound", "asterisk" of call automation: both are taken);
whether camelCase is accepted outwards (`case="camel"`; the default is PascalCase, as in the samples); whether the mixed channel carries
what the agent itself says; the JWT of the upgrade (left to the server). Timestamps are wall-clock times, so `Media.timestamp_ms` is None.
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath._core import MEDIA_PAYLOAD, MediaReader, MediaTemplate
from talkpath.errors import ConfigError
from talkpath.streams import base, fields
from talkpath.streams.messages import ClearRequest, Dtmf, Media, Message, Start, Unknown, Wire

_SERVER_READER = MediaReader(Media, tokens={"kind": '"AudioData"'}, payload="audioData.data")
_PROVIDER_READER = MediaReader(Media, tokens={"Kind": '"AudioData"'}, payload="AudioData.Data")
_KEYS = dict(
    zip(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), "0123456789", strict=True)
)
_KEYS |= {"asterisk": "*", "pound": "#", "a": "A", "b": "B", "c": "C", "d": "D"}


def _member(obj: fields.Object, name: str) -> str:
    """The key `name` as this object spells it: camelCase or PascalCase."""
    pascal = name[0].upper() + name[1:]
    return pascal if pascal in obj and name not in obj else name


class Azure(base.JsonStream):
    """Azure Communication Services: base64 L16, little-endian, at 16 or 24 kHz; no marks. Hanging up takes call automation.

    Parameters
    ----------
    role, path
        See `Stream`.
    headers : mapping of str to str, optional
        Of the upgrade: `x-ms-call-connection-id` becomes the call's id.
    case : {"pascal", "camel"}
        Spelling of what a server sends.
    participant : str, optional
        Of unmixed audio, only this participant's (`participantRawID`).
    """

    dialect = "azure"
    codecs = ("l16",)

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        case: str = "pascal",
        participant: str | None = None,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        if case not in ("pascal", "camel"):
            raise ConfigError(f"case must be 'pascal' or 'camel' (got {case!r})")
        self._pascal = case == "pascal"
        self._participant = participant
        self._template = MediaTemplate()
        self._clock = base.MediaClock(Wire())

    def media(self, payload: bytes, /) -> str:
        """See `Stream.media`."""
        self._begun("media")
        message = self._template.build(payload)
        if self.role == "server":
            return message
        _, at_ms = self._clock.next(len(base.audio(payload)))
        seconds, ms = divmod(at_ms, 1000)
        minutes, s = divmod(seconds, 60)
        time = f"{minutes // 60 % 24:02}:{minutes % 60:02}:{s:02}.{ms:03}"
        return f'{{"kind":"AudioData","audioData":{{"timestamp":"2024-11-15T{time}Z",{message}'

    def clear(self) -> str | None:
        """See `Stream.clear`."""
        self._begun("clear")
        if self.role == "provider":
            return None
        if self._pascal:
            return base.dumps({"Kind": "StopAudio", "AudioData": None, "StopAudio": {}})
        return base.dumps({"kind": "StopAudio", "audioData": None, "stopAudio": {}})

    def dtmf(self, digits: str, /) -> str | None:
        """Provider: the caller pressed a key. The dialect has no keys to the line: play them."""
        self._begun("dtmf")
        if self.role == "server":
            return None
        return base.dumps({"kind": "DtmfData", "dtmfData": {"data": base.check_digit(digits)}})

    def _open(self, start: Start) -> list[str | bytes]:
        wire = start.wire
        self._reader = _PROVIDER_READER
        self._clock = base.MediaClock(wire)
        self._template = MediaTemplate('"data":"', MEDIA_PAYLOAD, '","silent":false}}')
        body = {
            "subscriptionId": start.stream_id,
            "encoding": "PCM",
            "sampleRate": wire.sample_rate_hz,
            "channels": 1,
            "length": wire.sample_rate_hz // 25,
        }
        return [base.dumps({"kind": "AudioMetadata", "audioMetadata": body})]

    def _read(self, message: fields.Object) -> list[Message]:
        kind = fields.text(message, _member(message, "kind"), required=True)
        return self._read_server(kind, message) if self.role == "server" else self._read_provider(kind, message)

    def _read_server(self, kind: str, message: fields.Object) -> list[Message]:
        if kind == "AudioMetadata":
            self._first_start(kind)
            key = _member(message, "audioMetadata")
            body = fields.child(message, key, required=True)
            channels = fields.integer(body, _member(body, "channels"), key)
            if channels not in (None, 1):
                fields.refuse(f"{key}.channels", "1 is expected")
            encoding = fields.text(body, _member(body, "encoding"), key) or "PCM"
            rate = fields.integer(body, _member(body, "sampleRate"), key)
            wire = fields.wire(encoding, rate, f"{key}.sampleRate", default_hz=16000)
            self._start = Start(
                dialect=self.dialect,
                call_id=self._headers.get("x-ms-call-connection-id", ""),
                stream_id=fields.text(body, _member(body, "subscriptionId"), key),
                wire=wire,
                wire_out=wire,
                headers={k: v for k, v in self._headers.items() if k.startswith("x-ms-")},
                path=self._path,
            )
            self._template = MediaTemplate(
                *(
                    ('{"Kind":"AudioData","AudioData":{"Data":"', MEDIA_PAYLOAD, '"},"StopAudio":null}')
                    if self._pascal
                    else ('{"kind":"AudioData","audioData":{"data":"', MEDIA_PAYLOAD, '"},"stopAudio":null}')
                )
            )
            if self._participant is None:
                self._reader = _SERVER_READER
            return [self._start]
        if kind == "AudioData":
            self._expect_start(kind)
            key = _member(message, "audioData")
            media = self._audio(message)
            if self._participant is None:
                return [media]
            body = fields.child(message, key)
            who = fields.text(body, _member(body, "participantRawID"), key)
            return [media] if who == self._participant else []
        if kind == "DtmfData":
            key = _member(message, "dtmfData")
            body = fields.child(message, key, required=True)
            name = fields.text(body, _member(body, "data"), key, required=True)
            return [Dtmf(fields.digit(_KEYS.get(name.lower(), name), f"{key}.data"))]
        return [Unknown(kind)]

    def _read_provider(self, kind: str, message: fields.Object) -> list[Message]:
        self._expect_start(kind)
        if kind == "AudioData":
            return [self._audio(message)]
        if kind == "StopAudio":
            return [ClearRequest()]
        return [Unknown(kind)]

    @staticmethod
    def _audio(message: fields.Object) -> Media:
        key = _member(message, "audioData")
        body = fields.child(message, key, required=True)
        return Media(fields.payload(body, _member(body, "data"), key))
