"""The store: durable, in order, of one server; locked or full it says so and nothing is half done."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from bodies import SEED, body

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.agent_body import agent_from_body
from talkpath.agentstack.records import CallRecord, SessionRecord
from talkpath.agentstack.store import diary as diary_module
from talkpath.agentstack.store.database import StoreError
from talkpath.agentstack.store.queries import Filter, Page
from talkpath.agentstack.store.schema import MIGRATIONS
from talkpath.agentstack.store.store import Store
from talkpath.agentstack.times import canonical, now_iso, seconds_between

AT = "2026-01-02T03:04:05.000Z"


def agent(name: str = "a", uuid: str = "u1", at: str = AT) -> Agent:
    return agent_from_body(body(agent_name=name), uuid, at)


def call(uuid: str = "c1", **changes: Any) -> CallRecord:
    fields: dict[str, Any] = {
        "call_uuid": uuid, "direction": "inbound", "from_number": "+1", "to_number": "+2", "agent_uuid": "u1", "created_at": AT,
        "callbacks": {"hangup": {"url": "http://x/h", "method": "POST"}}, "answered_at": AT,
    }  # fmt: skip
    return CallRecord(**fields | changes)


def session(id: str = "s1", call_uuid: str = "c1", at: str = AT) -> SessionRecord:
    return SessionRecord(id, "u1", "a", call_uuid, "+1", "+2", "full", "dual", at)


def with_store(tmp_path: Path, use: Callable[[Store], Awaitable[Any]], **options: Any) -> Any:
    """Open it, use it, close it."""

    async def main() -> Any:
        store = Store(tmp_path, **options)
        try:
            return await use(store)
        finally:
            await asyncio.to_thread(store.close)

    return asyncio.run(main())


def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    async def first(store: Store) -> None:
        await store.add_agent(agent_from_body(SEED, "u1", AT))
        assert await store.add_number("u1", "+14155550100") == "u1"

    async def second(store: Store) -> tuple[Agent | None, Agent | None, list[str] | None]:
        return await store.agent("u1"), await store.agent_of_number("+14155550100"), await store.numbers("u1")

    with_store(tmp_path, first)
    by_uuid, by_number, numbers = with_store(tmp_path, second)
    assert by_uuid == by_number == agent_from_body(SEED, "u1", AT)
    assert numbers == ["+14155550100"]


def test_only_this_user_may_read_the_keys(tmp_path: Path) -> None:
    async def nothing(store: Store) -> None:
        await store.add_agent(agent())
        for file in (tmp_path / "data").glob("talkpath.db*"):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file

    with_store(tmp_path / "data", nothing)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_agents_and_numbers(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        for i in range(5):
            await store.add_agent(agent(f"agent {i}", f"u{i}", f"2026-01-0{i + 1}T00:00:00.000Z"))
        total, found = await store.agents(Filter(), Page(limit=2, offset=1))
        assert (total, [a.agent_uuid for a in found]) == (5, ["u3", "u2"])
        _, found = await store.agents(Filter({"agent_mode": "full"}), Page(sort_by="agent_name", is_descending=False))
        assert [a.agent_uuid for a in found] == ["u0", "u1", "u2", "u3", "u4"]
        assert await store.agents(Filter({"agent_mode": "raw"}), Page()) == (0, [])
        was = agent("agent 1", "u1", AT).body
        changed = agent("another", "u1", AT)
        assert await store.change_agent(changed, was)
        assert not await store.change_agent(agent("a third", "u1", AT), was)  # somebody was faster
        assert (await store.agent("u1")).agent_name == "another"  # type: ignore[union-attr]
        assert await store.add_number("nobody", "+15550001") is None
        assert await store.add_number("u1", "+15550001") == "u1"
        assert await store.add_number("u1", "+15550001") == "u1"
        assert await store.add_number("u2", "+15550001") == "u1"
        assert not await store.delete_number("u2", "+15550001")
        for spelling in ("15550001", "sip:+15550001@pbx.example", " +15550001"):
            found_by_number = await store.agent_of_number(spelling)
            assert found_by_number is not None
            assert found_by_number.agent_name == "another"
        assert await store.delete_agent("u1")
        assert not await store.delete_agent("u1")
        assert await store.agent_of_number("+15550001") is None
        assert await store.add_number("u2", "+15550001") == "u2"
        assert await store.numbers("u1") is None
        assert await store.numbers("u3") == []
        assert await store.delete_number("u2", "+15550001")

    with_store(tmp_path, use)


def test_a_call_and_its_session(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.call_began(call(answered_at=None, created_at="2026-01-02T04:04:05+01:00"))
        assert (await store.call("c1"))["created_at"] == AT  # type: ignore[index]
        await store.call_answered("c1", AT)
        await store.session_began(session())
        assert (await store.session("s1"))["state"] == "active"  # type: ignore[index]
        store.session_events("s1", [{"type": "turn.completed", "turn_number": i} for i in range(3)])
        store.session_events("s1", [{"type": "odd", "value": object()}, {"type": "last"}])
        events = await store.events("s1")
        assert [e["type"] for e in events] == ["turn.completed"] * 3 + ["odd", "last"]
        summary = {"duration_seconds": 12, "turn_count": 3, "reason": "agent_hangup", "error": None, "transcript": [{"role": "user"}],
                   "record_url": "http://x/r.wav"}  # fmt: skip
        await store.session_ended("s1", AT, summary, [{"type": "llm_usage", "input_tokens": 3}])
        await store.call_ended("c1", AT, 12, "normal_clearing")
        found = await store.session("s1")
        assert found is not None
        assert (
            found.items()
            >= ({**summary, "state": "completed", "usage": [{"type": "llm_usage", "input_tokens": 3}]}).items()
        )
        row = await store.call("c1")
        assert row is not None
        assert (row["ended_at"], row["duration_s"], row["cause"]) == (AT, 12, "normal_clearing")
        assert await store.end_unfinished() == []
        assert await store.session("s2") is None
        assert await store.call("c2") is None

    with_store(tmp_path, use)


def test_sessions_are_filtered(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        for i in range(4):
            await store.session_began(session(f"s{i}", f"c{i}", f"2026-01-0{i + 1}T00:00:00.000Z"))
            await store.session_ended(f"s{i}", f"2026-01-0{i + 1}T00:01:00Z", {"duration_seconds": i * 10}, [])

        async def ids(which: Filter) -> list[str]:
            return [row["agent_session_id"] for row in (await store.sessions(which, Page()))[1]]

        assert await ids(Filter({"call_uuid": "c2"})) == ["s2"]
        assert await ids(Filter(at_least={"created_at": "2026-01-03T00:00:00.000Z"})) == ["s3", "s2"]
        assert await ids(Filter(at_least={"duration_seconds": 10}, at_most={"duration_seconds": 20})) == ["s2", "s1"]
        assert await ids(Filter(phone_number="+2")) == ["s3", "s2", "s1", "s0"]
        assert await ids(Filter(phone_number="' OR 1=1 --")) == []

    with_store(tmp_path, use)


# --- a crash ------------------------------------------------------------------------------------------------------------

_CRASH = """
import asyncio, os, sys
from pathlib import Path
from talkpath.agentstack.records import CallRecord, SessionRecord
from talkpath.agentstack.store.store import Store
sys.path.insert(0, sys.argv[2])
from test_store import agent, call, session

