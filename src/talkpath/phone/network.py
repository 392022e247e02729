"""What lies between the phone and the provider: delay, jitter, loss, wrong order. Time is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from talkpath.phone.line import Line

DRAWS = 1024


class Network:
    """Media messages on their way.

    Parameters
    ----------
    line : Line
    seed : int
    numbered : bool
        The messages have numbers: lost ones are missing, and order may change. Otherwise what is lost is sent again, and everything
        behind it waits.

    Attributes
    ----------
    lost, reordered, lumps : int
        Messages that never come; that changed places; that were sent again.
    """

    def __init__(self, line: Line, seed: int, numbered: bool) -> None:
        self._line, self._numbered = line, numbered
        self._rng = np.random.default_rng([seed, 0x7E7])
        self._draws: list[float] = []
        self._way: deque[tuple[float, str | bytes]] = deque()
        self._swap: str | bytes | None = None
        self._last = float("-inf")
        loss = line.loss_percent / 100
        self._leave = 1 / line.burst_frames
        self._enter = min(1.0, loss * self._leave / (1 - loss))
        self._lossy = False
        self.lost = self.reordered = self.lumps = 0

    def _draw(self) -> float:
        if not self._draws:
            self._draws = self._rng.random(DRAWS).tolist()
        return self._draws.pop()

    def put(self, data: str | bytes, now: float) -> float | None:
        """Send; gives when it will arrive, None: never."""
        line = self._line
        self._lossy = self._draw() >= self._leave if self._lossy else self._draw() < self._enter
        delay_ms = line.delay_ms + line.jitter_ms * self._draw()
        if self._lossy:
            if self._numbered:
                self.lost += 1
                return None
            self.lumps += 1
            delay_ms += line.retransmit_ms
        at = self._last = max(self._last, now + delay_ms / 1000)
        if self._swap is not None:
            self._way += ((at, data), (at, self._swap))
            self._swap = None
        elif self._numbered and self._draw() < line.reorder_percent / 100:
            self.reordered += 1
            self._swap = data
        else:
            self._way.append((at, data))
        return at

    @property
    def next(self) -> float | None:
        """When something arrives."""
        return self._way[0][0] if self._way else None

    def take(self, now: float, into: Callable[[str | bytes], object]) -> None:
        """What has arrived by now."""
        while self._way and self._way[0][0] <= now:
            into(self._way.popleft()[1])
