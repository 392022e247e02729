"""The engine's events as the platform's JSON: in this one place.

Source: `reference/agentstack.md` of the design, section 5.2. What has text in it (`agent.speech_completed`, `agent.speech_interrupted`) gets it from
the conversation; what the platform does not know stays here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from talkpath.call import events as e

OPT_IN = {  # event → flag of `events`
    "user.speech_started": "vad_events",
    "user.speech_stopped": "vad_events",
    "user.turn_completed": "turn_events",
    "turn.metrics": "metrics_events",
    "user.state_changed": "state_events",
    "agent.state_changed": "state_events",
}
EVENT_DEFAULTS = {"metrics_events": False, "vad_events": False, "turn_events": False, "state_events": True}


def iso(at: datetime) -> str:
    """As all timestamps are: UTC, ms."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_wanted(kind: str, flags: Mapping[str, bool]) -> bool:
    """Whether the app has asked for it, or need not ask."""
    flag = OPT_IN.get(kind)
    return flag is None or bool(flags.get(flag, EVENT_DEFAULTS[flag]))


class Translator:
    """Events of one call.

    Parameters
    ----------
    began_at : datetime
        Of the call: stream times count from there.
    """

    def __init__(self, began_at: datetime) -> None:
        self.began_at = began_at

    def at(self, stream_ms: float) -> str:
        """A stream time as ISO 8601."""
        return iso(self.began_at + timedelta(milliseconds=stream_ms))

    def translate(self, event: e.Event, **text: Any) -> dict[str, Any] | None:
        """The message, or None for what the platform does not know. `text`: fields that only the conversation can give."""
        fields = self._fields(event)
        if fields is None:
            return None
        return {"type": event.type, **fields, "timestamp": self.at(event.timestamp_ms), **text}

    def _fields(self, event: e.Event) -> dict[str, Any] | None:
        match event:
            case e.UserSpeechStarted():
                return {"timestamp_ms": round(event.timestamp_ms), **_VAD}
            case e.UserSpeechStopped():
                return {"timestamp_ms": round(event.timestamp_ms), "duration_ms": round(event.duration_ms), **_VAD}
            case e.UserTurnCompleted():
                return {"trigger": event.trigger, "duration_ms": round(event.duration_ms),
                        "turn_method": METHODS.get(event.turn_method, event.turn_method), "turn_probability": event.turn_probability}  # fmt: skip
            case e.UserStateChanged() | e.AgentStateChanged():
                return {"old_state": event.old_state, "new_state": event.new_state}
            case e.AgentSpeechStarted():
                return {}
            case e.AgentSpeechCompleted() | e.AgentSpeechInterrupted():
                return {"playback_position_s": float(event.playback_position_s)}
            case e.AgentFalseInterruption():
                return {"resumed": event.resumed}
            case e.UserBackchannel():
                return {"is_interruption": event.is_interruption, "probability": float(event.probability),
                        "detection_delay_ms": float(event.detection_delay_ms), "total_duration_ms": float(event.total_duration_ms),
                        "prediction_duration_ms": 0.0, "overlap_started_at": self.at(event.onset_ms), "num_requests": 0}  # fmt: skip
            case e.UserIdle() if event.reason != "wait_for_user":
                return {"retry_count": event.retry_count, "reason": event.reason}
            case e.UserDtmf():
                return {"digit": event.digit}
            case e.DtmfSent():
                return {"digits": event.digits}
            case e.PlayCompleted():
                return {}
            case e.VoicemailDetected() if event.result != "unknown":
                return {"result": event.result, "method": "audio"}
            case e.VoicemailBeep():
                return {"frequency_hz": float(event.frequency_hz), "duration_ms": round(event.duration_ms)}
            case _:
                return None


_VAD = {"vad_idle_time_s": None, "vad_inference_count": None, "vad_inference_duration_total_ms": None}
METHODS = {"model": "eou_model", "sound": "eou_model"}  # the platform's names of ours
