"""A session's messages as the engine's events, for a call that has no log."""

from __future__ import annotations

from typing import Any

from talkpath.call import events as e
from talkpath.report.material import At
from talkpath.report.session_axis import Axis
from talkpath.report.session_rows import Kept, SessionRows, epoch


def engine_events(rows: SessionRows, axis: Axis) -> list[At]:
    """What the engine had said, as far as the messages tell it; the caller's speech is left to who hears the recording."""
    names = _names(rows.events)
    found = []
    for i, kept in enumerate(rows.events):
        at_s = axis.of(kept)
        event = _event(kept, 1000 * at_s, names.get(i, ""), axis)
        if event is not None:
            found.append(At(at_s, event))
    return sorted(found, key=lambda at: at.at_s)


def _names(events: list[Kept]) -> dict[int, str]:
    """The utterance of each message about one, by its place. What is kept of an utterance follows its last message, and names it."""
    found: dict[int, str] = {}
    about: list[int] = []
    for i, kept in enumerate(events):
        if kept.type in ("agent.speech_started", "agent.speech_completed", "agent.speech_interrupted"):
            about.append(i)
        elif kept.type == "talkpath.utterance":
            found |= dict.fromkeys(about, str(kept.event["utterance"]))
            about.clear()
    return found


def _event(kept: Kept, at_ms: float, name: str, axis: Axis) -> e.Event | None:
    m: dict[str, Any] = kept.event
    match kept.type:
        case "agent.speech_started":
            return e.AgentSpeechStarted("transmit", at_ms, name)
        case "agent.speech_completed":
            return e.AgentSpeechCompleted("transmit", at_ms, name, float(m["playback_position_s"]))
        case "agent.speech_interrupted":
            return e.AgentSpeechInterrupted("transmit", at_ms, name, float(m["playback_position_s"]))
        case "agent.false_interruption":
            return e.AgentFalseInterruption("transmit", at_ms, bool(m["resumed"]))
        case "user.turn_completed":
            return e.UserTurnCompleted("receive", at_ms, str(m["trigger"]), float(m["duration_ms"]), str(m["turn_method"]),
                                       m["turn_probability"])  # fmt: skip
        case "user.backchannel":
            onset = epoch(m["overlap_started_at"])
            onset_ms = at_ms - float(m["detection_delay_ms"]) if onset is None else 1000 * axis.heard(onset)
            return e.UserBackchannel("receive", at_ms, bool(m["is_interruption"]), float(m["probability"]),
                                     float(m["detection_delay_ms"]), float(m["total_duration_ms"]), onset_ms)  # fmt: skip
        case "user.dtmf":
            return e.UserDtmf("receive", at_ms, str(m["digit"]))
        case "dtmf.sent":
            return e.DtmfSent("transmit", at_ms, str(m["digits"]))
        case "voicemail.detected":
            return e.VoicemailDetected("receive", at_ms, str(m["result"]), str(m["method"]))
        case "voicemail.beep":
            return e.VoicemailBeep("receive", at_ms, float(m["frequency_hz"]), float(m["duration_ms"]))
        case _:
            return None
