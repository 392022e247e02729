"""SQL, a function each. All run in a transaction on the store's thread."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = sqlite3.Row
AGENT_ORDER = ("created_at", "updated_at", "agent_name")
SESSION_ORDER = ("created_at", "ended_at", "duration_seconds", "turn_count")


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a list."""

    limit: int = 20
    offset: int = 0
    sort_by: str = "created_at"
    is_descending: bool = True


@dataclass(frozen=True, slots=True)
class Filter:
    """What rows must be: equal to, not below, not above."""

    equal: Mapping[str, Any] = field(default_factory=dict)
    at_least: Mapping[str, Any] = field(default_factory=dict)
    at_most: Mapping[str, Any] = field(default_factory=dict)
    phone_number: str | None = None  # of either side

    def sql(self) -> tuple[str, list[Any]]:
        """The condition and its values; columns are ours, values are never in the text."""
        terms: list[str] = []
        values: list[Any] = []
        for operator, group in (("=", self.equal), (">=", self.at_least), ("<=", self.at_most)):
            for column, value in group.items():
                terms.append(f"{column} {operator} ?")
                values.append(value)
        if self.phone_number is not None:
            terms.append("? IN (from_number, to_number)")
            values.append(self.phone_number)
        return " AND ".join(terms) or "1", values


@dataclass(frozen=True, slots=True)
class StoredAgent:
    """An agent as it lies there."""

    agent_uuid: str
    created_at: str
    body: dict[str, Any]
    numbers: tuple[str, ...] = ()


def _listed(db: sqlite3.Connection, table: str, which: Filter, page: Page) -> tuple[int, list[Row]]:
    condition, values = which.sql()
    (total,) = db.execute(f"SELECT count(*) FROM {table} WHERE {condition}", values).fetchone()
    order = f"{page.sort_by} {'DESC' if page.is_descending else 'ASC'}, rowid {'DESC' if page.is_descending else 'ASC'}"
    rows = db.execute(
        f"SELECT * FROM {table} WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?", [*values, page.limit, page.offset]
    )
    return total, rows.fetchall()


# --- agents and numbers -------------------------------------------------------------------------------------------------


def _stored(db: sqlite3.Connection, row: Row) -> StoredAgent:
    return StoredAgent(
        row["agent_uuid"], row["created_at"], json.loads(row["body"]), tuple(numbers(db, row["agent_uuid"]) or ())
    )


def agent_add(db: sqlite3.Connection, agent_uuid: str, name: str, mode: str, body: str, created_at: str) -> None:
    db.execute(
        "INSERT INTO agents VALUES (?, ?, ?, 'dual', ?, ?, ?)", (agent_uuid, name, mode, body, created_at, created_at)
    )


def agent_change(
    db: sqlite3.Connection, agent_uuid: str, name: str, mode: str, body: str, was: str, updated_at: str
) -> bool:
    changed = db.execute(
        "UPDATE agents SET agent_name = ?, agent_mode = ?, body = ?, updated_at = ? WHERE agent_uuid = ? AND body = ?",
        (name, mode, body, updated_at, agent_uuid, was),
    )
    return changed.rowcount == 1


def agent(db: sqlite3.Connection, agent_uuid: str) -> StoredAgent | None:
    row = db.execute("SELECT * FROM agents WHERE agent_uuid = ?", (agent_uuid,)).fetchone()
    return None if row is None else _stored(db, row)


def digits_of(number: str) -> str:
    """One number in all its spellings: "+14155550100", "14155550100", "sip:+14155550100@pbx.example"."""
    return number.strip().removeprefix("sip:").partition("@")[0].removeprefix("+")


def agent_of_number(db: sqlite3.Connection, number: str) -> StoredAgent | None:
    sql = "SELECT agents.* FROM agents JOIN numbers USING (agent_uuid) WHERE digits = ?"
    row = db.execute(sql, (digits_of(number),)).fetchone()
    return None if row is None else _stored(db, row)


def agent_list(db: sqlite3.Connection, which: Filter, page: Page) -> tuple[int, list[StoredAgent]]:
    total, rows = _listed(db, "agents", which, page)
    return total, [_stored(db, row) for row in rows]


def agent_delete(db: sqlite3.Connection, agent_uuid: str) -> bool:
    return db.execute("DELETE FROM agents WHERE agent_uuid = ?", (agent_uuid,)).rowcount == 1


def numbers(db: sqlite3.Connection, agent_uuid: str) -> list[str] | None:
    """None: there is no such agent."""
    rows = db.execute("SELECT number FROM numbers WHERE agent_uuid = ? ORDER BY rowid", (agent_uuid,)).fetchall()
    is_known = rows or db.execute("SELECT 1 FROM agents WHERE agent_uuid = ?", (agent_uuid,)).fetchone()
    return [row["number"] for row in rows] if is_known else None


def number_add(db: sqlite3.Connection, agent_uuid: str, number: str, created_at: str) -> str | None:
    """The agent that has the number now: this one, or another that keeps it. None: there is no such agent."""
    if db.execute("SELECT 1 FROM agents WHERE agent_uuid = ?", (agent_uuid,)).fetchone() is None:
        return None
    digits = digits_of(number)
    db.execute("INSERT OR IGNORE INTO numbers VALUES (?, ?, ?, ?)", (digits, number, agent_uuid, created_at))
    owner: str = db.execute("SELECT agent_uuid FROM numbers WHERE digits = ?", (digits,)).fetchone()["agent_uuid"]
    return owner


