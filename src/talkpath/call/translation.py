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


class Clears:
    """Gathers what one clear has cut: the event of the utterance names the checkpoints behind it."""

    def __init__(self) -> None:
        self._cut: PlayoutEvent | None = None
        self._marks: list[str] = []

    def gather(self, event: PlayoutEvent, clock: str) -> e.Event | None:
        """Takes every event of the playout; the clear's own comes out when it is over."""
        is_voice = event.source in ("speech", "play")
        match event.kind:
            case "interrupted" if is_voice:
                self._cut = event
            case "dropped" if event.source == "checkpoint":
                self._marks.append(event.name)
            case "dropped" if is_voice and self._cut is None:
                self._cut = event
            case "cleared":
                cut, marks = self._cut, tuple(self._marks)
                self._cut, self._marks = None, []
                if marks or (cut is not None and cut.kind == "interrupted"):
                    at = cut if cut is not None else event
                    return e.AgentSpeechInterrupted(clock, at.at_ms, at.name, at.position_s, marks)
        return None
