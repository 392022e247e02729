"""The example app against a small platform of the test: what it is told, and what it does."""

import asyncio
import importlib.util
import json
import sys
from typing import Any

import pytest
from conftest import ROOT

connect = pytest.importorskip("websockets.asyncio.client", reason="the extra 'agentstack' is not installed").connect
pytest.importorskip("httpx", reason="the extra 'agentstack' is not installed")


@pytest.fixture(scope="module")
def agent_app() -> Any:
    spec = importlib.util.spec_from_file_location("agent_app", ROOT / "examples/agent_app.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["agent_app"] = module
    spec.loader.exec_module(module)
    return module


def platform(agent_app: Any, *events: dict[str, Any], answers: int) -> list[dict[str, Any]]:
    """Connect as the platform does, tell the events, and take so many messages."""

    async def call() -> list[dict[str, Any]]:
        port = asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(agent_app.app.serve(0, port.set_result))
        async with connect(f"ws://127.0.0.1:{await port}/ws") as socket:
            for event in events:
                await socket.send(json.dumps(event))
            found = [json.loads(await asyncio.wait_for(socket.recv(), 10)) for _ in range(answers)]
            await socket.send('{"type": "session.ended"}')
            await asyncio.wait_for(socket.wait_closed(), 10)
        serving.cancel()
        await asyncio.wait({serving})
        return found

    return asyncio.run(call())


def called(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool.called", "id": "t1", "name": name, "arguments": arguments}


def test_tools(agent_app: Any) -> None:
    (result,) = platform(agent_app, {"type": "session.started"}, called("lookup_order", order_id="ORD-100"), answers=1)
    assert (result["type"], result["id"], result["result"]["status"]) == ("tool.result", "t1", "shipped")
    (error,) = platform(agent_app, called("nonsense"), answers=1)
    assert error == {"type": "tool.error", "id": "t1", "error": "Unknown tool: nonsense"}
    speak, transfer = platform(agent_app, called("transfer_to_human", reason="x"), answers=2)
    assert speak["type"] == "agent_session.speak"
    assert transfer["destination"] == [agent_app.HUMAN]
    kinds = [message["type"] for message in platform(agent_app, called("end_call"), answers=3)]
    assert kinds == ["agent_session.speak", "tool.result", "agent_session.hangup"]


def test_keys(agent_app: Any) -> None:
    (said,) = platform(agent_app, {"type": "user.dtmf", "digit": "5"}, answers=1)
    assert "5" in said["text"]
    assert [m["type"] for m in platform(agent_app, {"type": "user.dtmf", "digit": "0"}, answers=2)][1].endswith(
        "transfer"
    )


def test_the_agent_is_one(agent_app: Any) -> None:
    """The platform's own check takes it, defaults and all."""
    from talkpath.agentstack.agent_tools.registry import agent_tool
    from talkpath.agentstack.providers.local import local_llm

    agent = agent_app.support_agent("ws://127.0.0.1:1/ws", "http://127.0.0.1:2")
    assert {tool["name"] for tool in agent["llm"]["tools"]} == {
        "lookup_order",
        "transfer_to_human",
        "escalate",
        "end_call",
    }
    assert agent_tool(agent["agent_tools"][0]).tool.name == "collect_email"
    assert local_llm(agent["llm"]).provider == "local"
