"""The configuration of one call: the names, defaults and ranges of Plivo's agent stack."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from talkpath._core import _VOLUME as VOLUME
from talkpath._core import _call_defaults, _noise_dbov, _noise_divisor, _turn_presets
from talkpath.errors import ConfigError

FRAME_MS = (10, 20, 30, 40, 60)
_CALL, _TURNS = _call_defaults(), _turn_presets()  # the C core's own: csrc/call/call_config.c
_MEDIUM = _TURNS["medium"]
_CNG_DIVISOR, _CNG_DIVISOR_MAX = _noise_divisor()


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
DETECTION_METHODS = ("disabled", "audio", "llm")
FIXED = ("stream", "frame_ms", "audio_format", "detection_method", "greeting_interrupt_duration", "seed")


# --- what a value may be ------------------------------------------------------------------------------------------------


def _one_of(path: str, value: object, allowed: Mapping[Any, Any] | tuple[Any, ...]) -> Any:
    plain = _plain(value)
    if not any(type(plain) is type(a) and plain == a for a in allowed):
        raise ConfigError(f"{path} must be one of {', '.join(map(repr, allowed))} (got {value!r})")
    return plain


def _number(path: str, value: object, low: float, high: float, whole: bool = False) -> Any:
    kind, plain = "a whole number" if whole else "a number", _plain(value)
    good = isinstance(plain, int) or (isinstance(plain, float) and not whole)
    if isinstance(plain, bool) or not good or not low <= plain <= high:
        raise ConfigError(f"{path} must be {kind}, {low:g} to {high:g} (got {value!r})")
    return plain


def _flag(path: str, value: object) -> bool:
    plain = _plain(value)
    if not isinstance(plain, bool):
        raise ConfigError(f"{path} must be True or False (got {value!r})")
    return plain


def _plain(value: object) -> Any:
    """Python's own number, truth or text for NumPy's, and for what is derived from them; anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, str) and type(value) is not str:
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


class Settings(dict[str, Any]):
    """A dict in a configuration: nobody changes it, so it can be hashed and shared."""

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a configuration never changes; make another one: config.replaced(...)")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset((name, _hashable(value)) for name, value in self.items()))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.keys() == other.keys() and all(_is_same(value, other[name]) for name, value in self.items())

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[dict[str, Any]]]:
        return type(self), (dict(self),)


def _hashable(value: object) -> object:
    """Equal for what is equal; samples and what cannot be hashed are told apart by comparing them."""
    if isinstance(value, np.ndarray):
        return value.shape
    try:
        hash(value)
    except TypeError:
        return None
    return value


def _is_same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    return bool(a == b)


def _settled(value: Any) -> Any:
    """What a configuration keeps of what it was given: a copy that nobody changes."""
    if isinstance(value, Mapping):
        return Settings({name: _settled(element) for name, element in value.items()})
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, np.ndarray):
        if value.flags.writeable:
            value = value.copy()
            value.flags.writeable = False
        return value
    return _plain(value)


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

    completed_turn_delay_ms: int = _MEDIUM["completed_turn_delay_ms"]
    incomplete_turn_delay_ms: int = _MEDIUM["incomplete_turn_delay_ms"]
    uncertain_turn_delay_ms: int = _MEDIUM["uncertain_turn_delay_ms"]
    min_interruption_duration_ms: int = _MEDIUM["min_interruption_duration_ms"]
    false_interruption_timeout_ms: int = _MEDIUM["false_interruption_timeout_ms"]
    completed_turn_threshold: float = _MEDIUM["completed_turn_threshold"]
    incomplete_turn_threshold: float = _MEDIUM["incomplete_turn_threshold"]
    speech_activation_threshold: float = _MEDIUM["speech_activation_threshold"]
    min_interruption_words: int = _MEDIUM["min_interruption_words"]
    max_turn_duration_ms: int = _MEDIUM["max_turn_duration_ms"]
    adapts: bool = bool(_MEDIUM["adapts"])


def _preset(values: Mapping[str, Any]) -> SemanticVad:
    given = {f.name: values[f.name] for f in fields(SemanticVad)}
    return SemanticVad(**{**given, "adapts": bool(given["adapts"])})


PRESETS = {name: _preset(values) for name, values in _TURNS.items()}
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
_OLDER_TURNS = ("min_interruption_duration_ms", "false_interruption_timeout_ms", "max_turn_duration_ms")


def _semantic_vad(value: object) -> SemanticVad:
    path = "semantic_vad"
    if isinstance(value, str):
        _one_of(path, value, tuple(PRESETS))
        return PRESETS[value]
    given = _mapping(path, value, _VAD_NAMES)
    eagerness = given.pop("eagerness", "medium" if given else "auto")
    _one_of(f"{path}.eagerness", eagerness, tuple(PRESETS))
    for name, number in given.items():
        if name in _VAD_RANGES:
            given[name] = _number(f"{path}.{name}", number, *_VAD_RANGES[name], whole=True)
        else:
            low = 0.01 if name == "speech_activation_threshold" else 0.0
            given[name] = _number(f"{path}.{name}", number, low, 0.99 if low else 1.0)
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
    "no_response_timeout_ms": (1000, 120_000),
    "extended_wait_time_ms": (1000, 300_000),
    "max_retries": (0, 10),
}
_IDLE_SECONDS = {"no_response_timeout_s": "no_response_timeout_ms", "extended_wait_time_s": "extended_wait_time_ms"}
_IDLE_NAMES = (*_IDLE_RANGES, *_IDLE_SECONDS, "reminder_message", "hangup_message")