def number_delete(db: sqlite3.Connection, agent_uuid: str, number: str) -> bool:
    deleted = db.execute("DELETE FROM numbers WHERE agent_uuid = ? AND digits = ?", (agent_uuid, digits_of(number)))
    return deleted.rowcount == 1


# --- sessions -----------------------------------------------------------------------------------------------------------


def session_list(db: sqlite3.Connection, which: Filter, page: Page) -> tuple[int, list[dict[str, Any]]]:
    """Without transcripts and usage, which may be long."""
    total, rows = _listed(db, "sessions", which, page)
    return total, [{key: one for key, one in dict(row).items() if key not in ("transcript", "usage")} for row in rows]


def session(db: sqlite3.Connection, agent_session_id: str) -> dict[str, Any] | None:
    row = db.execute("SELECT * FROM sessions WHERE agent_session_id = ?", (agent_session_id,)).fetchone()
    if row is None:
        return None
    found = dict(row)
    found["transcript"] = None if row["transcript"] is None else json.loads(row["transcript"])
    found["usage"] = json.loads(row["usage"])
    return found


def session_add(db: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    db.execute(
        """INSERT OR REPLACE INTO sessions (agent_session_id, agent_uuid, agent_name, call_uuid, from_number, to_number, agent_mode,
        participant_mode, state, created_at) VALUES (:agent_session_id, :agent_uuid, :agent_name, :call_uuid, :from_number, :to_number,
        :agent_mode, :participant_mode, 'active', :created_at)""",
        values,
    )


def session_end(db: sqlite3.Connection, agent_session_id: str, values: Mapping[str, Any]) -> None:
    db.execute(
        """UPDATE sessions SET state = 'completed', ended_at = :ended_at, duration_seconds = :duration_seconds, turn_count = :turn_count,
        reason = :reason, error = :error, transcript = :transcript, record_url = :record_url, usage = :usage
        WHERE agent_session_id = :agent_session_id""",
        {**values, "agent_session_id": agent_session_id},
    )


def event_add(db: sqlite3.Connection, values: tuple[str, str, str]) -> None:
    db.execute("INSERT INTO session_events (agent_session_id, at, event) VALUES (?, ?, ?)", values)


def events(db: sqlite3.Connection, agent_session_id: str) -> list[dict[str, Any]]:
    rows = db.execute("SELECT event FROM session_events WHERE agent_session_id = ? ORDER BY id", (agent_session_id,))
    return [json.loads(row["event"]) for row in rows]


# --- calls, callbacks ---------------------------------------------------------------------------------------------------


def call_add(db: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    """A provider may use an id again: the newest call has it."""
    db.execute(
        """INSERT OR REPLACE INTO calls (call_uuid, direction, from_number, to_number, agent_uuid, created_at, callbacks, answered_at)
        VALUES (:call_uuid, :direction, :from_number, :to_number, :agent_uuid, :created_at, :callbacks, :answered_at)""",
        values,
    )


def call_answer(db: sqlite3.Connection, call_uuid: str, answered_at: str) -> None:
    db.execute("UPDATE calls SET answered_at = ? WHERE call_uuid = ?", (answered_at, call_uuid))


def call_end(db: sqlite3.Connection, call_uuid: str, ended_at: str, duration_s: int, cause: str) -> None:
    db.execute(
        "UPDATE calls SET ended_at = ?, duration_s = ?, cause = ? WHERE call_uuid = ?",
        (ended_at, duration_s, cause, call_uuid),
    )


def call(db: sqlite3.Connection, call_uuid: str) -> dict[str, Any] | None:
    row = db.execute("SELECT * FROM calls WHERE call_uuid = ?", (call_uuid,)).fetchone()
    return None if row is None else dict(row)


def unfinished(db: sqlite3.Connection) -> list[tuple[dict[str, Any], str | None]]:
    """Calls that nobody has ended, each with the time of the last event that was kept of it."""
    rows = db.execute("SELECT * FROM calls WHERE ended_at IS NULL ORDER BY created_at").fetchall()
    last = "SELECT max(at) FROM session_events JOIN sessions USING (agent_session_id) WHERE call_uuid = ?"
    return [(dict(row), db.execute(last, (row["call_uuid"],)).fetchone()[0]) for row in rows]


def session_fail(db: sqlite3.Connection, call_uuid: str, ended_at: str, duration_s: int) -> None:
    db.execute(
        """UPDATE sessions SET state = 'failed', ended_at = ?, duration_seconds = ?, reason = 'error', error = 'server_error'
        WHERE call_uuid = ? AND ended_at IS NULL""",
        (ended_at, duration_s, call_uuid),
    )


def owe(db: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    db.execute(
        """INSERT OR IGNORE INTO outbox (id, call_uuid, kind, url, method, body, tries, created_at)
        VALUES (:id, :call_uuid, :kind, :url, :method, :body, 0, :created_at)""",
        values,
    )


def tried(db: sqlite3.Connection, id: str, tries: int) -> None:
    db.execute("UPDATE outbox SET tries = ? WHERE id = ?", (tries, id))


def settled(db: sqlite3.Connection, id: str) -> None:
    db.execute("DELETE FROM outbox WHERE id = ?", (id,))


def owed(db: sqlite3.Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute("SELECT * FROM outbox ORDER BY created_at, rowid")]
