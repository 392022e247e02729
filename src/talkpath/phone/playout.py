"""The provider's queue: what the server sends, played at the provider's rate; marks on it; what a clear throws away."""

from __future__ import annotations

from collections import deque

from talkpath._types import Samples

MAX_QUEUED_S = 900.0  # a flood must not eat the memory
MAX_MARKS = 4096
HOLE_S = 0.5  # what comes sooner than that after the queue ran dry should have come before


class Playout:
    """A queue of samples that is played a frame at a time.

    Parameters
    ----------
    sample_rate : int
    gather_ms : float
        So much is gathered (or so long waited) before it begins to play after it was empty.
    most_s : float
        What goes beyond is dropped.

    Attributes
    ----------
    queued : int
        Samples that wait.
    played : int
        Samples of the server's that were played.
    cleared, dropped : int
        Samples that a clear threw away; that were too many.
    holes, missing : int
        How often it ran dry while the server was sending, and samples of silence by that.
    """

    def __init__(self, sample_rate: int, gather_ms: float = 40.0, most_s: float = MAX_QUEUED_S) -> None:
        self._gather = round(sample_rate * gather_ms / 1000)
        self._most = round(sample_rate * most_s)
        self._hole = round(sample_rate * HOLE_S)
        self._pieces: deque[Samples] = deque()
        self._offset = 0  # of the first piece: so much of it is played
        self._marks: deque[tuple[int, str]] = deque(maxlen=MAX_MARKS)
        self._plays = False
        self._waited = 0
        self._dry: int | None = None  # samples of silence since it ran dry
        self.queued = self.played = self.cleared = self.dropped = self.holes = self.missing = 0

    def put(self, pcm: Samples) -> None:
        """The server's audio."""
        n = len(pcm)
        if self.queued + n > self._most:
            self.dropped += n
        elif n:
            self._pieces.append(pcm)
            self.queued += n

    def mark(self, name: str) -> None:
        """To be said when everything before it was played."""
        self._marks.append((self.played + self.queued, name))

    def marks_played(self) -> list[str]:
        """Those that everything before was played; each once."""
        found = []
        while self._marks and self._marks[0][0] <= self.played:
            found.append(self._marks.popleft()[1])
        return found

    def clear(self) -> None:
        """Throw away what waits, and the marks on it."""
        self._pieces.clear()
        self._marks.clear()
        self.cleared += self.queued
        self._offset = self.queued = self._waited = 0
        self._plays, self._dry = False, None

    def pull(self, out: Samples) -> int:
        """Play the next frame, into `out`; silence where there is nothing. Gives how many of its samples are the server's."""
        n = len(out)
        if not self._plays and not self._begins(n):
            out[:] = 0
            return 0
        if self._offset == 0 and self.queued and len(self._pieces[0]) == n:  # by far the most frequent
            out[:] = self._pieces.popleft()
            self.queued -= n
            self.played += n
            return n
        return self._pull_pieces(out, n)

    def _begins(self, n: int) -> bool:
        if not self.queued:
            self._waited = 0
            if self._dry is not None:
                self._dry += n
            return False
        if self.queued < self._gather and self._waited < self._gather:
            self._waited += n
            if self._dry is not None:
                self._dry += n
            return False
        if self._dry is not None and self._dry <= self._hole:
            self.holes += 1
            self.missing += self._dry
        self._plays, self._waited, self._dry = True, 0, None
        return True

    def _pull_pieces(self, out: Samples, n: int) -> int:
        done = 0
        while done < n and self._pieces:
            piece = self._pieces[0]
            take = min(n - done, len(piece) - self._offset)
            out[done : done + take] = piece[self._offset : self._offset + take]
            done += take
            self._offset += take
            if self._offset == len(piece):
                self._pieces.popleft()
                self._offset = 0
        self.queued -= done
        self.played += done
        if done < n:
            out[done:] = 0
            self._plays, self._dry = False, n - done
        return done
