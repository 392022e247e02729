"""When something on a stream happened, by the server's clock."""

from __future__ import annotations

_FORGETS_PER_S = 0.0005  # 500 ppm: as far as a provider's clock may drift


class StreamClock:
    """From stream time to the clock's.

    News come late, never early: the smallest difference seen is the truest; it is allowed to grow slowly, for clocks drift.
    """

    def __init__(self, now_s: float) -> None:
        self._offset_s = now_s
        self._seen_at_s = now_s

    def seen(self, stream_ms: float, now_s: float) -> None:
        """It is `now_s`, and so far the stream has come."""
        offset_s = self._offset_s + max(0.0, now_s - self._seen_at_s) * _FORGETS_PER_S
        self._offset_s, self._seen_at_s = min(offset_s, now_s - stream_ms / 1000), now_s

    def at(self, stream_ms: float) -> float:
        """A stream time on the clock, s."""
        return self._offset_s + stream_ms / 1000
