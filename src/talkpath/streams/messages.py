"""What a stream says: frozen messages. A server gets the first group, a provider the second, both get Media and Unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

_NAMES = {"mulaw": "audio/x-mulaw", "alaw": "audio/x-alaw", "l16": "audio/x-l16"}
_SAMPLE_BITS = {"mulaw": 8, "alaw": 8, "l16": 16}


@dataclass(frozen=True, slots=True)
class Wire:
    """How audio lies in a payload.

    Attributes
    ----------
    codec : str
        "mulaw", "alaw", "l16", "g722", "opus", "amr-wb", "mp3", or the provider's own name in lower case.
    sample_rate_hz : int
    byte_order : {"little", "big", ""}
        Of l16; empty for codecs of bytes.
    channels : int
        In what `Media` carries: 1, for the caller's channel is taken out of interleaved ones.
    """

    codec: str = "mulaw"
    sample_rate_hz: int = 8000
    byte_order: str = ""
    channels: int = 1

    @property
    def content_type(self) -> str:
        """As a MIME type, for instance "audio/x-mulaw;rate=8000": what `CallConfig.stream` takes for little-endian wires."""
        return f"{_NAMES.get(self.codec, 'audio/' + self.codec)};rate={self.sample_rate_hz}"

    @property
    def bytes_per_s(self) -> int | None:
        """None where a codec has no fixed rate. G.722 has 64 kbit/s, whichever of its two rates is named."""
        if self.codec == "g722":
            return 8000
        bits = _SAMPLE_BITS.get(self.codec)
        return None if bits is None else bits // 8 * self.channels * self.sample_rate_hz

    def duration_ms(self, size: int) -> float | None:
        """Length of `size` bytes of audio; None where a codec has no fixed rate."""
        rate = self.bytes_per_s
        return None if rate is None else 1000.0 * size / rate

    def frame_bytes(self, ms: int = 20) -> int | None:
        """Bytes in `ms` of audio; None where a codec has no fixed rate."""
        rate = self.bytes_per_s
        return None if rate is None else rate * ms // 1000


@dataclass(frozen=True, slots=True)
class Start:
    """A call begins.

    Attributes
    ----------
    dialect : str
        Name of the stream's class, as in a path: "plivo", "twilio" …
    call_id, stream_id : str
        The provider's; empty where it has none.
    from_number, to_number : str or None
        Where the provider says them.
    wire, wire_out : Wire
        Caller to agent; agent to caller.
    track : str
        "inbound", "both" or "mixed" (both parties in one channel).
    headers : mapping of str to str
        What whoever began the stream added: extra headers, custom parameters, metadata.
    path : str
        Path and query of the upgrade, as given to the stream.
    """

    dialect: str = ""
    call_id: str = ""
    stream_id: str = ""
    from_number: str | None = None
    to_number: str | None = None
    wire: Wire = field(default_factory=Wire)
    wire_out: Wire = field(default_factory=Wire)
    track: str = "inbound"
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """Audio.

    Attributes
    ----------
    payload : bytes
        As on the wire; of any length, none included.
    track : str
        Never "outbound": a copy of what the agent says is dropped.
    sequence : int or None
        The number that orders audio, where there is one.
    timestamp_ms : float or None
        From the stream's start; None where it is opaque.
    wire : Wire or None
        Only where this message is not in the form that `Start` promised.
    """

    payload: bytes
    track: str = "inbound"
    sequence: int | None = None
    timestamp_ms: float | None = None
    wire: Wire | None = None


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key: one of 0-9 * # A-D."""

    digit: str


@dataclass(frozen=True, slots=True)
class MarkPlayed:
    """A mark came back. `cleared`: because of a `clear`, so that what it followed was perhaps never heard."""

    name: str
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Cleared:
    """The provider threw its queue away, as asked."""


@dataclass(frozen=True, slots=True)
class FlowControl:
    """The provider's queue is full (`paused`), or has room again. What is sent in between is lost."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """The call is over."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The provider reports an error, or broke its own protocol."""

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-formed message that means nothing here: a new event, or one without use for a call."""

    name: str


@dataclass(frozen=True, slots=True)
class MarkRequest:
    """To a provider: say when everything before this was played."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearRequest:
    """To a provider: stop playing, and throw the queue away."""


@dataclass(frozen=True, slots=True)
class DtmfRequest:
    """To a provider: press these keys."""

    digits: str


@dataclass(frozen=True, slots=True)
class HangupRequest:
    """To a provider: end the call."""

    reason: str = ""


Message: TypeAlias = (
    Start
    | Media
    | Dtmf
    | MarkPlayed
    | Cleared
    | FlowControl
    | Stop
    | Failed
    | Unknown
    | MarkRequest
    | ClearRequest
    | DtmfRequest
    | HangupRequest
)
