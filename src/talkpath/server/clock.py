"""When frames are due: a grid of absolute deadlines that follows the provider's clock. Time is given, never read."""

from __future__ import annotations

WINDOW_S = 5.0  # the least delayed message of so long says where the provider's clock is
MAX_PPM = 500.0  # how fast it is followed
MAX_STEP_S = 0.01  # more in one window is no drift: something was lost, or stood still


class Grid:
    """Deadlines of one call.

    Parameters
    ----------
    frame_s : float
        From one to the next.

    Notes
    -----
    Deadline k is `origin + k * frame_s + shift`: rounding and late wake-ups never add up. `shift` follows the provider's clock, as
    the times show at which its audio comes: without that, 200 ppm are 0.7 s of audio an hour, heard as a growing delay.
    """

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self._origin: float | None = None
        self._count = 0
        self._shift_s = 0.0
        self._target_s = 0.0
        self._window_end: float | None = None
        self._least: float | None = None
        self._base: float | None = None

    @property
    def deadline(self) -> float | None:
        """Of the next frame; None before the beginning."""
        origin = self._origin
        return None if origin is None else origin + self._count * self._frame_s + self._shift_s

    @property
    def ticks(self) -> int:
        """Deadlines that have passed."""
        return self._count

    @property
    def shift_s(self) -> float:
        """How far the provider's clock has been followed."""
        return self._shift_s

    def begin(self, at: float) -> None:
        """The first deadline, as long as it has not passed."""
        if self._count == 0:
            self._origin = at

    def advance(self, now: float) -> int:
        """The deadline has come. How many more have passed in the meantime: those frames were missed."""
        deadline = self.deadline
        assert deadline is not None
        missed = 0
        if now - deadline >= 0.99 * self._frame_s:
            missed = max(0, int((now - deadline) / self._frame_s + 1e-6))
        self._count += 1 + missed
        error = self._target_s - self._shift_s
        if error:
            most = MAX_PPM * 1e-6 * self._frame_s * (1 + missed)
            self._shift_s += min(max(error, -most), most)
        return missed

    def observe(self, now: float, audio_s: float) -> None:
        """At `now` there was so much of the provider's audio since the beginning, what was lost included."""
        offset = now - audio_s
        if self._least is None or offset < self._least:
            self._least = offset
        if self._window_end is None:
            self._window_end = now + WINDOW_S
        if now < self._window_end:
            return
        if self._base is None:
            self._base = self._least
        error = self._least - self._base - self._target_s
        if abs(error) > MAX_STEP_S:
            self._base += error
        else:
            self._target_s += error
        self._least, self._window_end = None, now + WINDOW_S


class Surplus:
    """Finds audio that waits at the provider longer than it needs to: what was made up for after a stall.

    Parameters
    ----------
    frame_s : float

    Notes
    -----
    What lies there all through a window of half a second only makes the agent slower. A frame less is then no gap: by our own clock,
    which is the least that the provider can have, more than that is waiting.
    """

    def __init__(self, frame_s: float) -> None:
        self._frame_s = frame_s
        self._window = max(1, round(0.5 / frame_s))
        self._ticks = 0
        self._least = float("inf")

    def is_there(self, waiting_s: float) -> bool:
        """Asked at every tick, before its frame: True where that frame had better wait."""
        self._least = min(self._least, waiting_s)
        self._ticks += 1
        if self._ticks < self._window:
            return False
        found = self._least > 1.25 * self._frame_s
        self._ticks, self._least = 0, float("inf")
        return found
