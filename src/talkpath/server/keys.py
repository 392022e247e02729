"""A key once, though it comes as sound and as a message."""

from __future__ import annotations

from talkpath.server.results import Counters

WINDOW_S = 2.0


class Keys:
    """Pairs the two ways a key comes by.

    Parameters
    ----------
    counters : Counters
        `keys_paired` is kept up to date.

    Notes
    -----
    A key on one way is explained by the same key on the other way within 2 s, and each explains one: the same key pressed twice is
    two keys, whichever order the four come in.
    """

    def __init__(self, counters: Counters) -> None:
        self._alone: list[tuple[str, str, float]] = []
        self._counters = counters

    def is_new(self, digit: str, way: str, now: float) -> bool:
        """True where it has not been reported."""
        self._alone = [key for key in self._alone if now - key[2] <= WINDOW_S]
        for key in self._alone:
            if key[0] == digit and key[1] != way:
                self._alone.remove(key)
                self._counters.keys_paired += 1
                return False
        self._alone.append((digit, way, now))
        return True
