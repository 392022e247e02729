"""A server that stops lets its calls end, and is there for them until then."""

import asyncio
import signal
from pathlib import Path

import pytest
from client import RestError
from standins.carrier import Phone

from scenarios.scene import LISTEN, STAY, Scene
from scenarios.stack import Stack


async def _drained(folder: Path) -> None:
    stack = await Stack(folder, {"TALKPATH_DRAIN_S": "8"}).start()
    scene = Scene(stack, "drained")
    agent_uuid = await scene.agent()
    call = scene.dial(*LISTEN, STAY, duration_s=40)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    assert stack.server.process is not None
    stack.server.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    with pytest.raises(RestError) as refused:
        await stack.rest.post("AgentCall", {"agent_id": agent_uuid, "from": "+15550100", "to": [scene.phone_number(1)]})
    assert refused.value.status == 503
    session.transfer([scene.phone(2, Phone(answers="busy"))], timeout=30)
    failed = await session.wait_for("session.error", timeout_s=5)  # the carrier's report came through
    assert "busy" in failed["message"]
    session.hangup()
    await call.over()
    await scene.ended(session)
    scene.verify()
    await scene.close()
    assert await stack.aclose() == 0


@pytest.mark.slow
def test_carriers_reports_come_through_while_calls_drain(tmp_path: Path) -> None:
    asyncio.run(_drained(tmp_path))
