"""Figures from times: gaps between messages, lateness against the server's own grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FRAME_S = 0.02
PAUSE_S = 1.0  # a server that sends nothing for so long pauses: it has nothing to say, and its grid begins anew
FOLLOW_PPM = 300.0  # so fast the grid may slow down with the server's clock
AHEAD_S, BLOCK = 0.04, 250  # delays that change more than that within so many messages: sent ahead
NEAR = 25  # messages that show whether an early one is the grid, or an exception
TOGETHER = 0.25  # of the audio of the one before: what comes sooner came with it
BACK_S = 0.01  # a server that is not back on its grid within LOOK frames has left it
LOOK = 50


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles, in ms; NaN-free: all 0 where there is nothing."""

    count: int
    p50: float
    p99: float
    p999: float
    max: float

    def to_dict(self) -> dict[str, float]:
        """For JSON; microseconds are enough."""
        names = ("p50", "p99", "p999", "max")
        return {"count": self.count, **{name: round(float(getattr(self, name)), 3) for name in names}}


def spread(values_ms: npt.ArrayLike) -> Spread:
    """Percentiles of values in ms: the smallest value that so many are not above."""
    x = np.sort(np.asarray(values_ms, np.float64))
    n = len(x)
    if not n:
        return Spread(0, 0.0, 0.0, 0.0, 0.0)
    at = [min(n - 1, int(np.ceil(q * n)) - 1) for q in (0.5, 0.99, 0.999)]
    return Spread(n, float(x[at[0]]), float(x[at[1]]), float(x[at[2]]), float(x[-1]))


def gaps_ms(times: Sequence[float]) -> tuple[Floats, int]:
    """Times between messages, in ms, without pauses; and how many pauses there were."""
    gaps = np.diff(np.asarray(times, np.float64))
    is_pause = gaps > PAUSE_S
    return gaps[~is_pause] * 1000, int(is_pause.sum())


def lateness_ms(times: Sequence[float], positions: Sequence[float], breaks: Sequence[int] = ()) -> Floats:
    """How late each message came against the server's own grid, in ms.

    Parameters
    ----------
    times : sequence of float
        When each message came, in s.
    positions : sequence of float
        So much audio had come before it, in s.
    breaks : sequence of int
        Messages with which the grid begins anew: the first after a clear.

    Returns
    -------
    float64 array, a value a message, 0 for what came in time or ahead

    Notes
    -----
    The delay of a message is its time less its position. A server that sends in time keeps its delay; its grid is the least delay of
    late, as a tenth of the messages of half a second keep to it, and follows a slower clock by at most 300 ppm. A server that sends
    ahead (within 250 messages its delay changes by more than 40 ms, as a rule) is late only against its first message: with what it
    sends then, there would be nothing to play. Of messages that come together the first is in time, the others are ahead: who sends
    two every 40 ms is not late. A server that leaves audio out after a stall, and does not come back to its grid
    within 50 messages, has a new grid from then on: the message after the stall is late, the next ones are not. After 1 s without
    a message the grid begins anew.
    """
    delays = np.asarray(times, np.float64) - np.asarray(positions, np.float64)
    delay = delays.tolist()
    late = [0.0] * len(delay)
    if not delay:
        return np.zeros(0)
    again = set(breaks)
    heads = _heads(times, positions)
    firsts = delays[heads]
    is_ahead = sends_ahead(firsts)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(firsts, (0, NEAR - 1), mode="edge"), NEAR)
    tenth = np.partition(windows, NEAR // 10, axis=1)[
        :, NEAR // 10
    ].tolist()  # what the earliest tenth of the next keep to
    is_head = (heads == np.arange(len(heads))).tolist()
    base, last, follow = delay[0], times[0], FOLLOW_PPM * 1e-6
    for i, (d, t) in enumerate(
        zip(delay, times, strict=True)
    ):  # a quarter of a million times in a long run: no function is called in it
        gap = t - last
        last = t
        if gap > PAUSE_S or i in again:
            base = d
            continue
        lag = d - base
        if lag > 0:
            step = follow * gap
            if step >= lag:
                base = d
                continue
            base += step
            lag -= step
            late[i] = lag
            if lag > FRAME_S:
                least = min(delay[i : i + LOOK])
                if least - base > BACK_S:
                    base = least
        elif lag < 0 and is_head[i] and not is_ahead:
            early = tenth[i]
            if early < base:
                base = max(d, early)
    return np.asarray(late) * 1000


def _heads(times: Sequence[float], positions: Sequence[float]) -> npt.NDArray[np.intp]:
    """For each message, the first of those that it came together with: within a quarter of the audio between them."""
    gaps, audio = np.diff(np.asarray(times, np.float64)), np.diff(np.asarray(positions, np.float64))
    is_head = np.concatenate([[True], gaps >= TOGETHER * audio])
    return np.maximum.accumulate(np.where(is_head, np.arange(len(is_head)), 0))


def sends_ahead(delays: Floats) -> bool:
    """True for a server that does not keep to a grid, but sends what it has, and then waits."""
    blocks = [delays[at : at + BLOCK] for at in range(0, len(delays), BLOCK)]
    ranges = [float(np.subtract(*np.percentile(block, [98, 5]))) for block in blocks if len(block) >= NEAR]
    return len(ranges) > 0 and sorted(ranges)[len(ranges) // 2] > AHEAD_S


@dataclass(frozen=True, slots=True)
class Late:
    """Lateness of many messages, in ms."""

    spread: Spread
    over_5: int
    over_20: int
    over_60: int

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {**self.spread.to_dict(), "over_5": self.over_5, "over_20": self.over_20, "over_60": self.over_60}


def late(values_ms: npt.ArrayLike) -> Late:
    """Percentiles and counts of what is late."""
    x = np.asarray(values_ms, np.float64)
    return Late(spread(x), int((x > 5).sum()), int((x > 20).sum()), int((x > 60).sum()))
