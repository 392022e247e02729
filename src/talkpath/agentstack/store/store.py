"""`records.Sessions` and what REST and callbacks need, in SQLite."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

from talkpath.agentstack.agent import Agent, AgentError
from talkpath.agentstack.agent_body import agent_from_body
from talkpath.agentstack.records import CallRecord, SessionRecord
from talkpath.agentstack.store import queries as q
from talkpath.agentstack.store.database import Database, StoreError
from talkpath.agentstack.times import canonical, now_iso, seconds_between

MAX_WAITING_CHARS = 16_000_000  # of session events that are not written yet


class Store:
    """All that outlives a crash.

    Every method raises `StoreError` when the database is locked, full or gone, and has then done nothing; `session_events` never does.

    Parameters
    ----------
    folder : Path
        The settings' `data`; the file is `talkpath.db` in it.
    now : callable
        The time, ISO 8601.

    Attributes
    ----------
    dropped_events : int
        Session events that were not kept, because nothing could be written for too long.
    """

    def __init__(self, folder: Path, now: Callable[[], str] = now_iso) -> None:
        self._db = Database(folder / "talkpath.db")
        self._now = now
        self._waiting: list[tuple[str, str, str]] = []
        self._waiting_chars = 0
        self._is_flush_queued = False
        self._guard = threading.Lock()  # of these three; held for moments only
        self.dropped_events = 0

    def close(self) -> None:
        """Write what waits, and let go of the file. Blocks for as long as that takes."""
        self._begin_flush()
        self._db.close()

    # --- agents and numbers -------------------------------------------------------------------------------------------

    async def add_agent(self, agent: Agent) -> None:
        """Durable."""
        await self._db.run(
            q.agent_add, agent.agent_uuid, agent.agent_name, agent.mode, _json(agent.body), agent.created_at
        )

    async def change_agent(self, agent: Agent, was: Mapping[str, Any]) -> bool:
        """Durable. False: the body is not (or no longer) what it `was`, and nothing has changed."""
        return await self._db.run(
            q.agent_change, agent.agent_uuid, agent.agent_name, agent.mode, _json(agent.body), _json(was), self._now()
        )

    async def stored_agent(self, agent_uuid: str) -> q.StoredAgent | None:
        return await self._db.run(q.agent, agent_uuid)

    async def agents(self, which: q.Filter, page: q.Page) -> tuple[int, list[q.StoredAgent]]:
        """How many there are in all, and those of the page."""
        return await self._db.run(q.agent_list, which, page)

    async def delete_agent(self, agent_uuid: str) -> bool:
        """Durable; its numbers are free again. False: there is no such agent."""
        return await self._db.run(q.agent_delete, agent_uuid)

    async def agent(self, agent_uuid: str) -> Agent | None:
        return _agent(await self._db.run(q.agent, agent_uuid))

    async def agent_of_number(self, number: str) -> Agent | None:
        return _agent(await self._db.run(q.agent_of_number, number))

    async def numbers(self, agent_uuid: str) -> list[str] | None:
        """None: there is no such agent."""
        return await self._db.run(q.numbers, agent_uuid)

    async def add_number(self, agent_uuid: str, number: str) -> str | None:
        """Durable. The agent that has the number then, perhaps another one that keeps it; None: there is no such agent."""
        return await self._db.run(q.number_add, agent_uuid, number, self._now())

    async def delete_number(self, agent_uuid: str, number: str) -> bool:
        """Durable. False: this agent has no such number."""
        return await self._db.run(q.number_delete, agent_uuid, number)

    # --- calls --------------------------------------------------------------------------------------------------------

    async def call_began(self, record: CallRecord) -> None:
        """Durable."""
        values = asdict(record) | {"callbacks": json.dumps({k: dict(v) for k, v in record.callbacks.items()})}
        await self._db.run(q.call_add, _with_times(values, "created_at", "answered_at"))

    async def call_answered(self, call_uuid: str, answered_at: str) -> None:
        await self._db.run(q.call_answer, call_uuid, _time(answered_at))

    async def call_ended(self, call_uuid: str, ended_at: str, duration_s: int, cause: str) -> None:
        """Durable. Whoever sends the hangup callback does so first: what was owed before this returns is durable, too."""
        await self._db.run(q.call_end, call_uuid, _time(ended_at), duration_s, cause)

    async def call(self, call_uuid: str) -> dict[str, Any] | None:
        """The row of a call: the fields of `CallRecord` and `ended_at`, `duration_s`, `cause`."""
        return await self._db.run(q.call, call_uuid)

    async def end_unfinished(self) -> list[CallRecord]:
        """After a crash: end what nobody has ended, with cause "server_error", and owe its hangup callbacks. All or nothing.

        A call counts to the last event that was kept of it. The callbacks go out when `HttpCallbacks.start` reads the outbox.
        """
        return await self._db.run(_end_unfinished, self._now())

    # --- sessions -----------------------------------------------------------------------------------------------------

    async def session_began(self, record: SessionRecord) -> None:
        await self._db.run(q.session_add, _with_times(asdict(record), "created_at"))

    def session_events(self, agent_session_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Kept for reports; never waits, never raises. Many are written at once, by one job at a time."""
        for event in events:
            try:
                text = json.dumps(event, default=str)
            except (TypeError, ValueError, RecursionError):
                self.dropped_events += 1
                continue
            with self._guard:
                if self._waiting_chars + len(text) > MAX_WAITING_CHARS:
                    self.dropped_events += 1
                    continue
                self._waiting.append((agent_session_id, self._now(), text))
                self._waiting_chars += len(text)
        self._begin_flush()

    async def events(self, agent_session_id: str) -> list[dict[str, Any]]:
        """What was kept of a session, in order; all that was given before."""
        self._begin_flush()
        return await self._db.run(q.events, agent_session_id)

    async def session_ended(
        self, agent_session_id: str, ended_at: str, summary: Mapping[str, Any], usage: Sequence[Mapping[str, Any]]
    ) -> None:
        transcript = summary.get("transcript")
        values = {
            "ended_at": _time(ended_at),
            "duration_seconds": int(summary.get("duration_seconds") or 0),
            "turn_count": int(summary.get("turn_count") or 0),
            "reason": summary.get("reason"),
            "error": summary.get("error"),
            "transcript": None if transcript is None else json.dumps(transcript, default=str),
            "record_url": summary.get("record_url"),
            "usage": json.dumps(list(usage), default=str),
        }
        await self._db.run(q.session_end, agent_session_id, values)

    async def session(self, agent_session_id: str) -> dict[str, Any] | None:
        """The row of a session."""
        return await self._db.run(q.session, agent_session_id)

    async def sessions(self, which: q.Filter, page: q.Page) -> tuple[int, list[dict[str, Any]]]:
        """How many there are in all, and those of the page."""
        return await self._db.run(q.session_list, which, page)

    def _begin_flush(self) -> None:
        with self._guard:
            if not self._waiting or self._is_flush_queued:
                return
            self._is_flush_queued = True
        batch: list[tuple[str, str, str]] = []
        self._db.submit(self._write_waiting, batch).add_done_callback(lambda done: self._flushed(done, batch))

    def _write_waiting(self, db: sqlite3.Connection, batch: list[tuple[str, str, str]]) -> None:
        """On the store's thread: takes all that waits by then."""
        with self._guard:
            batch += self._waiting
            self._waiting.clear()
            self._is_flush_queued = False
        q.events_add(db, batch)

    def _flushed(self, done: Future[None], batch: list[tuple[str, str, str]]) -> None:
        """What could not be written goes with the next batch."""
        with self._guard:
            self._is_flush_queued = False
            if done.cancelled() or done.exception() is not None:
                self._waiting[:0] = batch
            else:
                self._waiting_chars -= sum(len(event) for _, _, event in batch)

    # --- callbacks that are owed --------------------------------------------------------------------------------------

    def owe(self, entry: Mapping[str, Any]) -> Future[None]:
        """Queued before this returns: what is awaited of the store later is durable after it. {id, call_uuid, kind, url, method, body}"""
        return self._db.submit(q.owe, {**entry, "created_at": self._now()})

    def tried(self, id: str, tries: int) -> Future[None]:
        return self._db.submit(q.tried, id, tries)

    def settled(self, id: str) -> Future[None]:
        return self._db.submit(q.settled, id)

    async def owed(self) -> list[dict[str, Any]]:
        return await self._db.run(q.owed)


