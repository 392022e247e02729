"""Apps that die, are slow, or talk nonsense; a callback server that is gone: the call does not care."""

import asyncio

import pytest
from client import App, RestError
from standins import Reply

from scenarios.dialled import dialled
from scenarios.scene import ASK, GREETING, HANG_UP, LISTEN, STAY, Scene, Wait
from scenarios.stack import free_port
from scenarios.test_faults import FINE, codes, is_whole
from scenarios.test_talk import LONG
from talkpath.phone import InterruptAfter, Say


@dialled()
async def test_app_is_not_there(scene: Scene) -> None:
    """The platform tries for a while; then the call ends, and its callback says why."""
    await scene.agent(websocket_url=f"ws://127.0.0.1:{free_port()}/ws", callbacks={"hangup": scene.callback("hangup")})
    call = scene.dial(STAY, duration_s=60)
    await call.over(65)
    assert call.result.ended != "time was up", "nobody is left in a call without an app"
    told = await scene.stack.callbacks.wait_for(scene.key, "hangup")
    assert told.body["call_uuid"] == call.call.call_id
    assert told.body["hangup_cause"] == "server_error"


@dialled()
async def test_app_listens_late(scene: Scene) -> None:
    """As one that has just created its agent does."""
    port = free_port()
    await scene.agent(websocket_url=f"ws://127.0.0.1:{port}/ws")
    call = scene.dial(*LISTEN, HANG_UP)
    await asyncio.sleep(1.0)
    late = App()
    await late.start(port)
    session = await late.session()
    await call.over()
    await scene.ended(session)
    assert is_whole(call, GREETING)
    await late.aclose()


@dialled()
async def test_app_dies_in_the_middle_of_a_call(scene: Scene) -> None:
    """One reconnect, with a session.started of its own; the call goes on."""
    scene.hearing.texts = ["Are you there?"]
    scene.chat.otherwise = Reply(FINE)
    scene.is_whole = False
    await scene.agent()
    call = scene.dial(*LISTEN, Wait(3.0), *ASK, HANG_UP)
    first = await scene.app.session()
    await first.wait_for("agent.speech_completed")
    first.connection.transport.abort()
    second = await scene.app.session()
    assert second.kinds()[0] == "session.started"
    assert second.call_uuid == first.call_uuid
    await call.over()
    await scene.ended(second)
    assert is_whole(call, FINE)


@dialled()
async def test_app_dies_for_good(scene: Scene) -> None:
    scene.is_whole = False
    await scene.agent(callbacks={"hangup": scene.callback("hangup")})
    call = scene.dial(*LISTEN, STAY, duration_s=60)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    await scene.app.aclose()
    session.connection.transport.abort()
    await call.over(65)
    assert call.result.ended != "time was up"
    await scene.stack.callbacks.wait_for(scene.key, "hangup")


@dialled()
async def test_slow_app(scene: Scene) -> None:
    """Each event takes it 0.4 s: all come, in order; what the caller hears is as ever."""
    scene.hearing.texts = ["What time is it?"]
    scene.chat.otherwise = Reply("It is five past nine.")

    async def slow(session, event) -> None:
        await asyncio.sleep(0.4)

    scene.app.on["*"] = slow
    await scene.agent(events={"metrics_events": True, "vad_events": True, "turn_events": True})
    call = scene.dial(*LISTEN, *ASK, HANG_UP)
    session = await scene.app.session()
    await call.over()
    await scene.ended(session, 30)
    assert call.result.answers_ms[0] < 2500
    assert is_whole(call, "It is five past nine.")


@dialled()
async def test_app_that_never_reads(scene: Scene) -> None:
    """Its socket is full: the call does not care, and ends in time."""
    scene.hearing.texts = lambda seconds: "Go on."
    scene.chat.otherwise = Reply(LONG)
    scene.is_whole = False

    async def stuck(session, event) -> None:
        await asyncio.sleep(25)

    scene.app.on["session.started"] = stuck
    await scene.agent(events={"metrics_events": True, "vad_events": True, "turn_events": True})
    call = scene.dial(*LISTEN, *(Say(seconds=1.0), InterruptAfter(0.6)) * 4, HANG_UP)
    await call.over()
    assert call.heard_s(LONG) > 1.0


@dialled()
async def test_messages_that_are_no_messages(scene: Scene) -> None:
    """Bytes, an array, no JSON, an enormous one: an error at most; the call goes on."""
    scene.hearing.texts = ["Are you well?"]
    scene.chat.otherwise = Reply(FINE)
    await scene.agent()
    call = scene.dial(*LISTEN, Wait(1.0), *ASK, HANG_UP)
    session = await scene.app.session()
    for data in ("no json", "[1, 2]", b'{"type": "agent_session.inject", "content": "As bytes."}', "{" * 3000):
        await session.connection.send(data)
    await call.over()
    await scene.ended(session)
    assert is_whole(call, FINE)
    assert "invalid_message" in codes(session)
    assert any("As bytes." in str(message["content"]) for message in scene.chat.requests[-1].messages)


# --- what is kept, and told ---------------------------------------------------------------------------------------------------


@dialled()
async def test_callbacks_go_nowhere(scene: Scene) -> None:
    scene.app.on["user.dtmf"] = lambda session, event: None
    dead = {"url": f"http://127.0.0.1:{free_port()}/hangup", "method": "POST"}
    await scene.agent(callbacks={"hangup": dead, "recording": dead})
    call, session = await scene.call(*LISTEN, HANG_UP)
    assert is_whole(call, GREETING)
    assert session.of("session.ended")[0]["reason"] == "user_hangup"


@dialled()
async def test_no_agent_answers(scene: Scene) -> None:
    """An address without an agent: the call is hung up, nobody waits for nothing."""
    await scene.agent()
    await scene.rest.delete(f"Agent/{scene.agent_uuid}")
    call = scene.dial(STAY, duration_s=20)
    await call.over()
    assert call.result.ended != "time was up"
    assert scene.app.sessions == []
    with pytest.raises(RestError) as problem:
        await scene.rest.get(f"Agent/{scene.agent_uuid}")
    assert problem.value.status == 404
