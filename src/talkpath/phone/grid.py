"""The provider's clock: a frame every 20 ms of its own. Time is given, never read."""

from __future__ import annotations

import math

FRAME_MS = 20
CATCH_UP_S = 1.0  # a phone that stood still for longer leaves out what it missed


class Grid:
    """Deadlines of one call: frame k is due at `origin + k * period`, so that late ticks never add up.

    Parameters
    ----------
    drift_ppm : float
        How much faster than nominal the clock runs.
    phase : float
        0 … 1: where in the 20 ms it ticks.

    Attributes
    ----------
    origin, period, next : float
        In s; `next` is infinite before the beginning.
    """

    def __init__(self, drift_ppm: float, phase: float) -> None:
        self.period = FRAME_MS / 1000 / (1 + drift_ppm * 1e-6)
        self.origin = self.next = math.inf
        self._phase = phase * self.period
        self._k = 0

    def begin(self, now: float) -> None:
        """The first tick is the next one from `now` on."""
        self.origin = self.next = math.ceil((now - self._phase) / self.period) * self.period + self._phase

    def advance(self) -> float:
        """A tick is done; gives when it was due."""
        due = self.next
        self._k += 1
        self.next = self.origin + self._k * self.period
        return due

    def skip(self, now: float) -> float:
        """Leave out the frames that are long overdue: a provider would not send all that at once, either. Gives how many s."""
        skipped = int((now - self.next) / self.period) * self.period
        self.origin += skipped
        self.next += skipped
        return skipped
