"""Asterisk AudioSocket: typed pieces over TCP.

Sources: asterisk/asterisk `res/res_audiosocket.c`; the README of CyCoreSystems/audiosocket.

Seen on Asterisk 22.10.1: keys (type 0x03), from the application and the channel driver; type 0x12, from the channel driver with
`c(slin16)`, which takes 8 kHz in return, too; a caller's hang-up is the end of the stream, without a piece of type 0x00.

Not verified: the types of other rates than 8 and 16 kHz. There is no clear and no mark, and Asterisk does not pace what it gets: send
one frame every 20 ms.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from dataclasses import replace

from talkpath.errors import ConfigError, FormatError, LengthError
from talkpath.streams import base, fields
from talkpath.streams.messages import Dtmf, Failed, HangupRequest, Media, Message, Start, Stop, Unknown, Wire

HANGUP, ID, DTMF, ERROR = 0x00, 0x01, 0x03, 0xFF
RATES_HZ = dict(zip(range(0x10, 0x19), (8000, 12000, 16000, 24000, 32000, 44100, 48000, 96000, 192000), strict=True))
KINDS = {rate: kind for kind, rate in RATES_HZ.items()}
MAX_BYTES = 65535
_HEADER = struct.Struct(">BH")
_ERRORS = {0x01: "the caller hung up", 0x02: "frame error", 0x04: "memory error"}


def _piece(kind: int, payload: bytes = b"") -> bytes:
    return _HEADER.pack(kind, len(payload)) + payload


class AudioSocket(base.Stream):
    """Asterisk AudioSocket, over TCP: L16, little-endian. Any piece of the byte stream may be given to `receive`.

    Parameters
    ----------
    role, path, headers
        See `Stream`; TCP has neither path nor headers.
    sample_rate_hz : int, optional
        Of the call. None: that of the first audio. The id comes before it and promises 8 kHz; from the first audio on (`is_settled`)
        `start` says what is right, and `media` sends in kind. Audio at another rate than promised says so in `Media.wire`.

    Raises
    ------
    ConfigError
        A rate that has no type.
    """

    dialect = "audiosocket"
    codecs = ("l16",)
    transport = "tcp"

    def __init__(
        self,
        role: str = "server",
        *,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        sample_rate_hz: int | None = None,
    ) -> None:
        super().__init__(role, path=path, headers=headers)
        self._is_settled = sample_rate_hz is not None or role == "provider"
        rate_hz = 8000 if sample_rate_hz is None else sample_rate_hz
        if rate_hz not in KINDS:
            raise ConfigError(f"sample_rate_hz must be one of {sorted(KINDS)} (got {sample_rate_hz!r})")
        self._wire = Wire("l16", rate_hz, "little")  # that the start has promised
        self._buffer = bytearray()
        self._good: list[Message] = []  # read in the same piece as something malformed

    @property
    def framing(self) -> base.Framing:
        """One frame of 20 ms."""
        return base.Framing(20, 1, MAX_BYTES)

    @property
    def is_settled(self) -> bool:
        """See `Stream.is_settled`: with the first audio, where no rate was given."""
        return self._is_settled

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        self._buffer += fields.binary(message)
        messages, self._good = self._good, []
        problem: FormatError | None = None
        at = 0
        while len(self._buffer) - at >= _HEADER.size:
            kind, size = _HEADER.unpack_from(self._buffer, at)
            end = at + _HEADER.size + size
            if len(self._buffer) < end:
                break
            payload = bytes(self._buffer[at + _HEADER.size : end])
            at = end
            try:
                messages.append(self._read(kind, payload))
            except FormatError as refused:
                problem = problem or refused
        del self._buffer[:at]
        if problem is not None:
            self._good = messages
            raise problem
        return messages

    def media(self, payload: bytes, /) -> bytes:
        """See `Stream.media`; LengthError for more than 65,535 bytes."""
        start = self._begun("media")
        data = base.audio(payload)
        if len(data) > MAX_BYTES:
            raise LengthError(f"payload: at most {MAX_BYTES} bytes a message, got {len(data)}")
        wire = start.wire_out if self.role == "server" else start.wire
        return _piece(KINDS[wire.sample_rate_hz], data)

    def dtmf(self, digits: str, /) -> bytes | None:
        """Provider: the caller pressed a key. The dialect has no keys to the line: play them."""
        self._begun("dtmf")
        if self.role == "server":
            return None
        return _piece(DTMF, base.check_digit(digits).encode())

    def hangup(self) -> bytes | None:
        """See `Stream.hangup`."""
        return _piece(HANGUP) if self.role == "server" else None

    def stop(self, reason: str = "", /) -> bytes:
        """See `Stream.stop`."""
        self._only("provider", "stop")
        return _piece(HANGUP)

    def _open(self, start: Start) -> list[str | bytes]:
        try:
            call = uuid.UUID(start.call_id)
        except ValueError:
            raise ConfigError(f"call_id must be a UUID (got {start.call_id!r})") from None
        for wire in (start.wire, start.wire_out):
            if wire.sample_rate_hz not in KINDS:
                raise ConfigError(f"start: the rate must be one of {sorted(KINDS)} Hz (got {wire.sample_rate_hz})")
        self._wire = start.wire_out
        return [_piece(ID, call.bytes)]

    def _read(self, kind: int, payload: bytes) -> Message:
        if kind in RATES_HZ:
            start = self._expect_start(f"type {kind:#04x}")
            rate = RATES_HZ[kind]
            if not self._is_settled:
                self._is_settled = True
                wire = Wire("l16", rate, "little")
                self._start = replace(start, wire=wire, wire_out=wire)
            return Media(payload, wire=None if rate == self._wire.sample_rate_hz else Wire("l16", rate, "little"))
        if kind == HANGUP:
            return Stop("hangup") if self.role == "server" else HangupRequest()
        if self.role == "provider":
            return Unknown(f"{kind:#04x}")
        if kind == ID:
            self._first_start("type 0x01")
            if len(payload) != 16:
                fields.refuse("type 0x01", f"an id of 16 bytes is expected, got {len(payload)}")
            self._start = Start(
                dialect=self.dialect,
                call_id=str(uuid.UUID(bytes=payload)),
                wire=self._wire,
                wire_out=self._wire,
                path=self._path,
            )
            return self._start
        if kind == DTMF:
            return Dtmf(fields.digit(payload.decode("latin-1"), "type 0x03"))
        if kind == ERROR:
            code = payload[0] if payload else 0
            return Failed(f"{code:#04x}", _ERRORS.get(code, ""))
        return Unknown(f"{kind:#04x}")
