"""Many sessions on one clock: all that is due goes through one exchange. The time that it is, is given."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from time import perf_counter

from talkpath.call.group import CallGroup
from talkpath.server.session import Session


class Pacer:
    """Sessions that keep time together.

    Parameters
    ----------
    threads : int
        Of the exchange; see `CallGroup`.

    Notes
    -----
    A heap holds each session's next deadline, so that a tick costs what is due and not what there is. An entry may be too early
    (the session has put its deadline off): it is looked at again then.
    """

    def __init__(self, threads: int = 1) -> None:
        self._group = CallGroup(threads)
        self._sessions: dict[Session, float] = {}  # and when each is looked at next
        self._heap: list[tuple[float, int, Session]] = []
        self._order = count()
        self.observe_exchange: Callable[[float], None] = lambda seconds: None

    def __len__(self) -> int:
        """Sessions that it keeps."""
        return len(self._sessions)

    def add(self, session: Session) -> None:
        """From now on."""
        self._sessions[session] = float("inf")
        self.touch(session)

    def touch(self, session: Session) -> None:
        """Its deadline may be earlier than it was: something came before it ticks (`Session.is_ticking`)."""
        deadline = session.next_deadline()
        if deadline is not None and deadline < self._sessions.get(session, 0.0):
            self._put(session, deadline)

    def remove(self, session: Session) -> None:
        """No longer."""
        self._sessions.pop(session, None)

    def next_deadline(self) -> float | None:
        """When `tick` should be called."""
        heap, sessions = self._heap, self._sessions
        while heap and sessions.get(heap[0][2]) != heap[0][0]:  # removed, or put elsewhere
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def tick(self, now: float) -> list[Session]:
        """Time has come to `now`. The sessions that were looked at: they may have something to send, or to say."""
        due: list[Session] = []
        asked: list[Session] = []
        frames = []
        while (at := self.next_deadline()) is not None and at <= now:
            session = heapq.heappop(self._heap)[2]
            self._sessions[session] = float("inf")
            if session.ended is not None:
                continue
            due.append(session)  # or nearly: its deadline may have been put off
            try:
                pair = session.due(now)
            except Exception as problem:  # one call's, and no other's
                session.failed(problem, now)
                continue
            if pair is not None:
                asked.append(session)
                frames.append(pair)
        if frames:
            began = perf_counter()
            results = self._group.exchange(frames)
            self.observe_exchange(perf_counter() - began)
            for session, (received, transmitted) in zip(asked, results, strict=True):
                try:
                    session.exchanged(received, transmitted, now)
                except Exception as problem:
                    session.failed(problem, now)
        for session in due:
            self.touch(session)
        return due

    def close(self) -> None:
        """Ends the threads."""
        self._group.close()

    def _put(self, session: Session, at: float) -> None:
        self._sessions[session] = at
        heapq.heappush(self._heap, (at, next(self._order), session))
