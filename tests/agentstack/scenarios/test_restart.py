"""The server is killed, stopped, started again; its database is locked: what it knew it knows, what it owed it sends."""

import asyncio
import sqlite3
from pathlib import Path

import pytest
from standins import Reply

from scenarios.scene import ASK, GREETING, HANG_UP, LISTEN, STAY, Scene
from scenarios.stack import Stack
from talkpath.phone import WaitFor


async def _killed(folder: Path) -> None:
    stack = await Stack(folder).start()
    try:
        scene = Scene(stack, "killed")
        scene.is_whole = False
        agent_uuid = await scene.agent(callbacks={"hangup": scene.callback("hangup")})
        number = scene.phone_number(1)
        await stack.rest.post(f"Agent/{agent_uuid}/Number", {"number": number})
        call = scene.dial(WaitFor("speech", for_ms=0), STAY, duration_s=30)
        session = await scene.app.session()
        await session.wait_for("agent.speech_started")
        await asyncio.to_thread(stack.server.kill)
        await call.over()
        assert call.result.ended != "time was up"
        assert stack.callbacks.of(scene.key, "hangup") == []

        await stack.server.start()
        assert (await stack.rest.get(f"Agent/{agent_uuid}"))["agent_name"] == scene.key
        assert (await stack.rest.get(f"Agent/{agent_uuid}/Number"))["numbers"] == [number]
        told = await stack.callbacks.wait_for(scene.key, "hangup")
        assert told.is_signed
        assert told.body["call_uuid"] == session.call_uuid
        sessions = (await stack.rest.get(f"Agent/{agent_uuid}/Session"))["objects"]
        assert [found["state"] for found in sessions] != ["in-progress"]
        again = scene.dial(*LISTEN, HANG_UP, path=f"plivo?to={number.replace('+', '%2B')}")
        await again.over()
        assert again.heard_s(GREETING) == pytest.approx(0.06 * len(GREETING), abs=0.1)
        assert len(stack.callbacks.of(scene.key, "hangup")) in (1, 2)
        await scene.close()
    finally:
        await stack.aclose()


@pytest.mark.slow
def test_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    asyncio.run(_killed(tmp_path))


async def _stopped(folder: Path) -> None:
    stack = await Stack(folder, {"TALKPATH_DRAIN_S": "2"}).start()
    scene = Scene(stack, "stopped")
    await scene.agent(callbacks={"hangup": scene.callback("hangup")})
    call = scene.dial(WaitFor("speech", for_ms=0), STAY, duration_s=40)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    stopping = asyncio.create_task(asyncio.to_thread(stack.server.stop))
    await call.over()
    assert call.result.ended != "time was up"
    await scene.ended(session)
    await stack.callbacks.wait_for(scene.key, "hangup")
    assert await stopping == 0
    scene.verify()
    await scene.close()
    await stack.aclose()


@pytest.mark.slow
def test_stopped_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """Calls end properly: session.ended, callbacks, exit status 0."""
    asyncio.run(_stopped(tmp_path))


async def _locked(folder: Path) -> None:
    stack = await Stack(folder).start()
    scene = Scene(stack, "locked")
    scene.hearing.texts = ["Are you well?"]
    scene.chat.otherwise = Reply("Quite well.")
    agent_uuid = await scene.agent(callbacks={"hangup": scene.callback("hangup")})
    call = scene.dial(*LISTEN, *ASK, HANG_UP)
    session = await scene.app.session()
    await session.wait_for("agent.speech_started")
    [path] = [found for found in stack.server.data.rglob("*") if found.suffix in (".db", ".sqlite", ".sqlite3")]
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        await call.over()
        await asyncio.sleep(1.0)
        other.execute("ROLLBACK")
    await scene.ended(session)
    assert call.heard_s("Quite well.") == pytest.approx(0.06 * len("Quite well."), abs=0.2)
    await stack.callbacks.wait_for(scene.key, "hangup")
    listed = await stack.rest.get(f"Agent/{agent_uuid}/Session")
    assert [found["turn_count"] for found in listed["objects"]] == [2]
    scene.verify()
    await scene.close()
    await stack.aclose()


@pytest.mark.slow
def test_database_is_locked(tmp_path: Path) -> None:
    """From the greeting to the end of a call: the call does not care, and nothing is lost."""
    asyncio.run(_locked(tmp_path))
