"""From a session's times to the report's axis. Some count the stream, some are the server's clock: events that have both tie them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkpath.report.model import Span
from talkpath.report.session_rows import SessionRows

# What is told in stream time: of what was sent, and of what was heard.
SENT = frozenset(
    ("agent.speech_started", "agent.speech_completed", "agent.speech_interrupted", "play.completed", "dtmf.sent")
)
STREAM = SENT | frozenset(
    (
        "user.speech_started", "user.speech_stopped", "user.turn_completed", "user.state_changed", "agent.state_changed",
        "agent.false_interruption", "user.backchannel", "user.idle", "user.dtmf", "voicemail.beep",
    )
)  # fmt: skip
NEAR_S = 60.0  # a clock is the other's within so much time; a line that was held up moves it
REACH_S, SAME_S = 2.0, 0.08  # a recording begins so near to its call; its sound lies so near to its event


class Axis:
    """Of one session.

    Parameters
    ----------
    rows : SessionRows
    lead_s : float
        Where the clock of what is sent begins on the axis.
    duration_s : float
    """

    def __init__(self, rows: SessionRows, lead_s: float, duration_s: float) -> None:
        self._began, self._lead_s, self._duration_s = rows.began, lead_s, duration_s
        told = [kept for kept in rows.events if kept.type in SENT] or [k for k in rows.events if k.type in STREAM]
        pairs = [(kept.at, self._of(kept.timestamp)) for kept in told if kept.timestamp is not None]
        self._walls = np.asarray([wall for wall, _ in pairs] or [rows.began])
        self._offsets_s = np.asarray([at_s - wall for wall, at_s in pairs] or [lead_s - rows.began])

    def _of(self, timestamp: float) -> float:
        return timestamp - self._began + self._lead_s

    def stream(self, timestamp: float) -> float:
        """Of an event in stream time."""
        return min(max(0.0, self._of(timestamp)), self._duration_s)

    def clock(self, timestamp: float) -> float:
        """Of the server's clock. What is kept is kept late, never early: the least lateness nearby is the truest."""
        near = np.abs(self._walls - timestamp) <= NEAR_S
        offset_s = float((self._offsets_s[near] if near.any() else self._offsets_s).max())
        return min(max(0.0, timestamp + offset_s), self._duration_s)


def lead_of_recording(rows: SessionRows, heard: Sequence[Span]) -> float:
    """Where a call begins on the axis of its recording: most of what the agent said must lie where its sound is."""
    starts = [kept.timestamp - rows.began for kept in rows.events
              if kept.type == "agent.speech_started" and kept.timestamp is not None]  # fmt: skip
    found = np.asarray([s.start_s - start_s for s in heard for start_s in starts if abs(s.start_s - start_s) < REACH_S])
    if not len(found):
        return 0.0
    together = np.abs(found[:, None] - found[None, :]) <= SAME_S
    best = int(np.argmax(together.sum(axis=1)))
    return float(np.median(found[together[best]]))