async def main():
    store = Store(Path(sys.argv[1]), now=lambda: "2026-01-02T03:04:35.000Z")
    await store.add_agent(agent())
    await store.call_began(call())
    await store.session_began(session())
    store.session_events("s1", [{"type": "session.started"}])
    await store.events("s1")
    await store.call_began(call("c2", answered_at=None, callbacks={}))
    await store.call_began(call("c3"))
    store.owe({"id": "o3", "call_uuid": "c3", "kind": "hangup", "url": "http://x/h", "method": "POST", "body": "{}"})
    await store.call_ended("c3", "2026-01-02T03:05:00Z", 55, "normal_clearing")
    print("ready", flush=True)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


def test_killed_and_started_again(tmp_path: Path) -> None:
    """Agents are there; live calls end, and what is owed to callbacks is known, in the order in which it came to be owed."""
    run = subprocess.run(
        [sys.executable, "-c", _CRASH, str(tmp_path), str(Path(__file__).parent)], capture_output=True, text=True
    )
    assert (run.stdout, run.returncode) == ("ready\n", -9), run.stderr

    async def use(store: Store) -> None:
        assert await store.agent("u1") == agent()
        assert [c.call_uuid for c in await store.end_unfinished()] == ["c1", "c2"]
        assert await store.end_unfinished() == []
        row, other = await store.call("c1"), await store.call("c2")
        assert row is not None
        assert other is not None
        assert (row["cause"], row["duration_s"], other["cause"], other["duration_s"]) == (
            "server_error",
            30,
            "server_error",
            0,
        )
        ended = await store.session("s1")
        assert ended is not None
        assert (ended["state"], ended["error"], ended["duration_seconds"]) == ("failed", "server_error", 30)
        owed = await store.owed()
        assert [(one["call_uuid"], one["kind"], one["url"]) for one in owed] == [
            ("c3", "hangup", "http://x/h"),
            ("c1", "hangup", "http://x/h"),
        ]
        assert '"hangup_cause": "server_error"' in owed[1]["body"]
        store.tried("o3", 2)
        store.settled(owed[1]["id"])
        assert [(one["id"], one["tries"]) for one in await store.owed()] == [("o3", 2)]

    with_store(tmp_path, use)


