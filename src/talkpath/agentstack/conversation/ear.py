"""What a recogniser hears of a call: the caller, but not what leaks of the agent while nobody speaks. No clock: time is the stream's.

While the agent sounds and the engine hears no caller, the recogniser is given silence; what comes is kept, and given from 0.3 s before the caller's first
sound on when the engine says that he speaks. So an echo is never transcribed, and no first word is lost.
"""

from __future__ import annotations

from collections import deque

LEAD_MS = 300.0
_KEPT_MS = 2500.0
TAIL_MS = 400.0  # after the agent's last sound its echo still comes


class Ear:
    """Audio of one call on its way to a recogniser.

    Parameters
    ----------
    sample_rate_hz : int
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._bytes_a_ms = sample_rate_hz * 2 / 1000
        self._kept: deque[tuple[float, bytes]] = deque()  # (stream time of its first sample, audio)
        self._agent_sounds = False
        self._caller_speaks = False
        self._tail_until_ms = 0.0
        self.now_ms = 0.0  # stream time of what comes next

    @property
    def is_open(self) -> bool:
        """What comes is given as it is."""
        return self._caller_speaks or not (self._agent_sounds or self.now_ms < self._tail_until_ms)

    def agent(self, sounds: bool) -> None:
        """The agent's audio began, or ended."""
        if self._agent_sounds and not sounds:
            self._tail_until_ms = self.now_ms + TAIL_MS
        self._agent_sounds = sounds

    def caller(self, speaks: bool, onset_ms: float = 0.0) -> bytes:
        """The engine hears the caller, since `onset_ms`, or no more: what was kept of his beginning."""
        was_open = self.is_open
        self._caller_speaks = speaks
        if not speaks or was_open:
            self._kept.clear()
            return b""
        since = onset_ms - LEAD_MS
        given = b"".join(audio for at, audio in self._kept if at + len(audio) / self._bytes_a_ms > since)
        self._kept.clear()
        return given

    def hear(self, audio: bytes) -> bytes:
        """The next piece of the call: what the recogniser gets in its place."""
        at, self.now_ms = self.now_ms, self.now_ms + len(audio) / self._bytes_a_ms
        if self._caller_speaks or not (self._agent_sounds or at < self._tail_until_ms):
            return audio
        self._kept.append((at, audio))
        while self._kept and self._kept[0][0] < self.now_ms - _KEPT_MS:
            self._kept.popleft()
        return bytes(len(audio))
