"""Many sessions on one clock: all that is due goes through one exchange. Time is given, never read."""

from __future__ import annotations

from talkpath.call.group import CallGroup
from talkpath.server.session import Session


class Pacer:
    """Sessions that keep time together.

    Parameters
    ----------
    threads : int
        Of the exchange; see `CallGroup`.
    """

    def __init__(self, threads: int = 1) -> None:
        self._group = CallGroup(threads)
        self._sessions: dict[int, Session] = {}

    def __len__(self) -> int:
        """Sessions that it keeps."""
        return len(self._sessions)

    def add(self, session: Session) -> None:
        """From now on."""
        self._sessions[id(session)] = session

    def remove(self, session: Session) -> None:
        """No longer."""
        self._sessions.pop(id(session), None)

    def next_deadline(self) -> float | None:
        """When `tick` should be called."""
        found = [at for session in self._sessions.values() if (at := session.next_deadline()) is not None]
        return min(found, default=None)

    def tick(self, now: float) -> list[Session]:
        """Time has come to `now`. The sessions that were due: they have something to send, or to say."""
        due: list[Session] = []
        asked: list[Session] = []
        frames = []
        for session in self._sessions.values():
            deadline = session.next_deadline()
            if deadline is None or deadline > now:
                continue
            due.append(session)
            try:
                pair = session.due(now)
            except Exception as problem:  # one call's, and no other's
                session.failed(problem, now)
                continue
            if pair is not None:
                asked.append(session)
                frames.append(pair)
        if frames:
            for session, (received, transmitted) in zip(asked, self._group.exchange(frames), strict=True):
                try:
                    session.exchanged(received, transmitted, now)
                except Exception as problem:
                    session.failed(problem, now)
        return due

    def close(self) -> None:
        """Ends the threads."""
        self._group.close()
