"""What a report is made of: both directions of a call on one time axis, its events, and what the engine knew at each frame."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from talkpath._types import Samples
from talkpath.call.events import Event
from talkpath.call.results import CallMetrics
from talkpath.measure import CallMeasures
from talkpath.report.session_model import SessionTold

Floats = npt.NDArray[np.float64]

NEAR_MS = 1000.0  # the least delay within so much time to come is the line's; more is lateness


@dataclass(frozen=True, slots=True)
class At:
    """An event, and when it was on the report's axis."""

    at_s: float
    event: Event


@dataclass(frozen=True, slots=True)
class Track:
    """What the call knew after each frame of the caller's; arrays of equal length. Empty for a recording.

    `at_s`: where the frame lies on the axis; `late_ms`: how much later than the line's usual it was taken; `is_lost`: it was concealed.
    """

    at_s: Floats
    late_ms: Floats
    is_lost: npt.NDArray[np.bool_]
    evidence: Floats
    speech_probability: Floats
    echo_likelihood: Floats
    erl_db: Floats
    echo_delay_ms: Floats


@dataclass(frozen=True, slots=True)
class Queued:
    """A command that brought speech: when, whose, and how much of it was accepted."""

    at_s: float
    name: str
    generated_s: float


@dataclass(frozen=True, slots=True)
class Material:
    """A call as it was read.

    Attributes
    ----------
    caller, heard : ndarray[int16]
        What came from the caller's line, echo and noise in it; what the caller was sent. Equal lengths, one axis.
    heard_is_known : bool
        False: a recording of the caller alone.
    measures : CallMeasures or None
        Of a recording; those of a log are made when it is known who spoke when.
    source : {"log", "recording", "session"}
        "session": a recording, and the events that an agent stack has kept.
    lead_s : float
        Where on the axis the clock of what is sent begins.
    session : SessionTold or None
        What the agent stack knows of the call.
    """

    name: str
    source: str
    stream: str
    sample_rate_hz: int
    frame_ms: float
    caller: Samples
    heard: Samples
    heard_is_known: bool
    events: list[At]
    track: Track
    queued: list[Queued] = field(default_factory=list)
    metrics: CallMetrics | None = None
    measures: CallMeasures | None = None
    lead_s: float = 0.0
    session: SessionTold | None = None

    @property
    def duration_s(self) -> float:
        """Of the longer direction."""
        return len(self.caller) / self.sample_rate_hz


def places_ms(taken_ms: Floats, frame_ms: float) -> Floats:
    """Where each frame of the caller's lies on the clock of what is sent.

    Parameters
    ----------
    taken_ms : ndarray, shape (n,)
        What had been sent when each was taken.
    frame_ms : float

    Returns
    -------
    ndarray, shape (n,)
        Frames follow each other without a gap as long as the line's delay stays the same. A frame that is late, with others behind it
        that are not, keeps its place; a pause that is never made up for moves all that follow.
    """
    n = len(taken_ms)
    if not n:
        return np.zeros(0)
    behind_ms = taken_ms - np.arange(n) * frame_ms
    reach = max(1, round(NEAR_MS / frame_ms))
    padded = np.pad(behind_ms, (0, reach), constant_values=np.inf)
    least = np.lib.stride_tricks.sliding_window_view(padded, reach + 1).min(axis=1)
    return np.asarray(np.maximum.accumulate(least) + np.arange(n) * frame_ms)
