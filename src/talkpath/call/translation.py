"""The core's events as `talkpath.call.events`."""

from typing import TYPE_CHECKING, Any

from talkpath.call import events as e
from talkpath.results import PlayoutEvent

if TYPE_CHECKING:
    from talkpath._core import RawEvent

_CLASSES: dict[str, Any] = {found.type: found for found in e.Event.__subclasses__()}


def translate(raw: "RawEvent", **more: Any) -> e.Event:
    """What the detectors and the turn logic found; `more` are fields that the core knows nothing of."""
    kind, clock, at_ms, fields = raw
    event: e.Event = _CLASSES[kind](clock, at_ms, **fields, **more)
    return event


def played(event: PlayoutEvent, clock: str) -> e.Event | None:
    """What became of a source; None for what nobody waits for."""
    at_ms, name = event.at_ms, event.name
    match event.kind, event.source:
        case "started", "speech":
            return e.AgentSpeechStarted(clock, at_ms, name)
        case "completed", "speech":
            return e.AgentSpeechCompleted(clock, at_ms, name, event.position_s)
        case "interrupted", "speech" | "play":
            return e.AgentSpeechInterrupted(clock, at_ms, name, event.position_s)
        case "completed", "play":
            return e.PlayCompleted(clock, at_ms, name)
        case "completed", "dtmf":
            return e.DtmfSent(clock, at_ms, name)
        case "checkpoint", _:
            return e.MarkPlayed(clock, at_ms, name)
        case "underrun", _:
            return e.AgentSpeechUnderrun(clock, at_ms, name)
        case _:
            return None
