"""`records.Sessions` and what REST and callbacks need, in SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from talkpath.agentstack.agent import Agent, AgentError
from talkpath.agentstack.agent_body import agent_from_body
from talkpath.agentstack.records import CallRecord, SessionRecord
from talkpath.agentstack.store import queries as q
from talkpath.agentstack.store.database import Database, StoreError
from talkpath.agentstack.store.diary import Diary
from talkpath.agentstack.times import canonical, now_iso, seconds_between

_event_json = json.JSONEncoder(default=str).encode
_ROW_CHARS = 500  # about what a row without texts holds


class Store:
    """All that outlives a crash.

    When the database is locked, full or gone, a method raises `StoreError` and has done nothing. What a live call writes never fails it:
    that is kept in memory, in order, and written as soon as it can be (`Diary`).

    Parameters
    ----------
    folder : Path
        The settings' `data`; the file is `talkpath.db` in it.
    now : callable
        The time, ISO 8601.

    """

    def __init__(self, folder: Path, now: Callable[[], str] = now_iso) -> None:
        self._db = Database(folder / "talkpath.db")
        self._now = now
        self._diary = Diary(self._db)

    @property
    def dropped(self) -> int:
        """Rows of live calls, session events above all, that were not kept: nothing could be written for too long."""
        return self._diary.dropped

    def close(self) -> None:
        """Write what waits, and let go of the file. Blocks for as long as that takes."""
        self._diary.close()
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
        """Durable. For a call that comes in never an error: it is there already. An outbound one raises, and must not be dialled then."""
        values = asdict(record) | {"callbacks": json.dumps({k: dict(v) for k, v in record.callbacks.items()})}
        values = _with_times(values, "created_at", "answered_at")
        if record.direction == "inbound":
            await self._diary.wrote(partial(q.call_add, values=values), _ROW_CHARS)
        else:
            await self._db.run(q.call_add, values)

    async def call_answered(self, call_uuid: str, answered_at: str) -> None:
        job = partial(q.call_answer, call_uuid=call_uuid, answered_at=_time(answered_at))
        await self._diary.wrote(job, _ROW_CHARS)

    async def call_ended(self, call_uuid: str, ended_at: str, duration_s: int, cause: str) -> None:
        """Durable. Whoever sends the hangup callback does so first: what was owed before this returns is durable, too."""
        job = partial(q.call_end, call_uuid=call_uuid, ended_at=_time(ended_at), duration_s=duration_s, cause=cause)
        await self._diary.wrote(job, _ROW_CHARS)

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
        await self._diary.wrote(partial(q.session_add, values=_with_times(asdict(record), "created_at")), _ROW_CHARS)

    def session_events(self, agent_session_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Kept for reports; never waits, never raises. Those of a second are written at once: a crash may cost them."""
        for event in events:
            try:
                text = _event_json(event)
            except (TypeError, ValueError, RecursionError):
                text = json.dumps({"type": str(event.get("type")), "error": "cannot be written"})
            self._diary.write(
                partial(q.event_add, values=(agent_session_id, self._now(), text)), len(text), is_event=True
            )

    async def events(self, agent_session_id: str) -> list[dict[str, Any]]:
        """What was kept of a session, in order; all that was given before."""
        self._diary.flush()
        return await self._db.run(q.events, agent_session_id)

    async def session_ended(
        self, agent_session_id: str, ended_at: str, summary: Mapping[str, Any], usage: Sequence[Mapping[str, Any]]
    ) -> None:
        transcript = summary.get("transcript")
        values: dict[str, Any] = {
            "ended_at": _time(ended_at),
            "duration_seconds": int(summary.get("duration_seconds") or 0),
            "turn_count": int(summary.get("turn_count") or 0),
            "reason": summary.get("reason"),
            "error": summary.get("error"),
            "transcript": None if transcript is None else json.dumps(transcript, default=str),
            "record_url": summary.get("record_url"),
            "usage": json.dumps(list(usage), default=str),
        }
        chars = _ROW_CHARS + len(values["transcript"] or "") + len(values["usage"])
        await self._diary.wrote(partial(q.session_end, agent_session_id=agent_session_id, values=values), chars)

    async def session(self, agent_session_id: str) -> dict[str, Any] | None:
        """The row of a session."""
        return await self._db.run(q.session, agent_session_id)

    async def sessions(self, which: q.Filter, page: q.Page) -> tuple[int, list[dict[str, Any]]]:
        """How many there are in all, and those of the page."""
        return await self._db.run(q.session_list, which, page)

    # --- callbacks that are owed --------------------------------------------------------------------------------------

    def owe(self, entry: Mapping[str, Any]) -> None:
        """Never waits. {id, call_uuid, kind, url, method, body}"""
        self._diary.write(partial(q.owe, values={**entry, "created_at": self._now()}), _ROW_CHARS + len(entry["body"]))

    def tried(self, id: str, tries: int) -> None:
        """Never waits."""
        self._diary.write(partial(q.tried, id=id, tries=tries), _ROW_CHARS)

    def settled(self, id: str) -> None:
        """Never waits. It arrived, or was given up."""
        self._diary.write(partial(q.settled, id=id), _ROW_CHARS)

    async def owed(self) -> list[dict[str, Any]]:
        self._diary.flush()
        return await self._db.run(q.owed)


def hangup_body(record: CallRecord, duration_s: int, cause: str) -> dict[str, str | int]:
    """What a hangup callback says."""
    return {
        "call_uuid": record.call_uuid,
        "direction": record.direction,
        "from": record.from_number,
        "to": record.to_number,
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
    """The order of fields stays: models read tools as they were written. What was read writes as the same text."""
    return json.dumps(body)


def _time(text: str) -> str:
    try:
        return canonical(text)
    except ValueError:
        return text


def _with_times(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return values | {name: _time(values[name]) for name in names if values[name] is not None}
