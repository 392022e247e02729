"""How much of what the agent said was heard when it was interrupted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from talkpath.call.events import AgentSpeechInterrupted, MarkPlayed
from talkpath.server import MarkCleared, MarkHeard, PlayoutCleared

ANSWER_S = 0.01  # a mark comes back with the provider's next frame: half of one too late, in the mean


@dataclass(frozen=True, slots=True)
class AgentHeard:
    """The agent was interrupted; so many seconds had been heard since it began to speak. `utterance` is the call's name for it."""

    utterance: str
    heard_s: float


class Heard:
    """What left, less what the provider threw away, less what it plays later than the session's clock says: its marks tell that."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}  # marks that left, and when they should be heard
        self._lag_s = 0.0

    def follow(self, events: Iterable[object], now: float, unheard_s: float) -> AgentHeard | None:
        """What happened until `now`; so much of what was sent should not have been played yet."""
        cut: AgentSpeechInterrupted | None = None
        cleared_s = 0.0
        for event in events:
            match event:
                case MarkPlayed(name=name):
                    self._left[name] = now + unheard_s
                case MarkHeard(name=name, by="mark") if name in self._left:
                    self._lag_s = max(0.0, now - self._left.pop(name) - ANSWER_S)
                case MarkHeard(name=name) | MarkCleared(name=name):
                    self._left.pop(name, None)
                case AgentSpeechInterrupted():
                    cut = event
                case PlayoutCleared(unheard_ms=unheard_ms):
                    cleared_s = unheard_ms / 1000 + self._lag_s
                case _:
                    pass
        return None if cut is None else AgentHeard(cut.utterance, max(0.0, cut.playback_position_s - cleared_s))
