"""The core's events in the platform's words."""

from typing import TYPE_CHECKING

from talkpath._core import _tone_names
from talkpath.call import events as e
from talkpath.results import PlayoutEvent

if TYPE_CHECKING:
    from talkpath._core import RawEvent

USER_STATES = ("listening", "speaking", "away")
AGENT_STATES = ("listening", "thinking", "speaking")
_TRIGGERS = ("silence", "max_duration", "text")
_IDLE_REASONS = ("no_response", "max_retries_exhausted", "wait_for_user")
_ANSWERS = ("undecided", "human", "machine", "unknown")

# Kinds of raw events that the call itself has to know about; the others are those of `told`. See tp_call_event_type.
TURN_METRICS, PLAYOUT, INTERRUPTED = 13, 14, 15


def told(raw: "RawEvent") -> e.Event:
    """What the detectors and the turn logic found."""
    kind, at, a, b, _, x, y, *_ = raw
    match kind:
        case 0:
            return e.UserSpeechStarted(at, a)
        case 1:
            return e.UserSpeechStopped(at, a)
        case 2:
            return e.UserTurnCompleted(at, _TRIGGERS[x], a)
        case 3:
            return e.UserStateChanged(at, USER_STATES[x], USER_STATES[y])
        case 4:
            return e.AgentStateChanged(at, AGENT_STATES[x], AGENT_STATES[y])
        case 5:
            return e.AgentSpeechPaused(at)
        case 6:
            return e.AgentFalseInterruption(at)
        case 7:
            return e.UserBackchannel(at, False, a, b)
        case 8:
            return e.UserIdle(at, x, _IDLE_REASONS[y])
        case 9:
            return e.UserDtmf(at, chr(x))
        case 10:
            return e.VoicemailDetected(at, _ANSWERS[x], "beep" if y else "audio")
        case 11:
            return e.VoicemailBeep(at, a, b)
        case 12:
            return e.LineTone(at, *_tone_names(x, y))
    raise AssertionError(f"the core has no event {kind}")


def turn_metrics(raw: "RawEvent", marks: dict[str, float]) -> e.TurnMetrics:
    """A turn's figures; `marks` are what the orchestrator noted since the last."""
    _, at, a, b, c, x, y, z, w, *_ = raw
    return e.TurnMetrics(at, x, a if a >= 0 else None, b if b >= 0 else None, y, z, w, c, marks)


def played(event: PlayoutEvent) -> e.Event | None:
    """What became of a source; None for what nobody waits for."""
    at, name = event.at_ms, event.name
    match event.kind, event.source:
        case "started", "speech":
            return e.AgentSpeechStarted(at, name)
        case "completed", "speech":
            return e.AgentSpeechCompleted(at, name, event.position_s)
        case "interrupted", "speech" | "play":
            return e.AgentSpeechInterrupted(at, name, event.position_s)
        case "completed", "play":
            return e.PlayCompleted(at, name)
        case "completed", "dtmf":
            return e.DtmfSent(at, name)
        case "checkpoint", _:
            return e.PlayedStream(at, name)
        case "underrun", _:
            return e.AgentSpeechUnderrun(at, name)
        case _:
            return None
