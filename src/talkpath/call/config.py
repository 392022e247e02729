"""The configuration of one call: the platform's own names, defaults and ranges."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

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
FIXED = ("stream", "frame_ms", "audio_format", "detection_method", "greeting_interrupt_duration", "seed")


# --- what a value may be ------------------------------------------------------------------------------------------------


def _one_of(path: str, value: object, allowed: Mapping[Any, Any] | tuple[Any, ...]) -> None:
    if not any(type(value) is type(a) and value == a for a in allowed):
        raise ConfigError(f"{path} must be one of {', '.join(map(repr, allowed))} (got {value!r})")


def _number(path: str, value: object, low: float, high: float, whole: bool = False) -> None:
    kind = "a whole number" if whole else "a number"
    good = isinstance(value, int) or (isinstance(value, float) and not whole and math.isfinite(value))
    if isinstance(value, bool) or not good or not low <= value <= high:  # type: ignore[operator]
        raise ConfigError(f"{path} must be {kind}, {low:g} to {high:g} (got {value!r})")


def _flag(path: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ConfigError(f"{path} must be True or False (got {value!r})")


def _mapping(path: str, value: object, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{path} must be a dict (got {value!r})")
    for name in value:
        if name not in names:
            raise ConfigError(f"{path}.{name} is not known; {path} has {', '.join(names)}")
    return dict(value)


# --- semantic_vad -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SemanticVad:
    """When speech counts, a turn ends and an interruption is one; times in ms.

    `completed`, `incomplete` and `uncertain` delays: silence after which the turn is over, by what the orchestrator's model said
    last with `call.turn_probability` (at least the completed threshold, at most the incomplete one, between or nothing).
    `adapts` ("auto"): a caller who pauses long gets longer delays, up to those of "low".
    """

    completed_turn_delay_ms: int = 250
    incomplete_turn_delay_ms: int = 1800
    uncertain_turn_delay_ms: int = 900
    min_interruption_duration_ms: int = 500
    false_interruption_timeout_ms: int = 1000
    completed_turn_threshold: float = 0.7
    incomplete_turn_threshold: float = 0.3
    speech_activation_threshold: float = 0.5
    min_interruption_words: int = 0
    max_turn_duration_ms: int = 60_000
    adapts: bool = False


PRESETS = {
    "high": SemanticVad(150, 1400, 700, 300, 750),
    "medium": SemanticVad(),
    "low": SemanticVad(500, 2500, 1000, 600, 1200),
    "auto": SemanticVad(adapts=True),
}
_VAD_RANGES = {
    "completed_turn_delay_ms": (0, 10_000),
    "incomplete_turn_delay_ms": (0, 20_000),
    "uncertain_turn_delay_ms": (0, 20_000),
    "min_interruption_duration_ms": (20, 2000),
    "false_interruption_timeout_ms": (0, 20_000),
    "min_interruption_words": (0, 100),
    "max_turn_duration_ms": (0, 3_600_000),
}
_VAD_NAMES = ("eagerness", *_VAD_RANGES, "completed_turn_threshold", "incomplete_turn_threshold",
              "speech_activation_threshold")  # fmt: skip


def _semantic_vad(value: object) -> SemanticVad:
    path = "semantic_vad"
    if isinstance(value, str):
        _one_of(path, value, tuple(PRESETS))
        return PRESETS[value]
    given = _mapping(path, value, _VAD_NAMES)
    eagerness = given.pop("eagerness", "medium")
    _one_of(f"{path}.eagerness", eagerness, tuple(PRESETS))
    for name, number in given.items():
        if name in _VAD_RANGES:
            _number(f"{path}.{name}", number, *_VAD_RANGES[name], whole=True)
        else:
            low = 0.01 if name == "speech_activation_threshold" else 0.0
            _number(f"{path}.{name}", number, low, 0.99 if low else 1.0)
    known = {f.name: getattr(PRESETS[eagerness], f.name) for f in fields(SemanticVad)}
    vad = SemanticVad(**{**known, **given})
    if vad.incomplete_turn_threshold > vad.completed_turn_threshold:
        raise ConfigError(
            f"{path}.incomplete_turn_threshold must not be above completed_turn_threshold "
            f"(got {vad.incomplete_turn_threshold} and {vad.completed_turn_threshold})"
        )
    return vad


# --- idle_timeout, background_audio ---------------------------------------------------------------------------------------

_IDLE_RANGES = {
    "no_response_timeout_ms": (1000, 120_000, 15_000),
    "extended_wait_time_ms": (1000, 300_000, 30_000),
    "max_retries": (0, 10, 3),
}
_IDLE_NAMES = (*_IDLE_RANGES, "reminder_message", "hangup_message")


def _idle(value: object) -> dict[str, int]:
    """{} when off."""
    if value is None:
        return {}
    given = _mapping("idle_timeout", value, _IDLE_NAMES)
    found = {}
    for name, (low, high, default) in _IDLE_RANGES.items():
        found[name] = given.get(name, default)
        _number(f"idle_timeout.{name}", found[name], low, high, whole=True)
    return found


def _background(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    given = _mapping("background_audio", value, ("sound", "volume", "loop"))
    if "sound" not in given:
        raise ConfigError("background_audio.sound is missing")
    _number("background_audio.volume", given.setdefault("volume", 0.3), 0.0, 1.0)
    _flag("background_audio.loop", given.setdefault("loop", True))
    return given


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
    comfort_noise_enabled, cng_divisor : bool, int
        Faint noise where nothing else sounds, of 18918 / divisor (1 to 32768) units of amplitude: 2800 is -73.7 dBov.
    noise_cancellation, noise_cancellation_level : bool, int
        Take noise out of what the caller says; 60 to 100, 85 by default. 10 ms more delay.
    background_audio : dict, optional
        {"sound", "volume": 0.3, "loop": True}: what `AmbienceMixer` takes.
    semantic_vad : {"medium", "high", "low", "auto"} or dict
        Turns and interruptions; a dict may hold "eagerness" and any field of `SemanticVad`.
    allow_interruptions, greeting_interruptible : bool
        The caller may interrupt the agent; its first utterance.
    greeting_interrupt_duration : float
        s, 0 to 5: so long after the agent has begun to speak, more evidence is needed to interrupt it.
    echo_control : bool
        Takes the agent's own voice out of what comes back. Off: it is taken for the caller.
    detection_method : {"disabled", "audio"}
        "audio", for calls that the agent makes: says once who answered (`voicemail.detected`), then, unless that was a
        person, when the beep is over (`voicemail.beep`); also reports ringback, busy and other tones (`line.tone`).
    idle_timeout : dict, optional
        {"no_response_timeout_ms": 15000, "extended_wait_time_ms": 30000, "max_retries": 3}; None: no `user.idle`.
    speaks_first : {"agent", "user"}
        With "user", `wait_for_user_timeout_s` (0 to 60; 0: never) without speech gives `user.idle`.
    normalize_level : bool
        Bring the agent's voice to -19 dBov.
    duck_db : float
        How far the background goes down under the agent's voice, 0 to 40.
    max_queued_ms : int
        How much speech may wait to be said, 100 to 600000.
    seed : int
        Of the comfort noise.

    Raises
    ------
    ConfigError
        A value out of its range; the message starts with the field's path.
    """

    stream: str = "audio/x-mulaw;rate=8000"
    frame_ms: int = 20
    audio_format: str = "pcm_16k"
    plc_enabled: bool = True
    comfort_noise_enabled: bool = True
    cng_divisor: int = 2800
    noise_cancellation: bool = False
    noise_cancellation_level: int = 85
    background_audio: Mapping[str, Any] | None = None
    semantic_vad: str | Mapping[str, Any] = "medium"
    allow_interruptions: bool = True
    greeting_interruptible: bool = True
    greeting_interrupt_duration: float = 0.5
    echo_control: bool = True
    detection_method: str = "disabled"
    idle_timeout: Mapping[str, Any] | None = field(default_factory=dict)
    speaks_first: str = "agent"
    wait_for_user_timeout_s: float = 5.0
    normalize_level: bool = False
    duck_db: float = 6.0
    max_queued_ms: int = 60_000
    seed: int = 1

    def __post_init__(self) -> None:
        for name, allowed in (("stream", WIRE_FORMATS), ("frame_ms", FRAME_MS), ("audio_format", AUDIO_FORMATS),
                              ("detection_method", DETECTION_METHODS), ("speaks_first", ("agent", "user"))):  # fmt: skip
            _one_of(name, getattr(self, name), allowed)
        for name in ("plc_enabled", "comfort_noise_enabled", "noise_cancellation", "allow_interruptions",
                     "greeting_interruptible", "echo_control", "normalize_level"):  # fmt: skip
            _flag(name, getattr(self, name))
        for name, low, high, whole in (
            ("cng_divisor", 1, 32768, True), ("noise_cancellation_level", 60, 100, True),
            ("greeting_interrupt_duration", 0.0, 5.0, False), ("wait_for_user_timeout_s", 0.0, 60.0, False),
            ("duck_db", 0.0, 40.0, False), ("max_queued_ms", 100, 600_000, True), ("seed", 0, 2**32 - 1, True),
        ):  # fmt: skip
            _number(name, getattr(self, name), low, high, whole)
        _ = self.turns, self.idle, self.background

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

    @property
    def turns(self) -> SemanticVad:
        """`semantic_vad`, resolved."""
        return _semantic_vad(self.semantic_vad)

    @property
    def idle(self) -> dict[str, int]:
        """`idle_timeout` with its defaults; empty when off."""
        return _idle(self.idle_timeout)

    @property
    def background(self) -> dict[str, Any] | None:
        """`background_audio` with its defaults."""
        return _background(self.background_audio)

    @property
    def comfort_noise_dbov(self) -> float:
        """Level that `cng_divisor` stands for."""
        return max(-127.0, min(0.0, 20 * math.log10(18918 / self.cng_divisor / 32768)))

    def to_dict(self) -> dict[str, Any]:
        """The fields; `CallConfig(**config.to_dict())` is equal to `config`."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in found.items()}

    def replaced(self, **changes: Any) -> Self:
        """A copy with some fields changed; a dict for `semantic_vad`, `idle_timeout` or `background_audio` changes what it names."""
        known = self.to_dict()
        for name, value in changes.items():
            if name not in known:
                raise ConfigError(f"{name} is not known; a call has {', '.join(known)}")
            old = {"eagerness": known[name]} if name == "semantic_vad" and isinstance(known[name], str) else known[name]
            merges = isinstance(value, Mapping) and isinstance(old, Mapping) and "eagerness" not in value
            known[name] = {**old, **value} if merges else value
        return type(self)(**known)

    @classmethod
    def from_agent(cls, agent: Mapping[str, Any]) -> Self:
        """The configuration in a whole agent dict of the platform: what is ours is used, the rest ignored.

        Parameters
        ----------
        agent : mapping
            As given to the platform's `agents.create`. Of `stream` (the Audio Streaming parameters) `content_type`,
            `noise_cancellation` and `noise_cancellation_level` are used; `detection_method` "llm" is the orchestrator's
            business and counts as "disabled".

        Raises
        ------
        ConfigError
            With the field's path.
        """
        if not isinstance(agent, Mapping):
            raise ConfigError(f"agent must be a dict (got {agent!r})")
        ours = {f.name for f in fields(cls)} - {"stream"}
        found = {name: value for name, value in agent.items() if name in ours and value is not None}
        if found.get("detection_method") == "llm":
            found["detection_method"] = "disabled"
        found.setdefault("speaks_first", "agent" if agent.get("welcome_greeting") else "user")
        stream = agent.get("stream")
        if isinstance(stream, Mapping):
            if stream.get("noise_cancellation") is not None:
                _flag("stream.noise_cancellation", stream["noise_cancellation"])
                found["noise_cancellation"] = stream["noise_cancellation"]
            if stream.get("noise_cancellation_level") is not None:
                _number("stream.noise_cancellation_level", stream["noise_cancellation_level"], 60, 100, whole=True)
                found["noise_cancellation_level"] = stream["noise_cancellation_level"]
            stream = stream.get("content_type")
            if stream is not None:
                _one_of("stream.content_type", stream, WIRE_FORMATS)
        if stream is not None:
            found["stream"] = stream
        return cls(**found)
