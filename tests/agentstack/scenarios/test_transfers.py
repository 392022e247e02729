"""Transfers: answered, busy, nobody there; one number, several at once, one after the other."""

import asyncio

import numpy as np
import pytest
from client import RestError
from standins import Reply, Rule, Tool
from standins.carrier import Phone

from scenarios.dialled import dialled
from scenarios.scene import ASK, HANG_UP, LISTEN, STAY, Scene, Wait, tool
from scenarios.test_talk import WHOLE_S, spoken_s
from talkpath.phone import Say, Script, WaitFor

HOLD = "One moment please."
HUMAN = Script((Say(seconds=1.5, voice=3), Wait(1.0), Say(seconds=1.5, voice=3), Wait(0.5)))


async def _transfer(scene: Scene, *phones: Phone, dial_mode: str = "parallel", timeout: int = 5):
    """A caller who wants a human; the app does what the example's does: speak, transfer, no result."""
    scene.hearing.texts = ["I want a human.", "Well then."]
    scene.chat.rules = [
        Rule("human", Reply(tools=[Tool("transfer_to_human", {"reason": "asks"})])),
        Rule("well", Reply("Anything else?")),
        Rule("", Reply("Nobody is there, sorry."), on="tool"),
    ]
    numbers = [scene.phone(i, phone) for i, phone in enumerate(phones)]

    def called(session, event) -> None:
        session.speak(HOLD)
        session.transfer(numbers, dial_mode, timeout)

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [tool("transfer_to_human", reason="string")]})
    return numbers


@dialled()
async def test_transfer_is_answered(scene: Scene) -> None:
    phone = Phone(HUMAN, after_s=0.6)
    numbers = await _transfer(scene, phone)
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Say(seconds=1.0), STAY, duration_s=25)
    assert call.heard_s(HOLD) == pytest.approx(spoken_s(HOLD), abs=WHOLE_S)
    assert [event["destination"] for event in session.of("call.transferred")] in ([numbers], [[numbers[0]]])
    assert session.of("session.ended")[0]["reason"] == "transferred"
    [leg] = phone.legs
    await asyncio.sleep(0.5)
    assert leg.call is not None
    heard_by_human = np.abs(leg.call.heard.astype(np.int32)) > 1000
    assert heard_by_human.sum() > 2000, "the human hears the caller"
    assert leg.at > session.times("agent.speech_completed")[1] - 0.1, "dialled when the words before were heard"
    assert leg.request["from"]
    after = call.heard[round((leg.at - call.call.heard_from + 0.5) * 8000) :]
    assert (np.abs(after.astype(np.int32)) > 1000).sum() > 4000, "the caller hears the human"
    assert call.ended_at - leg.call.ended_at < 3.0, "when the human hangs up, the call is over"


@dialled()
async def test_transfer_to_a_busy_number(scene: Scene) -> None:
    await _transfer(scene, Phone(answers="busy"))
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Wait(1.5), HANG_UP, duration_s=25)
    assert [event["code"] for event in session.of("session.error")] == ["transfer_failed"]
    assert session.of("call.transferred") == []
    assert call.heard_s("Nobody is there, sorry.") == pytest.approx(spoken_s("Nobody is there, sorry."), abs=WHOLE_S)
    assert session.of("session.ended")[0]["reason"] == "user_hangup"


@dialled()
async def test_transfer_that_nobody_answers(scene: Scene) -> None:
    """One after the other, each for its time; then the agent goes on."""
    phones = [Phone(answers="rings"), Phone(answers="rings")]
    await _transfer(scene, *phones, dial_mode="sequential", timeout=1)
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), Wait(4.5), WaitFor("silence", for_ms=700), *ASK, HANG_UP, duration_s=30
    )
    first, second = phones[0].legs[0], phones[1].legs[0]
    assert second.at - first.at == pytest.approx(1.0, abs=0.6)
    assert [event["code"] for event in session.of("session.error")] == ["transfer_failed"]
    assert call.heard_s("Anything else?") == pytest.approx(spoken_s("Anything else?"), abs=WHOLE_S)


@dialled()
async def test_transfer_one_after_the_other(scene: Scene) -> None:
    phones = [Phone(answers="busy"), Phone(HUMAN, stream_first=True), Phone(HUMAN)]
    numbers = await _transfer(scene, *phones, dial_mode="sequential", timeout=3)
    _, session = await scene.call(*LISTEN, Say(seconds=1.2), STAY, duration_s=25)
    assert session.of("session.ended")[0]["reason"] == "transferred"
    assert session.of("call.transferred")[0]["destination"] in (numbers, [numbers[1]])
    assert [len(phone.legs) for phone in phones] == [1, 1, 0]


@dialled()
async def test_transfer_to_all_at_once(scene: Scene) -> None:
    """The first that answers wins; the others stop ringing."""
    phones = [Phone(answers="rings"), Phone(HUMAN, after_s=0.8), Phone(HUMAN, after_s=3.0)]
    await _transfer(scene, *phones, timeout=6)
    _, session = await scene.call(*LISTEN, Say(seconds=1.2), STAY, duration_s=25)
    assert session.of("session.ended")[0]["reason"] == "transferred"
    legs = [phone.legs[0] for phone in phones]
    assert max(leg.at for leg in legs) - min(leg.at for leg in legs) < 0.5
    assert len({leg.request["call_uuid"] for leg in legs}) == 3
    assert [leg.deleted for leg in (legs[0], legs[2])] == [True, True]
    assert legs[2].call is None


@dialled()
async def test_caller_hangs_up_while_it_rings(scene: Scene) -> None:
    phone = Phone(answers="rings")
    await _transfer(scene, phone, timeout=20)
    _, session = await scene.call(*LISTEN, Say(seconds=1.2), Wait(3.5), HANG_UP)
    assert session.of("session.ended")[0]["reason"] == "user_hangup"
    await asyncio.sleep(1.0)
    assert phone.legs[0].deleted


@dialled()
async def test_dial_by_rest(scene: Scene) -> None:
    """POST …/AgentCall/{call_uuid}/dial puts who answers on the call, as a transfer does."""
    phone = Phone(HUMAN)
    number = scene.phone(0, phone)
    await scene.agent()
    call = scene.dial(*LISTEN, STAY, duration_s=25)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    told = await scene.rest.post(f"AgentCall/{session.call_uuid}/dial", {"targets": [{"number": number}], "timeout": 5})
    assert told["status"] == "dialing"
    assert told["call_uuid"] == session.call_uuid
    with pytest.raises(RestError) as problem:
        await scene.rest.post("AgentCall/nobody/dial", {"targets": [{"number": number}]})
    assert problem.value.status == 404
    await call.over()
    ended = await scene.ended(session)
    assert ended["reason"] == "transferred"
    assert session.of("call.transferred")
    assert call.result.ended != "time was up"
