"""What an agent stack has left of a session: rows of its SQLite file, which may be in use meanwhile; nothing is written."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from talkpath.call.recording import log_name
from talkpath.errors import FormatError

DATABASE, LOGS, RECORDINGS = "talkpath.db", "logs", "recordings"  # below the stack's data folder
UNWRITTEN = "cannot be written"  # stands for a message that was no JSON
LISTED = 3  # so many of the newest are named where the one that is asked for is not there

_NEWEST = "ORDER BY created_at DESC, rowid DESC"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """An event, and when it was kept, in s since 1970."""

    at: float
    event: dict[str, Any]

    @property
    def type(self) -> str:
        """Of the event."""
        return str(self.event.get("type", ""))

    @property
    def timestamp(self) -> float | None:
        """The event's own time, in s since 1970."""
        return epoch(self.event.get("timestamp"))


@dataclass(frozen=True, slots=True)
class SessionRows:
    """A session, its call's row ({} where there is none), its events in order, and the folder that has its log and its recording."""

    folder: Path
    session: dict[str, Any]
    call: dict[str, Any]
    events: list[Kept]

    @property
    def began(self) -> float:
        """When the session began, in s since 1970."""
        return epoch(self.session["created_at"]) or 0.0

    def log(self) -> Path | None:
        """The log of its call, where there is one."""
        path = self.folder / LOGS / log_name(str(self.session["call_uuid"]))
        return path if path.is_file() and path.stat().st_size else None

    def recording(self) -> Path | None:
        """The recording of its call, where there is one; it may not be whole."""
        name = str(self.session["record_url"] or "").rpartition("/")[2]
        if not name:
            return None
        path = self.folder / RECORDINGS / name
        return next((found for found in (path, path.with_name(f"{name}.part")) if found.is_file()), None)


def epoch(text: object) -> float | None:
    """ISO 8601 as s since 1970; None where it is none."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


def session_rows(data: str | os.PathLike[str], wanted: str) -> SessionRows:
    """A session by its id, or the newest one of a call.

    Parameters
    ----------
    data : path
        The agent stack's data folder, or the database in it.
    wanted : str
        The id of a session or of a call.

    Raises
    ------
    FormatError
        There is no such database, session or call.
    """
    path = _database(data, f"{wanted}: no such file, and ")
    return _asked(path, lambda db: _read(db, path, wanted))


def newest_sessions(data: str | os.PathLike[str], count: int) -> list[str]:
    """The ids of the newest sessions, the newest first.

    Raises
    ------
    FormatError
        There is no such database.
    """
    path = _database(data)
    return _asked(path, lambda db: _newest(db, count))


def _database(data: str | os.PathLike[str], before: str = "") -> Path:
    path = Path(data)
    path = path if path.is_file() else path / DATABASE
    if not path.is_file():
        raise FormatError(f"{before}no agent stack's database at {path} (--data names its folder)")
    return path


def _asked(path: Path, ask: Callable[[sqlite3.Connection], T]) -> T:
    """What is only read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5.0)) as db:
            db.row_factory = sqlite3.Row
            return ask(db)
    except sqlite3.Error as problem:
        raise FormatError(f"{path}: {problem}") from None


def _newest(db: sqlite3.Connection, count: int) -> list[str]:
    return [row[0] for row in db.execute(f"SELECT agent_session_id FROM sessions {_NEWEST} LIMIT ?", (count,))]


def _read(db: sqlite3.Connection, path: Path, wanted: str) -> SessionRows:
    row = db.execute(
        f"SELECT * FROM sessions WHERE agent_session_id = ? OR call_uuid = ? {_NEWEST} LIMIT 1", (wanted, wanted)
    ).fetchone()
    if row is None:
        last = _newest(db, LISTED)
        there = f"the newest sessions are {', '.join(last)}" if last else "it has no session yet"
        raise FormatError(f"{wanted}: no such file, and no session or call of that id in {path}; {there}")
    session = dict(row)
    call = db.execute("SELECT * FROM calls WHERE call_uuid = ?", (session["call_uuid"],)).fetchone()
    kept = db.execute(
        "SELECT at, event FROM session_events WHERE agent_session_id = ? ORDER BY id", (session["agent_session_id"],)
    )
    events = [Kept(epoch(found["at"]) or 0.0, json.loads(found["event"])) for found in kept]
    events = [one for one in events if one.event.get("error") != UNWRITTEN]
    return SessionRows(path.parent, session, {} if call is None else dict(call), events)
