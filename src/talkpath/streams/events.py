"""The form that Twilio began and Telnyx and Exotel took over: connected, start, media, dtmf, mark, stop; back: media, mark, clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from talkpath._core import MEDIA_NUMBER, MEDIA_PAYLOAD, MediaReader, MediaTemplate
from talkpath.streams import base, fields
from talkpath.streams.messages import (
    ClearRequest,
    Dtmf,
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

_SERVER_READER = MediaReader(
    Media,
    tokens={"event": '"media"'},
    payload="media.payload",
    track="media.track",
    sequence="media.chunk",
    timestamp="media.timestamp",
)


class EventStream(base.JsonStream):
    """Base of the dialects of this form; they say how ids are called, and what a start looks like."""

    id_key: ClassVar[str]  # the stream's id, at the top of every message
    sequence_key: ClassVar[str]
    needs_id: ClassVar[bool]  # a server's messages must carry it
    dtmf_track: ClassVar[str | None] = None
    media_track: ClassVar[bool] = True  # a provider's media names its track

    def __init__(self, role: str = "server", *, path: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(role, path=path, headers=headers)
        self._marks = base.Marks()
        self._template: MediaTemplate | None = None
        self._sequence = 0
        self._clock = base.MediaClock(Wire())

    # --- both roles -----------------------------------------------------------------------------------------------------

    def media(self, payload: bytes, /) -> str:
        """A media message: one to be played, or (provider) one of the caller."""
        self._begun("media")
        assert self._template is not None
        if self.role == "server":
            return self._template.build(payload)
        data = base.audio(payload)
        chunk, at_ms = self._clock.next(len(data))
        self._sequence += 1
        return self._template.build(data, self._sequence, chunk, at_ms)

    def mark(self, name: str, /) -> str:
        """See `Stream.mark`."""
        start = self._begun("mark")
        if self.role == "server":
            self._marks.sent(name)
            return base.dumps({"event": "mark", **self._id(start), "mark": {"name": name}})
        self._marks.returned(name)
        return self._numbered(start, "mark", {"mark": {"name": name}})

    def clear(self) -> str | None:
        """See `Stream.clear`. All marks under way come back at once."""
        start = self._begun("clear")
        if self.role == "provider":
            return None
        self._marks.clear()
        return base.dumps({"event": "clear", **self._id(start)})

    def dtmf(self, digits: str, /) -> str | None:
        """Provider: the caller pressed a key. The dialect has no keys to the line: play them."""
        start = self._begun("dtmf")
        if self.role == "server":
            return None
        return self._numbered(start, "dtmf", {"dtmf": self._dtmf(base.check_digit(digits))})

    def stop(self, reason: str = "", /) -> str:
        """See `Stream.stop`."""
        self._only("provider", "stop")
        return self._numbered(self._begun("stop"), "stop", {"stop": self._stop(self._begun("stop"), reason)})

    # --- for dialects ---------------------------------------------------------------------------------------------------

    def _parse_start(self, message: fields.Object) -> Start:
        raise NotImplementedError

    def _connected(self, start: Start) -> fields.Object:
        return {"event": "connected"}

    def _start_body(self, start: Start) -> fields.Object:
        raise NotImplementedError

    def _dtmf(self, digit: str) -> fields.Object:
        track = {} if self.dtmf_track is None else {"track": self.dtmf_track}
        return {**track, "digit": digit}

    def _stop(self, start: Start, reason: str) -> fields.Object:
        raise NotImplementedError

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _id(self, start: Start) -> fields.Object:
        return {self.id_key: start.stream_id} if self.needs_id else {}

    def _numbered(self, start: Start, event: str, body: fields.Object) -> str:
        self._sequence += 1
        head = {"event": event, self.sequence_key: str(self._sequence), self.id_key: start.stream_id}
        return base.dumps({**head, **body})

    def _open(self, start: Start) -> list[str | bytes]:
        first: list[str | bytes] = [
            base.dumps(self._connected(start)),
            self._numbered(start, "start", {"start": self._start_body(start)}),
        ]
        self._clock = base.MediaClock(start.wire)
        stream = base.dumps(start.stream_id)
        track = '"track":"inbound",' if self.media_track else ""
        self._template = MediaTemplate(
            f'{{"event":"media","{self.sequence_key}":"',
            MEDIA_NUMBER,
            f'","{self.id_key}":{stream},"media":{{{track}"chunk":"',
            MEDIA_NUMBER,
            '","timestamp":"',
            MEDIA_NUMBER,
            '","payload":"',
            MEDIA_PAYLOAD,
            '"}}',
        )
        tokens = {"event": '"media"', **({self.id_key: stream} if self.needs_id else {})}
        self._reader = MediaReader(Media, tokens=tokens, payload="media.payload")
        return first

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
                fields.number(body, "timestamp", "media"),
            )
            return [] if base.is_outbound(media.track) else [media]
        if event == "connected":
            return []
        if event == "start":
            self._first_start("start")
            start = self._parse_start(message)
            stream = f'"{self.id_key}":{base.dumps(start.stream_id)},' if self.needs_id else ""
            self._template = MediaTemplate(f'{{"event":"media",{stream}"media":{{"payload":"', MEDIA_PAYLOAD, '"}}')
            self._start, self._reader = start, _SERVER_READER
            return [start]
        if event == "dtmf":
            body = fields.child(message, "dtmf", required=True)
            key = fields.digit(fields.text(body, "digit", "dtmf", required=True), "dtmf.digit")
            return [] if base.is_outbound(fields.text(body, "track", "dtmf")) else [Dtmf(key)]
        if event == "mark":
            name = fields.text(fields.child(message, "mark", required=True), "name", "mark")
            return [MarkPlayed(name, self._marks.returned(name))]
        if event == "stop":
            return [Stop(fields.text(fields.child(message, "stop"), "reason", "stop"))]
        if event == "error":
            body = fields.child(message, "payload")
            return [Failed(fields.text(body, "code", "payload"), self._error_text(body))]
        return [Unknown(event)]

    @staticmethod
    def _error_text(body: fields.Object) -> str:
        texts = [fields.text(body, key, "payload") for key in ("title", "detail")]
        return ": ".join(text for text in texts if text)

    def _read_provider(self, event: str, message: fields.Object) -> list[Message]:
        start = self._expect_start(event)
        if self.needs_id and fields.text(message, self.id_key, required=True) != start.stream_id:
            fields.refuse(self.id_key, "not the id of this stream")
        if event == "media":
            return [Media(fields.payload(fields.child(message, "media", required=True), "payload", "media"))]
        if event == "mark":
            name = fields.text(fields.child(message, "mark", required=True), "name", "mark", required=True)
            self._marks.sent(name)
            return [MarkRequest(name)]
        if event == "clear":
            self._out += [self._numbered(start, "mark", {"mark": {"name": name}}) for name in self._marks.take()]
            return [ClearRequest()]
        return [Unknown(event)]