def _idle(value: object) -> dict[str, int]:
    """{} when off."""
    if value is None:
        return {}
    given = _mapping("idle_timeout", value, _IDLE_NAMES)
    for seconds, name in _IDLE_SECONDS.items():
        if given.get(seconds) is not None:
            low, high = _IDLE_RANGES[name]
            _number(f"idle_timeout.{seconds}", given[seconds], low / 1000, high / 1000)
            given.setdefault(name, round(given[seconds] * 1000))
    found = {}
    for name, (low, high) in _IDLE_RANGES.items():
        value = given.get(name)
        value = _MEDIUM[name] if value is None else value
        found[name] = _number(f"idle_timeout.{name}", value, low, high, whole=True)
    return found


def _background(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    given = _mapping("background_audio", value, ("sound", "volume", "loop"))
    if "sound" not in given:
        raise ConfigError("background_audio.sound is missing")
    given["volume"] = _number("background_audio.volume", given.get("volume", VOLUME), 0.0, 1.0)
    given["loop"] = _flag("background_audio.loop", given.get("loop", True))
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
        Faint noise where nothing else sounds, of 18918 / divisor (1 to 100000) units of amplitude: 2800 is -73.7 dBov.
    noise_cancellation, noise_cancellation_level : bool, int
        Take noise out of what the caller says; 60 to 100, 85 by default. 10 ms more delay.
    background_audio : dict, optional
        {"sound", "volume": 0.3, "loop": True}: what `AmbienceMixer` takes.
    semantic_vad : {"medium", "high", "low", "auto"} or dict
        Turns and interruptions; a dict may hold "eagerness" and any field of `SemanticVad`. An empty one is "auto".
    allow_interruptions, greeting_interruptible : bool
        The caller may interrupt the agent; its first utterance.
    greeting_interrupt_duration : float
        s, 0 to 5: so long after the agent has begun to speak, more evidence is needed to interrupt it.
    echo_control : bool
        Takes the agent's own voice out of what comes back. Off: it is taken for the caller.
    detection_method : {"disabled", "audio", "llm"}
        "audio", for calls that the agent makes: says who answered (`voicemail.detected`) and when a machine's beep is over
        (`voicemail.beep`), also after a short greeting that seemed a person's; reports ringback, busy and other tones (`line.tone`).
    idle_timeout : dict, optional
        {"no_response_timeout_ms": 15000, "extended_wait_time_ms": 30000, "max_retries": 3}; None: no `user.idle`. Seconds are
        taken too: `no_response_timeout_s`, `extended_wait_time_s`.
    speaks_first : {"agent", "user"}
        With "user", `wait_for_user_timeout_s` (0 to 60; 0: never) without speech gives `user.idle`.
    normalize_level : bool
        Bring the agent's voice to -19 dBov.
    duck_db : float
        How far the background goes down under the agent's voice, 0 to 40.
    max_queued_ms : int
        How much speech may wait to be said, 100 to 600000.
    seed : int, optional
        Of the comfort noise. None: every call draws its own (`call.seed`, kept in the call's log), so that two calls never carry
        the same noise.

    Raises
    ------
    ConfigError
        A value out of its range; the message starts with the field's path.
    """

    stream: str = "audio/x-mulaw;rate=8000"
    frame_ms: int = _CALL["frame_ms"]
    audio_format: str = "pcm_16k"
    plc_enabled: bool = bool(_CALL["conceal"])
    comfort_noise_enabled: bool = bool(_CALL["comfort_noise"])
    cng_divisor: int = _CNG_DIVISOR
    noise_cancellation: bool = bool(_CALL["noise_cancellation"])
    noise_cancellation_level: int = _CALL["noise_cancellation_level"]
    background_audio: Mapping[str, Any] | None = None
    semantic_vad: str | Mapping[str, Any] = "medium"
    allow_interruptions: bool = bool(_MEDIUM["allow_interruptions"])
    greeting_interruptible: bool = True
    greeting_interrupt_duration: float = _CALL["warm_up_ms"] / 1000
    echo_control: bool = bool(_CALL["echo_control"])
    detection_method: str = "disabled"
    idle_timeout: Mapping[str, Any] | None = field(default_factory=dict)
    speaks_first: str = "agent"
    wait_for_user_timeout_s: float = _MEDIUM["wait_for_user_timeout_ms"] / 1000
    normalize_level: bool = bool(_CALL["normalize_level"])
    duck_db: float = _CALL["duck_db"]
    max_queued_ms: int = 60_000
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("stream", WIRE_FORMATS), ("frame_ms", FRAME_MS), ("audio_format", AUDIO_FORMATS),
                              ("detection_method", DETECTION_METHODS), ("speaks_first", ("agent", "user"))):  # fmt: skip
            object.__setattr__(self, name, _one_of(name, getattr(self, name), allowed))
        for name in ("plc_enabled", "comfort_noise_enabled", "noise_cancellation", "allow_interruptions",
                     "greeting_interruptible", "echo_control", "normalize_level"):  # fmt: skip
            object.__setattr__(self, name, _flag(name, getattr(self, name)))
        for name, low, high, whole in (
            ("cng_divisor", 1, _CNG_DIVISOR_MAX, True), ("noise_cancellation_level", 60, 100, True),
            ("greeting_interrupt_duration", 0.0, 5.0, False), ("wait_for_user_timeout_s", 0.0, 60.0, False),
            ("duck_db", 0.0, 40.0, False), ("max_queued_ms", 100, 600_000, True), ("seed", 0, 2**32 - 1, True),
        ):  # fmt: skip
            if name != "seed" or self.seed is not None:
                object.__setattr__(self, name, _number(name, getattr(self, name), low, high, whole))
        for name in ("semantic_vad", "idle_timeout", "background_audio"):
            object.__setattr__(self, name, _settled(getattr(self, name)))
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
        return _noise_dbov(self.cng_divisor)

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
            old = known[name]
            if name == "semantic_vad" and not (isinstance(old, Mapping) and old):
                old = {"eagerness": old or "auto"}
            merges = isinstance(value, Mapping) and isinstance(old, Mapping) and "eagerness" not in value
            known[name] = {**old, **value} if merges else value
        return type(self)(**known)

    @classmethod
    def from_agent(cls, agent: Mapping[str, Any]) -> Self:
        """The configuration in a whole agent dict of Plivo's agent stack: what is ours is used, the rest ignored.

        Parameters
        ----------
        agent : mapping
            As given to its SDK's `agents.create`. Of `stream` (the Audio Streaming parameters)
            `content_type`, `noise_cancellation` and `noise_cancellation_level` are used. No `idle_timeout`: no idle events.
            An empty `semantic_vad`: "auto". Older spellings count where the newer ones are missing: `interruption_enabled`,
            `vad.threshold`, and of `turn_detector` `min_interruption_duration_ms`, `false_interruption_timeout_ms` and
            `max_turn_duration_ms`. `audio_format` "mulaw_8k" (raw audio) counts as "pcm_8k".

        Raises
        ------
        ConfigError
            With the field's path.
        """
        if not isinstance(agent, Mapping):
            raise ConfigError(f"agent must be a dict (got {agent!r})")
        ours = {f.name for f in fields(cls)} - {"stream"}
        found = {name: value for name, value in agent.items() if name in ours and value is not None}
        found.setdefault("idle_timeout", None)
        found.setdefault("speaks_first", "agent" if agent.get("welcome_greeting") else "user")
        if found.get("audio_format") == "mulaw_8k":
            found["audio_format"] = "pcm_8k"
        if agent.get("interruption_enabled") is not None:
            _flag("interruption_enabled", agent["interruption_enabled"])
            found.setdefault("allow_interruptions", agent["interruption_enabled"])
        found["semantic_vad"] = _agents_vad(agent)
        found.update(_agents_stream(agent.get("stream")))
        return cls(**found)


def _agents_vad(agent: Mapping[str, Any]) -> str | dict[str, Any]:
    """`semantic_vad` as it arrives: unknown keys are passed through by the SDK, and ignored here."""
    value = agent.get("semantic_vad")
    if isinstance(value, Mapping):
        known = {name: number for name, number in value.items() if name in _VAD_NAMES and number is not None}
        return known if value else "auto"
    if value is not None:
        return value  # type: ignore[no-any-return]
    older: dict[str, Any] = {}
    vad, turn = agent.get("vad"), agent.get("turn_detector")
    if isinstance(vad, Mapping) and vad.get("threshold") is not None:
        older["speech_activation_threshold"] = vad["threshold"]
    if isinstance(turn, Mapping):
        older |= {name: turn[name] for name in _OLDER_TURNS if turn.get(name) is not None}
    return older or "medium"


def _agents_stream(stream: object) -> dict[str, Any]:
    """What `stream` says: a wire format, or the agent's dict of Audio Streaming parameters."""
    if stream is None:
        return {}
    if not isinstance(stream, Mapping):
        return {"stream": stream}
    found: dict[str, Any] = {}
    if stream.get("noise_cancellation") is not None:
        _flag("stream.noise_cancellation", stream["noise_cancellation"])
        found["noise_cancellation"] = stream["noise_cancellation"]
    if stream.get("noise_cancellation_level") is not None:
        _number("stream.noise_cancellation_level", stream["noise_cancellation_level"], 60, 100, whole=True)
        found["noise_cancellation_level"] = stream["noise_cancellation_level"]
    if stream.get("content_type") is not None:
        _one_of("stream.content_type", stream["content_type"], WIRE_FORMATS)
        found["stream"] = stream["content_type"]
    return found
