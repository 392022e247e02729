"""Genesys AudioHook (protocol version 2): Audio Connector, which plays what we say, and AudioHook Monitor, which only lets us listen.

Sources: purecloudlabs/audiohook-reference-implementation (Genesys, MIT) `app/audiohook/src/{protocol,client,server}`; pipecat and the
Azure samples' call center accelerator for the Audio Connector (binary back, barge_in, disconnect with outputVariables);
"Audio Connector overview" (help.mypurecloud.com): it offers the external channel only. The reference client, which offers both, is a
monitor: audio that comes to it ends the session (415).

Not verified on a line: `dtmf`, `playback_started` and `playback_completed` (pipecat only); L16 (declared, never seen: not chosen); that a
conversation id of zeros is a connection probe (it is a call like others here). Pipecat warns of a limit on binary messages: 1,600 bytes
each are sent by `framing`.
"""

from __future__ import annotations

from collections.abc import Mapping

from talkpath.errors import ConfigError, FormatError, StateError
from talkpath.streams import base, fields
from talkpath.streams.audiohook import choose_offer, is_offered, read_open
from talkpath.streams.channels import first_channel
from talkpath.streams.messages import (
    ClearRequest,
    Dtmf,
    Failed,
    HangupRequest,
    Media,
    Message,
    Start,
    Stop,
    Unknown,
)

_SILENCE = b"\xff"


def _position(samples: int) -> str:
    return f"PT{samples / 8000:.3f}".rstrip("0").rstrip(".") + "S"


