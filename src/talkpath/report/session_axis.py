"""From a session's times to the report's axis. Some count the stream, some are the server's clock: events that have both tie them together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkpath.report.model import Span
from talkpath.report.session_rows import Kept, SessionRows

# What is told in stream time: of what was sent, and of what was heard. The two clocks are not one.
SENT = frozenset(
    ("agent.speech_started", "agent.speech_completed", "agent.speech_interrupted", "play.completed", "dtmf.sent")
)
HEARD = frozenset(
    (
        "user.speech_started", "user.speech_stopped", "user.turn_completed", "user.state_changed", "user.backchannel",
        "user.idle", "user.dtmf", "voicemail.beep",
    )
)  # fmt: skip
STREAM = SENT | HEARD | {"agent.state_changed", "agent.false_interruption"}
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
    heard_lead_s : float, optional
        Where the clock of what is heard does; default: with the other.
    """

    def __init__(self, rows: SessionRows, lead_s: float, duration_s: float, heard_lead_s: float | None = None) -> None:
        self._began, self._lead_s, self._duration_s = rows.began, lead_s, duration_s
        self._heard_lead_s = lead_s if heard_lead_s is None else heard_lead_s
        self._cuts = {kept.event.get("timestamp") for kept in rows.events
                      if kept.type in ("agent.speech_interrupted", "agent.false_interruption")}  # fmt: skip
        told = [kept for kept in rows.events if kept.type in SENT] or [k for k in rows.events if k.type in STREAM]
        pairs = [(kept.at, self._of(kept.timestamp)) for kept in told if kept.timestamp is not None]
        self._walls = np.asarray([wall for wall, _ in pairs] or [rows.began])
        self._offsets_s = np.asarray([at_s - wall for wall, at_s in pairs] or [lead_s - rows.began])

    def _of(self, timestamp: float) -> float:
        return timestamp - self._began + self._lead_s

    def of(self, kept: Kept) -> float:
        """Of an event, by whichever clock it has."""
        at = kept.timestamp
        if at is None:
            return self.clock(kept.at)
        if kept.type not in STREAM:
            return self.clock(at)
        # A verdict that waited for the agent's speech to end has that end's time.
        is_heard = kept.type in HEARD and not (
            kept.type == "user.backchannel" and kept.event["timestamp"] in self._cuts
        )
        return self.heard(at) if is_heard else self._within(self._of(at))

    def heard(self, timestamp: float) -> float:
        """Of a time of what was heard."""
        return self._within(timestamp - self._began + self._heard_lead_s)

    def _within(self, at_s: float) -> float:
        return min(max(0.0, at_s), self._duration_s)

    def clock(self, timestamp: float) -> float:
        """Of the server's clock. What is kept is kept late, never early: the least lateness nearby is the truest."""
        near = np.abs(self._walls - timestamp) <= NEAR_S
        offset_s = float((self._offsets_s[near] if near.any() else self._offsets_s).max())
        return self._within(timestamp + offset_s)


def lead_of_recording(rows: SessionRows, sounds: Sequence[Span], event: str) -> float | None:
    """Where a clock begins on the axis of a recording: most events of what began must lie where a sound begins. None: there is nothing to see.

    `event`: "agent.speech_started", of the agent's sounds, or "user.speech_started", of the caller's.
    """
    starts = [kept.timestamp - rows.began for kept in rows.events if kept.type == event and kept.timestamp is not None]
    found = np.asarray(
        [s.start_s - start_s for s in sounds for start_s in starts if abs(s.start_s - start_s) < REACH_S]
    )
    if not len(found):
        return None
    together = np.abs(found[:, None] - found[None, :]) <= SAME_S
    best = int(np.argmax(together.sum(axis=1)))
    return float(np.median(found[together[best]]))
