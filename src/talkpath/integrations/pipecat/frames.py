"""Frames that a call adds to Pipecat's."""

from dataclasses import dataclass, field

from pipecat.frames.frames import InputAudioRawFrame, SystemFrame

from talkpath.call.events import Event
from talkpath.integrations.pipecat.heard import AgentHeard
from talkpath.server import SessionEvent


@dataclass
class CallAudioFrame(InputAudioRawFrame):
    """The caller's audio, cleaned, and what happened on the call until its end."""

    events: list[Event | SessionEvent | AgentHeard] = field(default_factory=list)


@dataclass
class BeepFrame(SystemFrame):
    """An answering machine's beep is over: speak now."""

    frequency_hz: float
    duration_ms: float


@dataclass
class AnsweredByFrame(SystemFrame):
    """Who answered: "human", "machine" or "unknown"; found by "audio" or "beep"."""

    result: str
    method: str


@dataclass
class LineToneFrame(SystemFrame):
    """The network, not a person: ringback, busy, reorder, dial tone, SIT, fax or howler."""

    tone: str


@dataclass
class AgentHeardFrame(SystemFrame):
    """The agent was interrupted; so many seconds had been heard since it began to speak."""

    heard_s: float
