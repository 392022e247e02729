"""What live calls write. It never fails them: what cannot be written now is kept, in order, and written when it can be."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeAlias

from talkpath.agentstack.store.database import Database, StoreError

RETRY_S = 1.0
EVENTS_S = (
    1.0  # so long session events are gathered: a transaction for each would cost more than all else that is written
)
MAX_WAITING_CHARS = (
    16_000_000  # beyond it session events are dropped; the rest of a call's rows, which are few, up to four times that
)
_log = logging.getLogger("talkpath.agentstack")
# What SQLite cannot hold, however often it is tried.
_NEVER = (UnicodeEncodeError, OverflowError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError)
Job: TypeAlias = Callable[[sqlite3.Connection], object]


class Diary:
    """Jobs in order, many in one transaction.

    Attributes
    ----------
    dropped : int
        Jobs that were not kept: nothing could be written for too long, or SQLite cannot hold what they say.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._guard = threading.Lock()  # of all below; held for moments only
        self._waiting: list[tuple[Job, int]] = []
        self._chars = 0
        self._queued: Future[None] | None = None  # a flush that has not begun: it takes what is added meanwhile
        self._retry: threading.Timer | None = None  # the last flush failed, the next one is then
        self._later: threading.Timer | None = None  # events wait for it
        self._is_closed = False
        self.dropped = 0

    def write(self, job: Job, chars: int, *, is_event: bool = False) -> Future[None] | None:
        """Add a job of about so many characters. Its flush; None: nothing can be written at present, or an event, which waits for others."""
        with self._guard:
            if self._chars + chars > MAX_WAITING_CHARS * (1 if is_event else 4):
                self.dropped += 1
                return None
            self._waiting.append((job, chars))
            self._chars += chars
            is_blocked = self._retry is not None
            if is_event:
                self._flush_later()
                return None
        return None if is_blocked else self.flush()

    async def wrote(self, job: Job, chars: int) -> None:
        """Add a job; it is on the disk when this returns, unless nothing can be written at present."""
        flush = self.write(job, chars)
        if flush is not None:
            try:
                await asyncio.shield(asyncio.wrap_future(flush))
            except StoreError as problem:
                _log.warning("kept until it can be written: %s", problem)

    def flush(self) -> Future[None]:
        """Write what waits: before all that is asked of the database after this."""
        with self._guard:
            if self._queued is not None:
                return self._queued
            batch: list[tuple[Job, int]] = []
            flush = self._queued = self._db.submit(self._write_waiting, batch)
        flush.add_done_callback(lambda done: self._flushed(done, batch))
        return flush

    def close(self) -> None:
        """Try once more. The database is closed after this."""
        with self._guard:
            self._is_closed = True
            if self._retry is not None:
                self._retry.cancel()
            if self._later is not None:
                self._later.cancel()
        self.flush()

    def _flush_later(self) -> None:
        if self._later is None and self._retry is None and not self._is_closed:
            self._later = threading.Timer(EVENTS_S, self._events_waited)
            self._later.daemon = True
            self._later.start()

    def _events_waited(self) -> None:
        with self._guard:
            self._later = None
            is_over = self._is_closed or not self._waiting
        if not is_over:
            self.flush()

    def _write_waiting(self, db: sqlite3.Connection, batch: list[tuple[Job, int]]) -> None:
        with self._guard:
            batch += self._waiting
            self._waiting.clear()
            self._queued = None
        for job, _ in batch:
            try:
                job(db)
            except _NEVER:
                self.dropped += 1
                _log.exception("a row of a call cannot be written")

    def _flushed(self, done: Future[None], batch: list[tuple[Job, int]]) -> None:
        with self._guard:
            if self._queued is done:
                self._queued = None
            if not done.cancelled() and done.exception() is None:
                self._chars -= sum(chars for _, chars in batch)
                if self._retry is not None:
                    self._retry.cancel()
                    self._retry = None
                return
            self._waiting[:0] = batch
            if self._retry is None and not self._is_closed:
                self._retry = threading.Timer(RETRY_S, self._again)
                self._retry.daemon = True
                self._retry.start()

    def _again(self) -> None:
        with self._guard:
            self._retry = None
        self.flush()
