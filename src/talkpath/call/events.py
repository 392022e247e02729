"""Events of a call: frozen dataclasses; `to_dict()` gives them as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened on a call.

    Attributes
    ----------
    clock : {"receive", "transmit"}
        Whose stream time `timestamp_ms` is: of what was heard, or of what was sent.
    timestamp_ms : float
        Samples received, or sent, since the call began, in ms. It never goes back on one clock. The two clocks are not one: a server
        may have sent more, or less, than it has received.
    """

    type: ClassVar[str] = ""

    clock: str
    timestamp_ms: float

    def to_dict(self) -> dict[str, Any]:
        """The event as a dict of plain values, `type` among them."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"type": self.type, **{k: dict(v) if isinstance(v, Mapping) else v for k, v in found.items()}}


# --- the caller ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserSpeechStarted(Event):
    """The caller speaks, since `onset_ms`."""

    type: ClassVar[str] = "user.speech_started"

    onset_ms: float


@dataclass(frozen=True, slots=True)
class UserSpeechStopped(Event):
    """The caller is silent again: spoke for `duration_ms` from `onset_ms` on."""

    type: ClassVar[str] = "user.speech_stopped"

    duration_ms: float
    onset_ms: float


@dataclass(frozen=True, slots=True)
class UserTurnCompleted(Event):
    """It is the agent's turn.

    Attributes
    ----------
    trigger : {"silence", "max_duration", "text"}
        What ended the turn.
    duration_ms : float
        From the beginning of its first speech to the end of its last.
    turn_method : {"model", "sound", "text", "silence"}
        What chose the silence that was waited for: the orchestrator's model (`turn_probability`), the sound of the speech (no
        detector does that yet), a final transcript, or nothing but the silence itself.
    turn_probability : float or None
        The model's last word, if it had one.
    """

    type: ClassVar[str] = "user.turn_completed"

    trigger: str
    duration_ms: float
    turn_method: str
    turn_probability: float | None


@dataclass(frozen=True, slots=True)
class UserStateChanged(Event):
    """ "listening", "speaking" or "away"."""

    type: ClassVar[str] = "user.state_changed"

    old_state: str
    new_state: str


@dataclass(frozen=True, slots=True)
class UserBackchannel(Event):
    """The caller spoke while the agent did: each such overlap is classified once.

    Attributes
    ----------
    is_interruption : bool
        False: it ended by itself, so shortly that it was no interruption ("uh-huh"). True: it interrupted the agent.
    probability : float
        That it was meant to interrupt: its length as a share of what would have; 1 when it did.
    detection_delay_ms : float
        From its onset to this event.
    total_duration_ms : float
        How long the caller has spoken.
    onset_ms : float
        When the caller began, on the receive path's clock.
    """

    type: ClassVar[str] = "user.backchannel"

    is_interruption: bool
    probability: float
    detection_delay_ms: float
    total_duration_ms: float
    onset_ms: float


@dataclass(frozen=True, slots=True)
class UserIdle(Event):
    """The caller has been silent for too long: "no_response", "max_retries_exhausted" or "wait_for_user"."""

    type: ClassVar[str] = "user.idle"

    retry_count: int
    reason: str


@dataclass(frozen=True, slots=True)
class UserDtmf(Event):
    """The caller pressed a key."""

    type: ClassVar[str] = "user.dtmf"

    digit: str


# --- the agent ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgentStateChanged(Event):
    """ "idle" (before anybody's first word), "listening", "thinking" or "speaking"."""

    type: ClassVar[str] = "agent.state_changed"

    old_state: str
    new_state: str


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


@dataclass(frozen=True, slots=True)
class AgentSpeechPaused(Event):
    """The agent stands still: the caller speaks, or the orchestrator asked for it."""

    type: ClassVar[str] = "agent.speech_paused"


@dataclass(frozen=True, slots=True)
class AgentSpeechInterrupted(Event):
    """The utterance was cut, and all that was queued behind it; so many seconds of it were heard.

    `dropped_marks` are the checkpoints that were cut too, in their order: no `mark.played` comes for them. When nothing had been
    heard yet, there is an event only if marks were dropped.
    """

    type: ClassVar[str] = "agent.speech_interrupted"

    utterance: str
    playback_position_s: float
    dropped_marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentSpeechDiscarded(Event):
    """Speech came for an utterance that had been interrupted, and was dropped; told once for each."""

    type: ClassVar[str] = "agent.speech_discarded"

    utterance: str


@dataclass(frozen=True, slots=True)
class AgentFalseInterruption(Event):
    """What paused the agent was no interruption. `resumed`: it goes on where it stopped; False: the orchestrator has paused it too."""

    type: ClassVar[str] = "agent.false_interruption"

    resumed: bool


@dataclass(frozen=True, slots=True)
class AgentSpeechUnderrun(Event):
    """Speech ran dry before its end; the gap is concealed."""

    type: ClassVar[str] = "agent.speech_underrun"

    utterance: str


@dataclass(frozen=True, slots=True)
class DtmfSent(Event):
    """The keys were sent."""

    type: ClassVar[str] = "dtmf.sent"

    digits: str


@dataclass(frozen=True, slots=True)
class PlayCompleted(Event):
    """A file was played to its end."""

    type: ClassVar[str] = "play.completed"

    name: str


@dataclass(frozen=True, slots=True)
class MarkPlayed(Event):
    """Everything before the checkpoint was played."""

    type: ClassVar[str] = "mark.played"

    name: str


@dataclass(frozen=True, slots=True)
class AudioCleared(Event):
    """What was queued is gone."""

    type: ClassVar[str] = "audio.cleared"


# --- the line -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VoicemailDetected(Event):
    """Who answered: "human", "machine" or "unknown"; by the greeting ("audio") or by a beep ("beep").

    A beep after a short greeting that was taken for a person's corrects it: a second event, "machine" by "beep". After "unknown"
    (nobody has spoken for 10 s) a voice is still judged.
    """

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
    """The network, not a person: ringback, busy, reorder, dial tone, SIT, fax or howler."""

    type: ClassVar[str] = "line.tone"

    tone: str
    plan: str


@dataclass(frozen=True, slots=True)
class TurnMetrics(Event):
    """What one turn took; when the agent's answer is over.

    Attributes
    ----------
    turn_number : int
        0 for what the agent says before the caller's first turn.
    user_perceived_ms : float or None
        From the end of the caller's speech to the first sample of the answer.
    turn_decision_ms : float or None
        From the end of the caller's speech to `user.turn_completed`.
    num_interruptions, num_false_interruptions, num_backchannels : int
        While the agent spoke.
    pause_duration_ms : float
        How long the agent stood still for the caller.
    marks : dict
        {name: ms}: stream times set with `call.mark(name)` since the last turn's.
    """

    type: ClassVar[str] = "turn.metrics"

    turn_number: int
    user_perceived_ms: float | None
    turn_decision_ms: float | None
    num_interruptions: int
    num_false_interruptions: int
    num_backchannels: int
    pause_duration_ms: float
    marks: Mapping[str, float] = field(default_factory=dict)