class Genesys(base.Stream):
    """Genesys AudioHook: binary µ-law at 8 kHz and JSON with sequence numbers; answers open, ping, update and close by itself.

    Parameters
    ----------
    role, path
        See `Stream`.
    headers : mapping of str to str, optional
        Of the upgrade: where `audiohook-organization-id` and `audiohook-session-id` are given, `open` must agree with them.
    channel : {"external", "internal"}
        Whose audio is wanted: the caller's, or the agent's. Offers with that channel alone are preferred; of two interleaved channels
        the other one is dropped.
    listen_only : bool, optional
        Server: send no audio (`ready` stays False), as a monitor wants it. None: where the internal channel is offered too.
    strict : bool
        False: sequence numbers may jump. True: as the protocol has it, a jump ends the session: `Failed`, and a `disconnect` in
        `data_to_send`. A message that was refused with FormatError may have carried a number.
    stereo : bool
        Provider: a monitor, which offers only both channels, interleaved, and ends the session when audio comes.
    """

    dialect = "genesys"
    codecs = ("mulaw",)
    answers_hangup = True
    framing = base.Framing(200)

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        channel: str = "external",
        listen_only: bool | None = None,
        strict: bool = True,
        stereo: bool = False,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        if channel not in ("external", "internal"):
            raise ConfigError(f"channel must be 'external' or 'internal' (got {channel!r})")
        self._channel = channel
        self._listen_only = stereo if role == "provider" else listen_only
        self._strict = strict
        self._stereo = stereo
        self._channels: list[str] = []  # of the media in use
        self._id = ""
        self._received = 0  # the other side's last number
        self._refused = 0  # messages since then that were refused, each of which may have had a number
        self._sent = 0
        self._samples = 0
        self._over = False

    # --- both roles -----------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """True as soon as audio may be sent: once the session is opened; never where it is for listening only."""
        return bool(self._channels) and not self.listens_only

    @property
    def listens_only(self) -> bool:
        """See `Stream.listens_only`: a monitor."""
        return self.role == "server" and bool(self._listen_only)

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        if not isinstance(message, str):
            data = fields.binary(message)
            if not self._channels:
                raise FormatError("message: audio before the session is opened")
            if self.role == "server" and len(self._channels) > 1:
                data = first_channel(data, 1, self._channels.index(self._channel), len(self._channels))
            if self.role == "provider" and self._listen_only:
                return self._fail("415", "error", "unexpected binary message")
            return [Media(data)]
        try:
            return self._receive_text(fields.parse(message))
        except FormatError:
            self._refused += 1
            raise

    def media(self, payload: bytes, /) -> bytes:
        """See `Stream.media`. StateError before the session is opened, and where it is for listening only."""
        self._begun("media")
        if not self._channels:
            raise StateError("media: the session is not opened yet")
        if self.role == "server" and self._listen_only:
            raise StateError("media: this session is for listening only")
        data = base.audio(payload)
        if self.role == "provider":
            self._samples += len(data)
            if len(self._channels) > 1:
                both = bytearray(_SILENCE * (len(data) * len(self._channels)))
                both[self._channels.index("external") :: len(self._channels)] = data
                return bytes(both)
        return data

    def clear(self) -> str | None:
        """See `Stream.clear`: barge_in."""
        self._begun("clear")
        if self.role == "provider" or self._listen_only:
            return None
        return self._message("event", {"entities": [{"type": "barge_in", "data": {}}]})

    def dtmf(self, digits: str, /) -> str | None:
        """Provider: the caller pressed a key. The dialect has no keys to the line: play them."""
        self._begun("dtmf")
        return None if self.role == "server" else self._message("dtmf", {"digit": base.check_digit(digits)})

    def hangup(self) -> str | None:
        """See `Stream.hangup`: disconnect. The client then closes."""
        if self.role == "provider" or self._start is None:
            return None
        self._over = True
        return self._message("disconnect", {"reason": "completed"})

    def stop(self, reason: str = "", /) -> str:
        """See `Stream.stop`: close."""
        self._only("provider", "stop")
        self._begun("stop")
        self._over = True
        return self._message("close", {"reason": reason or "end"})

    def ping(self) -> str:
        """Provider: a ping, which the server answers."""
        self._only("provider", "ping")
        self._begun("ping")
        return self._message("ping", {})

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _message(self, kind: str, parameters: fields.Object) -> str:
        self._sent += 1
        head: fields.Object = {"version": "2", "id": self._id, "type": kind, "seq": self._sent}
        if self.role == "server":
            head["clientseq"] = self._received
        else:
            head["serverseq"] = self._received
            head["position"] = _position(self._samples)
        return base.dumps({**head, "parameters": parameters})

    def _open(self, start: Start) -> list[str | bytes]:
        self._id = start.stream_id
        channels = [["external", "internal"]] if self._stereo else [["external"]]
        numbers = {"ani": start.from_number or "", "aniName": "", "dnis": start.to_number or ""}
        headers = dict(start.headers)
        parameters: fields.Object = {
            "organizationId": headers.pop("organizationId", "organization"),
            "conversationId": start.call_id,
            "participant": {"id": "participant", **numbers},
            "media": [{"type": "audio", "format": "PCMU", "channels": c, "rate": 8000} for c in channels],
            **({"inputVariables": headers} if headers else {}),
        }
        return [self._message("open", parameters)]

    def _receive_text(self, message: fields.Object) -> list[Message]:
        version = fields.text(message, "version", required=True)
        if version != "2":
            fields.refuse("version", f"2 is expected, got {fields.shown(version)}")
        session = fields.text(message, "id", required=True)
        if self._id and session != self._id:
            fields.refuse("id", "not the id of this session")
        kind = fields.text(message, "type", required=True)
        sequence = fields.integer(message, "seq")
        if sequence is None:
            fields.refuse("seq", "missing")
        theirs = fields.integer(message, "serverseq" if self.role == "server" else "clientseq")
        parameters = fields.child(message, "parameters")
        if self._strict:
            expected = self._received + 1
            if not expected <= sequence <= expected + self._refused:
                return self._fail("409", "error", f"seq: {expected} is expected, got {sequence}")
            if theirs is not None and not 0 <= theirs <= self._sent:
                return self._fail("409", "error", f"the last number sent is {self._sent}, but {theirs} is acknowledged")
        before, self._received = self._received, sequence
        try:
            read = self._read_server if self.role == "server" else self._read_provider
            messages = read(kind, session, parameters)
        except FormatError:
            self._received = before
            raise
        self._refused = 0
        return messages

    def _fail(self, code: str, reason: str, text: str) -> list[Message]:
        """The session cannot go on: the server disconnects, the provider closes, once."""
        if not self._over:
            self._over = True
            if self.role == "server":
                self._out.append(self._message("disconnect", {"reason": reason, "info": text}))
            else:
                self._out.append(self._message("error", {"code": int(code), "message": text}))
                self._out.append(self._message("close", {"reason": "error"}))
        return [Failed(code, text)]

    def _read_server(self, kind: str, session: str, parameters: fields.Object) -> list[Message]:
        if kind == "open":
            self._first_start(kind)
            return self._read_open(session, parameters)
        if kind == "close":
            reason = fields.text(parameters, "reason", "parameters")
            self._out.append(self._message("closed", {}))
            self._over = True
            return [Stop(reason)]
        if kind in ("ping", "update"):
            self._out.append(self._message("pong" if kind == "ping" else "updated", {}))
            return [Unknown(kind)]
        if kind == "dtmf":
            digit = fields.text(parameters, "digit", "parameters", required=True)
            return [Dtmf(fields.digit(digit, "parameters.digit"))]
        if kind == "error":
            code = fields.text(parameters, "code", "parameters")
            return [Failed(code, fields.text(parameters, "message", "parameters"))]
        return [Unknown(kind)]

    def _read_open(self, session: str, parameters: fields.Object) -> list[Message]:
        start, offers = read_open(session, parameters, self._path)
        offer = choose_offer(offers, self._channel)
        self._id = session
        for header, value in (
            ("audiohook-organization-id", start.headers["organizationId"]),
            ("audiohook-session-id", session),
        ):
            if self._headers.get(header, value).lower() != value.lower():
                return self._fail("401", "unauthorized", f"open does not agree with the header field {header}")
        if offer is None:
            return self._fail("415", "error", f"no PCMU at 8000 Hz with the channel {self._channel} is offered")
        if self._listen_only is None:
            self._listen_only = is_offered(offers, "internal")
        self._start, self._channels = start, [str(c) for c in offer["channels"]]
        self._out.append(self._message("opened", {"startPaused": False, "media": [offer]}))
        return [start]

    def _read_provider(self, kind: str, session: str, parameters: fields.Object) -> list[Message]:
        self._expect_start(kind)
        if kind == "opened":
            media = parameters.get("media")
            first = media[0] if isinstance(media, list) and media else None
            channels = first.get("channels") if isinstance(first, dict) else None
            if channels not in (["external"], ["external", "internal"]):
                fields.refuse("parameters.media", "exactly one of the offers is expected")
            self._channels = channels
            return [Unknown(kind)]
        if kind == "event":
            entities = parameters.get("entities")
            entities = entities if isinstance(entities, list) else []
            barge_in = any(isinstance(entity, dict) and entity.get("type") == "barge_in" for entity in entities)
            return [ClearRequest() if barge_in else Unknown(kind)]
        if kind == "disconnect":
            reason = fields.text(parameters, "reason", "parameters")
            if not self._over:
                self._over = True
                self._out.append(self._message("close", {"reason": "disconnect"}))
            return [HangupRequest(reason)]
        if kind == "pause":
            self._out.append(self._message("paused", {}))
        elif kind == "resume":
            at = _position(self._samples)
            self._out.append(self._message("resumed", {"start": at, "discarded": "PT0S"}))
        return [Unknown(kind)]
