"""What all dialects share: the two roles, what is to be sent, marks that a clear sends back."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from talkpath._core import MediaReader
from talkpath.errors import ConfigError, FormatError, StateError
from talkpath.streams import fields
from talkpath.streams.messages import Media, Message, Start, Wire

MAX_MARKS = 4096  # kept in memory; a call that never gets marks back must not grow


@dataclass(frozen=True, slots=True)
class Framing:
    """How a provider wants its audio.

    Attributes
    ----------
    preferred_ms : int
        Audio a message.
    multiple_bytes : int
        A message is a multiple of this; a remainder is padded, or lost.
    max_bytes : int or None
        The most that a message may carry.
    """

    preferred_ms: int = 20
    multiple_bytes: int = 1
    max_bytes: int | None = None


class Stream:
    """Base of all dialects. No socket, no clock: messages in, messages out.

    Parameters
    ----------
    role : {"server", "provider"}
        "server": this side is the agent's. "provider": this side plays the telephone company.
    path : str
        Path and query of the upgrade; goes into `Start.path`.
    headers : mapping of str to str, optional
        Header fields of the upgrade.

    Attributes
    ----------
    dialect : str
    transport : {"websocket", "tcp"}
    subprotocols : tuple of str
        What a WebSocket server of this dialect must be able to choose.
    codecs : tuple of str
        What a provider may begin with; empty: anything.
    """

    dialect: ClassVar[str] = ""
    transport: ClassVar[str] = "websocket"
    subprotocols: ClassVar[tuple[str, ...]] = ()
    codecs: ClassVar[tuple[str, ...]] = ()
    answers_hangup: ClassVar[bool] = (
        False  # the other side says goodbye then, and wants an answer before the connection is closed
    )

    def __init__(self, role: str = "server", *, path: str = "", headers: Mapping[str, str] | None = None) -> None:
        if role not in ("server", "provider"):
            raise ConfigError(f"role must be 'server' or 'provider' (got {role!r})")
        self.role = role
        self._path = path
        self._headers = {k.lower(): v for k, v in (headers or {}).items()}
        self._start: Start | None = None
        self._out: list[str | bytes] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} role={self.role!r} start={self._start!r}>"

    # --- both roles -----------------------------------------------------------------------------------------------------

    @property
    def start(self) -> Start | None:
        """How the call began; None before."""
        return self._start

    @property
    def ready(self) -> bool:
        """True as soon as audio may be sent."""
        return self._start is not None

    @property
    def is_settled(self) -> bool:
        """False as long as `start` may still say another wire (AudioSocket's rate comes with its first audio)."""
        return True

    @property
    def listens_only(self) -> bool:
        """True where the other side wants no audio, however long it is waited for."""
        return False

    @property
    def framing(self) -> Framing:
        """How the audio that this side sends should be cut."""
        return Framing()

    def receive(self, message: str | bytes, /) -> list[Message]:
        """Take a message: str is a text message, bytes a binary one (or, over TCP, any piece of the stream).

        Raises
        ------
        FormatError
            It is malformed; the error names the member. Nothing has changed, and the stream goes on. (Over TCP, `receive(b"")`
            then gives what came with it.)
        """
        raise NotImplementedError

    def data_to_send(self) -> list[str | bytes]:
        """What the protocol itself must answer, in order; each is given once."""
        out, self._out = self._out, []
        return out

    def media(self, payload: bytes, /) -> str | bytes:
        """A message with audio."""
        raise NotImplementedError

    def mark(self, name: str, /) -> str | bytes | None:
        """Server: ask to be told when everything before this was played. Provider: say that it was."""
        return None

    def clear(self) -> str | bytes | None:
        """Server: stop what plays, and throw away what waits. A provider answers by itself (`data_to_send`)."""
        return None

    def dtmf(self, digits: str, /) -> str | bytes | None:
        """Server: press keys on the line. Provider: the caller pressed one."""
        return None

    def hangup(self) -> str | bytes | None:
        """Server: end the call. None where that takes a request to the provider's REST interface."""
        return None

    # --- provider -------------------------------------------------------------------------------------------------------

    def open(self, start: Start, /) -> list[str | bytes]:
        """Provider: what a call begins with."""
        self._only("provider", "open")
        if self._start is not None:
            raise StateError("open: this stream has begun")
        for wire in (start.wire, start.wire_out):
            if self.codecs and wire.codec not in self.codecs:
                raise ConfigError(f"start: {self.dialect} carries {' or '.join(self.codecs)} (got {wire.codec!r})")
        begun = replace(start, dialect=self.dialect, path=start.path or self._path)
        messages = self._open(begun)
        self._start = begun
        return messages

    def stop(self, reason: str = "", /) -> str | bytes | None:
        """Provider: the call is over. None where closing the connection says so."""
        self._only("provider", "stop")
        return None

    def _open(self, start: Start) -> list[str | bytes]:
        raise NotImplementedError

    # --- for dialects ---------------------------------------------------------------------------------------------------

    def _only(self, role: str, what: str) -> None:
        if self.role != role:
            raise StateError(f"{what}: only the role {role!r} can do that")

    def _begun(self, what: str) -> Start:
        """The start; StateError before it."""
        if self._start is None:
            raise StateError(f"{what}: the call has not begun")
        return self._start

    def _expect_start(self, what: str) -> Start:
        """The start; FormatError where the other side sent `what` before it."""
        if self._start is None:
            fields.refuse(what, "before the start of the stream")
        return self._start

    def _first_start(self, what: str) -> None:
        if self._start is not None:
            fields.refuse(what, "the stream has already begun")


class JsonStream(Stream):
    """A dialect whose audio is base64 in JSON."""

    def __init__(self, role: str = "server", *, path: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(role, path=path, headers=headers)
        self._reader: MediaReader[Media] | None = None  # from the start on

    def receive(self, message: str | bytes, /) -> list[Message]:
        """See `Stream.receive`."""
        if self._reader is not None:
            media = self._reader.read(message)
            if media is not None:
                return [media]
        return self._read(fields.parse(message))

    def _read(self, message: fields.Object) -> list[Message]:
        """Any message, media included: what the reader in C is not certain of comes here."""
        raise NotImplementedError


class Marks:
    """Marks on their way, and which of them a clear sends back."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=MAX_MARKS)
        self._cleared: deque[str] = deque(maxlen=MAX_MARKS)

    def sent(self, name: str) -> None:
        self._waiting.append(name)

    def clear(self) -> None:
        self._cleared.extend(self._waiting)
        self._waiting.clear()

    def forget(self) -> None:
        self._waiting.clear()

    def take(self) -> list[str]:
        """All that wait; none waits then."""
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def returned(self, name: str) -> bool:
        """True where a clear sent it back."""
        for marks in (self._cleared, self._waiting):
            if name in marks:
                marks.remove(name)
                return marks is self._cleared
        return False


def dumps(value: Any) -> str:
    """JSON in ASCII, without spaces."""
    return json.dumps(value, separators=(",", ":"))


def audio(payload: object) -> bytes:
    """What `media` was given, as bytes. FormatError for anything but bytes: a number is no size, int16 samples are no wire data."""
    if isinstance(payload, bytes):
        return payload
    try:
        view = memoryview(payload)  # type: ignore[arg-type]
    except TypeError:
        fields.refuse("payload", f"bytes of wire data are expected, got {type(payload).__name__}")
    if view.itemsize != 1 or not view.c_contiguous or view.format not in ("B", "b", "c"):
        fields.refuse("payload", f"bytes of wire data are expected, got items of format {view.format!r}")
    return view.tobytes()


def check_digit(digits: str) -> str:
    """The one key of a provider's message."""
    if len(digits) != 1 or digits.upper() not in fields.KEYS:
        raise FormatError(f"digits: one of 0-9 * # A-D is expected, got {fields.shown(digits)}")
    return digits.upper()


def check_digits(digits: str) -> str:
    """The keys of a server's request."""
    for key in digits:
        check_digit(key)
    if not digits:
        raise FormatError("digits: at least one key is expected")
    return digits.upper()


def is_outbound(track: str) -> bool:
    """True for a copy of what the agent says."""
    return track.lower().startswith("outbound")


class MediaClock:
    """A provider's numbers of its media messages."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.chunk = 0
        self._ms = 0.0

    def next(self, size: int) -> tuple[int, int]:
        """Chunk, from 1 on, and ms since the start, of a message of `size` bytes."""
        self.chunk += 1
        at = int(self._ms)
        duration = self._wire.duration_ms(size)
        self._ms += 20.0 if duration is None else duration
        return self.chunk, at
