"""The configuration of one call: the platform's own names, defaults and ranges."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

from talkpath.errors import ConfigError

FRAME_MS = (10, 20, 30, 40, 60)


@dataclass(frozen=True)
class WireFormat:
    """Codec and rate on the line."""

    content_type: str
    codec: str
    sample_rate_hz: int
    sample_bytes: int


WIRE_FORMATS: dict[str, WireFormat] = {
    f.content_type: f
    for f in (
        WireFormat("audio/x-mulaw;rate=8000", "ulaw", 8000, 1),
        WireFormat("audio/x-alaw;rate=8000", "alaw", 8000, 1),
        WireFormat("audio/x-l16;rate=8000", "l16", 8000, 2),
        WireFormat("audio/x-l16;rate=16000", "l16", 16000, 2),
    )
}
AUDIO_FORMATS = {"pcm_8k": 8000, "pcm_16k": 16000, "pcm_24k": 24000}
DETECTION_METHODS = ("disabled", "audio")


def _one_of(field: str, value: object, allowed: Mapping[Any, Any] | tuple[Any, ...]) -> None:
    if not any(type(value) is type(a) and value == a for a in allowed):
        raise ConfigError(f"{field} must be one of {', '.join(map(repr, allowed))} (got {value!r})")


@dataclass(frozen=True)
class CallConfig:
    """What one call does.

    Parameters
    ----------
    stream : str
        Wire format on the line: `audio/x-mulaw;rate=8000` (default), `audio/x-alaw;rate=8000`, `audio/x-l16;rate=8000`
        or `audio/x-l16;rate=16000`.
    frame_ms : {20, 10, 30, 40, 60}
        One wire frame.
    audio_format : {"pcm_16k", "pcm_8k", "pcm_24k"}
        What `receive()` returns: mono int16 at that rate.
    plc_enabled : bool
        Conceal lost frames; otherwise they are silence.
    detection_method : {"disabled", "audio"}
        "audio", for calls that the agent makes: says once who answered (`voicemail.detected`), then, unless that was a
        person, when the beep is over (`voicemail.beep`); also reports ringback, busy and other tones (`line.tone`).

    Raises
    ------
    ConfigError
        A value out of its range; the message starts with the field's name.
    """

    stream: str = "audio/x-mulaw;rate=8000"
    frame_ms: int = 20
    audio_format: str = "pcm_16k"
    plc_enabled: bool = True
    detection_method: str = "disabled"

    _CHOICES: ClassVar[dict[str, Any]] = {
        "stream": WIRE_FORMATS,
        "frame_ms": FRAME_MS,
        "audio_format": AUDIO_FORMATS,
        "plc_enabled": (True, False),
        "detection_method": DETECTION_METHODS,
    }

    def __post_init__(self) -> None:
        for field, allowed in self._CHOICES.items():
            _one_of(field, getattr(self, field), allowed)

    @property
    def wire(self) -> WireFormat:
        """The wire format, parsed."""
        return WIRE_FORMATS[self.stream]

    @property
    def audio_rate_hz(self) -> int:
        """Rate of `audio_format`."""
        return AUDIO_FORMATS[self.audio_format]

    @property
    def frame_samples(self) -> int:
        """Samples in a wire frame."""
        return self.wire.sample_rate_hz * self.frame_ms // 1000

    def to_dict(self) -> dict[str, Any]:
        """The fields; `CallConfig(**config.to_dict())` is equal to `config`."""
        return asdict(self)

    def replaced(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**self.to_dict(), **changes})
