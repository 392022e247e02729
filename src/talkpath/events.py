"""Events of a call: frozen dataclasses with the platform's own names; `to_dict()` gives its JSON."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a call.

    Attributes
    ----------
    timestamp_ms : float
        Stream time of the path that saw it: samples received, or sent, since the call began.
    """

    type: ClassVar[str] = ""

    timestamp_ms: float

    def to_dict(self) -> dict[str, Any]:
        """The event as the platform's JSON has it."""
        return {"type": self.type, **{f.name: getattr(self, f.name) for f in fields(self)}}


@dataclass(frozen=True, slots=True)
class UserDtmf(Event):
    """The caller pressed a key."""

    type: ClassVar[str] = "user.dtmf"

    digit: str


@dataclass(frozen=True, slots=True)
class VoicemailDetected(Event):
    """Who answered: "human", "machine" or "unknown"; by the greeting ("audio") or by a beep that came first ("beep")."""

    type: ClassVar[str] = "voicemail.detected"

    result: str
    method: str


@dataclass(frozen=True, slots=True)
class VoicemailBeep(Event):
    """The beep after an answering machine's greeting is over: speak now."""

    type: ClassVar[str] = "voicemail.beep"

    frequency_hz: float
    duration_ms: float


@dataclass(frozen=True, slots=True)
class LineTone(Event):
    """The network, not a person: ringback, busy, reorder, dial tone, SIT, fax or howler. Not an event of the platform's own."""

    type: ClassVar[str] = "line.tone"

    tone: str
    plan: str


@dataclass(frozen=True, slots=True)
class AgentSpeechStarted(Event):
    """The first sample of an utterance left for the caller."""

    type: ClassVar[str] = "agent.speech_started"

    utterance: str


@dataclass(frozen=True, slots=True)
class AgentSpeechCompleted(Event):
    """The last sample of an utterance left for the caller."""

    type: ClassVar[str] = "agent.speech_completed"

    utterance: str
    playback_position_s: float
