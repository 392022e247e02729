"""Logs of calls: a file a leg, under a name that is one, and no call fails for want of it."""

import asyncio
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from test_calls import AGENT, Stage, new_call

from talkpath.agentstack.call_logs import CallLogs
from talkpath.agentstack.rest.control import DialMore, Target
from talkpath.call.recording import log_name


@pytest.mark.parametrize(
    "odd", ["", ".", "..", "a/b", "../../etc/passwd", "-x", "a.log", "x" * 200, "ü", "a b", "a\0b"]
)
def test_an_id_that_is_no_name(odd: str) -> None:
    assert re.fullmatch(r"id-[0-9a-f]{40}\.log", log_name(odd))
    assert log_name(odd) == log_name(odd) != log_name(odd + "1")


def test_an_id_that_is_one() -> None:
    assert log_name("5f0c9a1e-1111-4222-8333-444455556666") == "5f0c9a1e-1111-4222-8333-444455556666.log"


async def until(holds: Callable[[], object]) -> None:
    """A thread makes the file."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def logged(stage: Stage, line: object) -> list[str]:
    return [Path(path).name for (path,) in line.of("log")]  # type: ignore[attr-defined]


def test_every_leg_has_one(tmp_path: Path) -> None:
    """Of who called, and of who was dialled for it; each before anything else is asked of it."""

    async def main() -> None:
        stage = Stage(logs=CallLogs(tmp_path / "logs"))
        line, task = await stage.inbound()
        await until(lambda: stage.sessions)
        assert logged(stage, line) == ["c-1.log"]
        await stage.calls.dial("c-1", DialMore([Target("+3")]))
        await until(lambda: stage.carrier.requests)
        other = stage.answer("+3")
        await until(lambda: logged(stage, other))
        assert logged(stage, other) == [log_name(stage.carrier.of("+3").call_uuid)]
        assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == sorted(
            logged(stage, line) + logged(stage, other)
        )
        assert (tmp_path / "logs").stat().st_mode & 0o077 == 0
        line.ends("stop")
        await task

    asyncio.run(main())


@pytest.mark.parametrize("numbers", [["+1"], ["+1", "+2"]])
def test_a_call_that_is_placed(tmp_path: Path, numbers: list[str]) -> None:
    """Under the id that its session has, whichever of the numbers answered."""

    async def main() -> None:
        stage = Stage(logs=CallLogs(tmp_path))
        call_uuid = await stage.calls.initiate(new_call(*numbers, dial_mode="parallel"))
        await until(lambda: len(stage.carrier.requests) == len(numbers))
        line = stage.answer(numbers[-1])
        await until(lambda: stage.sessions)
        assert logged(stage, line) == [log_name(call_uuid)]
        assert stage.sessions[0].party.call_uuid == call_uuid
        line.ends("stop")
        await until(lambda: stage.kept.of("hangup"))

    asyncio.run(main())


def test_a_log_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")

    async def main() -> None:
        stage = Stage(logs=CallLogs(tmp_path / "file" / "logs"))
        line, task = await stage.inbound(AGENT)
        await until(lambda: stage.sessions)  # the call goes on
        line.ends("stop")
        await task

    asyncio.run(main())
    assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == ["a call has no log"]