def hangup_body(record: CallRecord, duration_s: int, cause: str) -> dict[str, str | int]:
    """What a hangup callback says."""
    return {
        "call_uuid": record.call_uuid,
        "direction": record.direction,
        "from": record.from_number,
        "to": record.to_number,
        "agent_uuid": record.agent_uuid or "",
        "duration": duration_s,
        "hangup_cause": cause,
    }


def _end_unfinished(db: sqlite3.Connection, now: str) -> list[CallRecord]:
    found = []
    for row, last in q.unfinished(db):
        fields = {name: row[name] for name in CallRecord.__slots__}
        record = CallRecord(**fields | {"callbacks": json.loads(row["callbacks"])})
        duration_s = seconds_between(record.answered_at, last) if record.answered_at and last else 0
        q.call_end(db, record.call_uuid, now, duration_s, "server_error")
        q.session_fail(db, record.call_uuid, now, duration_s)
        hangup = record.callbacks.get("hangup")
        if hangup:
            body = json.dumps(hangup_body(record, duration_s, "server_error"))
            q.owe(db, {"id": f"{record.call_uuid}-restart-{now}", "call_uuid": record.call_uuid, "kind": "hangup",
                       "url": hangup["url"], "method": hangup.get("method", "POST"), "body": body, "created_at": now})  # fmt: skip
        found.append(record)
    return found


def _agent(stored: q.StoredAgent | None) -> Agent | None:
    if stored is None:
        return None
    try:
        return agent_from_body(stored.body, stored.agent_uuid, stored.created_at)
    except AgentError as problem:
        raise StoreError(f"agent {stored.agent_uuid} cannot be read: {problem}") from None


def _json(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


def _time(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:
        return text


def _with_times(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return values | {name: _time(values[name]) for name in names if values[name] is not None}