# --- locked, full, foreign ----------------------------------------------------------------------------------------------


@pytest.fixture
def quick_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.agentstack.store.database.BUSY_S", 0.01)


@pytest.mark.usefixtures("quick_busy")
def test_locked(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        await store.add_agent(agent())
        other = sqlite3.connect(tmp_path / "talkpath.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        store.session_events("s1", [{"n": 1}])
        with pytest.raises(StoreError, match="locked"):
            await store.add_agent(agent(uuid="u2"))
        with pytest.raises(StoreError, match="locked"):
            await store.call_began(call("c0", direction="outbound"))  # so it is not dialled
        await store.call_began(call())  # this one has rung already: it goes on, and so does all of it
        await store.session_began(session())
        store.owe(
            {"id": "o1", "call_uuid": "c1", "kind": "hangup", "url": "http://x/h", "method": "POST", "body": "{}"}
        )
        await store.session_ended("s1", AT, {"turn_count": 1}, [])
        await store.call_ended("c1", AT, 1, "busy")
        assert await store.call("c1") is None
        assert await store.agent("u1") == agent()  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        await store.add_agent(agent(uuid="u2"))
        store.session_events("s1", [{"n": 2}])
        assert await store.events("s1") == [{"n": 1}, {"n": 2}]  # what waited is not lost
        row, ended = await store.call("c1"), await store.session("s1")
        assert row is not None
        assert ended is not None
        assert (row["cause"], ended["state"], ended["turn_count"]) == ("busy", "completed", 1)
        assert [one["id"] for one in await store.owed()] == ["o1"]
        assert await store.call("c0") is None
        assert store.dropped == 0

    with_store(tmp_path, use)


def test_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diary_module, "MAX_WAITING_CHARS", 100_000)

    async def use(store: Store) -> None:
        pages = await store._db.run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
        await store._db.run(lambda db: db.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone() and None)
        big = agent_from_body(body(llm__system_prompt="x" * 50_000), "u1", AT)
        with pytest.raises(StoreError, match="full"):
            await store.add_agent(big)
        assert await store.agent("u1") is None
        for _ in range(6):
            store.session_events("s1", [{"text": "x" * 30_000}])
        assert store.dropped == 3
        await store._db.run(lambda db: db.execute("PRAGMA max_page_count = 100000").fetchone() and None)
        assert len(await store.events("s1")) == 3
        await store.add_agent(big)
        assert await store.agent("u1") == big

    with_store(tmp_path, use)


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    async def use(_: Store) -> None:
        with pytest.raises(StoreError, match="another server"):
            Store(tmp_path)

    with_store(tmp_path, use)
    with_store(tmp_path, use)  # and the first lets go of it


def test_files_that_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "talkpath.db").write_bytes(b"this is no database, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)
    (tmp_path / "talkpath.db").unlink()
    with sqlite3.connect(tmp_path / "talkpath.db") as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreError, match="newer talkpath"):
        Store(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file")


def test_what_waits_is_written_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody writes again, and nobody asks: the next try comes by itself; and one more at the end."""
    monkeypatch.setattr("talkpath.agentstack.store.database.BUSY_S", 0.01)
    monkeypatch.setattr(diary_module, "RETRY_S", 0.01)

    async def use(store: Store) -> None:
        other = sqlite3.connect(tmp_path / "talkpath.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await store.call_began(call())
        other.execute("ROLLBACK")
        async with asyncio.timeout(10):
            while await store.call("c1") is None:
                await asyncio.sleep(0.01)
        monkeypatch.setattr(diary_module, "RETRY_S", 1000)
        other.execute("BEGIN IMMEDIATE")
        await store.call_ended("c1", AT, 3, "busy")
        other.execute("ROLLBACK")
        other.close()

    with_store(tmp_path, use)

    async def after(store: Store) -> None:
        row = await store.call("c1")
        assert row is not None
        assert row["duration_s"] == 3

    with_store(tmp_path, after)


def test_closed(tmp_path: Path) -> None:
    async def use(store: Store) -> Store:
        return store

    store = with_store(tmp_path, use)
    store.session_events("s1", [{"n": 1}])
    asyncio.run(store.call_ended("c1", AT, 1, "busy"))
    with pytest.raises(StoreError, match="closed"):
        asyncio.run(store.agent("u1"))


def test_what_sqlite_cannot_hold(tmp_path: Path) -> None:
    async def use(store: Store) -> None:
        with pytest.raises(StoreError):
            await store.call_began(call(direction="outbound", from_number="\ud800"))
        await store.call_began(call("c1", from_number="\ud800"))  # harms no row but its own
        await store.call_began(call("c2"))
        await store.call_ended("c2", AT, 2**70, "busy")
        await store.session_ended("s1", AT, {"reason": {"no": "text"}}, [])
        await store.call_ended("c2", AT, 7, "busy")
        row = await store.call("c2")
        assert row is not None
        assert (await store.call("c1"), row["duration_s"], store.dropped) == (None, 7, 3)
        await store.add_agent(agent())

    with_store(tmp_path, use)


def test_migrations_go_on_from_where_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def first(store: Store) -> None:
        await store.add_agent(agent())

    async def second(store: Store) -> tuple[Agent | None, list[str]]:
        return await store.agent("u1"), await store._db.run(
            lambda db: [row[1] for row in db.execute("PRAGMA table_info(agents)")]
        )

    with_store(tmp_path, first)
    monkeypatch.setattr(
        "talkpath.agentstack.store.database.MIGRATIONS", (*MIGRATIONS, "ALTER TABLE agents ADD COLUMN note TEXT")
    )
    found, columns = with_store(tmp_path, second)
    assert found == agent()
    assert columns[-1] == "note"


def test_fifty_at_once(tmp_path: Path) -> None:
    async def use(store: Store) -> int:
        await asyncio.gather(*(store.add_agent(agent(uuid=f"u{i}")) for i in range(50)))
        return (await store.agents(Filter(), Page(limit=1)))[0]

    assert with_store(tmp_path, use) == 50


def test_times() -> None:
    assert canonical("2026-01-02T04:04:05+01:00") == AT
    assert canonical("2026-01-02") == "2026-01-02T00:00:00.000Z"
    assert canonical(now_iso()) <= now_iso()
    assert seconds_between("2026-01-01T00:00:00Z", "2026-01-01T00:01:00.4+00:00") == 60
    assert seconds_between(AT, "2020-01-01") == 0
    for wrong in ("yesterday", "", "9999-12-31T23:59:59-14:00"):
        with pytest.raises(ValueError):
            canonical(wrong)
