"""One SQLite file, one thread that speaks to it. Jobs are done in the order in which they were asked for, each in a transaction."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from talkpath.agentstack.store.schema import MIGRATIONS

BUSY_S = 1.0  # so long a job waits for another process's lock
P = ParamSpec("P")
T = TypeVar("T")


class StoreError(Exception):
    """The database is locked, full, gone or not ours. What was asked for was not done."""


class Database:
    """A file of SQLite, in write-ahead mode; a transaction is on the disk when its job returns.

    Parameters
    ----------
    path : Path
        Made where it is missing, for this user only: keys are in it.

    Raises
    ------
    StoreError
        It cannot be opened, or another server has it.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="talkpath-store")
        self._lock = _locked(path)
        try:
            self._connection = self._thread.submit(_connected, path).result()
        except BaseException:
            os.close(self._lock)
            self._thread.shutdown(wait=False)
            raise

    def submit(
        self, job: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Queue a job. Its future may raise `StoreError`; so does a closed database."""
        try:
            return self._thread.submit(self._in_transaction, lambda: job(self._connection, *args, **kwargs))
        except RuntimeError:
            failed: Future[T] = Future()
            failed.set_exception(StoreError("the database is closed"))
            return failed

    async def run(self, job: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Queue a job and wait for it. Who is cancelled meanwhile does not undo it."""
        return await asyncio.shield(asyncio.wrap_future(self.submit(job, *args, **kwargs)))

    def _in_transaction(self, job: Callable[[], T]) -> T:
        try:
            self._connection.execute("BEGIN")
            try:
                found = job()
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as problem:  # the last two: what SQLite cannot hold
            raise StoreError(f"the database cannot be used now: {problem}") from None
        return found

    def close(self) -> None:
        """Finish what is queued, and let go of the file."""
        self._thread.submit(self._connection.close)
        self._thread.shutdown()
        os.close(self._lock)


def _locked(path: Path) -> int:
    """A lock beside the file: a second server would end the first one's calls as a dead one's."""
    import fcntl

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise StoreError(f"{path}: {problem.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(f"{path}: another server uses it") from None
    return lock


def _connected(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    except (OSError, sqlite3.Error) as problem:
        raise StoreError(f"{path}: {problem}") from None
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        _migrate(connection, path)
    except sqlite3.Error as problem:
        connection.close()
        raise StoreError(f"{path}: {problem}") from None
    except StoreError:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError(f"{path}: made by a newer talkpath (schema {version}, here {len(MIGRATIONS)})")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
