"""What is said between two flushes, and what the call tells of it: how much was heard."""

from __future__ import annotations

from dataclasses import dataclass

from talkpath.call.events import AgentSpeechCompleted, AgentSpeechInterrupted, Event
from talkpath.server import Ended, MarkCleared, MarkHeard, PlayoutCleared, SessionEvent


@dataclass(slots=True)
class Segment:
    """One utterance of the call, with a checkpoint of the same name behind it.

    Attributes
    ----------
    heard_s : float
        So much has left for the line; when it is over, so much was heard.
    is_started, is_flushed : bool
        Its first sample has left; its last was given.
    is_cut : bool
        It was interrupted: by the call, or by the session.
    is_over : bool
        All that will be heard of it was.
    """

    name: str
    rate_hz: int
    heard_s: float = 0.0
    is_started: bool = False
    is_flushed: bool = False
    is_cut: bool = False
    is_over: bool = False

    def happened(self, event: Event | SessionEvent) -> None:
        """What the call tells."""
        match event:
            case AgentSpeechCompleted(utterance=self.name):
                self.heard_s = event.playback_position_s
            case AgentSpeechInterrupted(utterance=self.name):
                self.heard_s = event.playback_position_s
                self.is_cut = True
            case PlayoutCleared() if self.is_cut:  # of what has left, the provider had not played so much
                self.heard_s = max(0.0, self.heard_s - event.unheard_ms / 1000)
                self.is_over = True
            case MarkHeard(name=self.name):
                self.is_over = True
            case MarkCleared(name=self.name) if not self.is_cut:  # else the provider's clear comes next
                self.is_cut = self.is_over = True
            case Ended():
                self.is_cut = self.is_over = True
            case _:
                pass
