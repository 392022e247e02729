"""Calls that the platform places, and what is told of all calls: callbacks, recordings."""

import asyncio
import io
import wave
from pathlib import Path

import httpx
import numpy as np
import pytest
from standins import Reply, Rule, heard_s
from standins.carrier import Phone

from scenarios.dialled import dialled
from scenarios.scene import GREETING, HANG_UP, LISTEN, Scene, Wait
from scenarios.test_talk import WHOLE_S, spoken_s
from talkpath.phone import Line, Say, Script
from talkpath.phone.voice import voice

HUMAN = Script((Wait(0.3), Say(seconds=0.7), *LISTEN, Say(seconds=1.2), *LISTEN))


async def _rings(scene: Scene, phone: Phone, **agent: object) -> str:
    """The agent rings a phone; gives the call's id."""
    number = scene.phone(0, phone)
    agent_uuid = await scene.agent(
        callbacks={"hangup": scene.callback("hangup"), "ring": scene.callback("ring")}, **agent
    )
    made = await scene.rest.post(
        "AgentCall", {"agent_id": agent_uuid, "from": "+15550000", "to": [number], "ring_timeout": 2}
    )
    assert made["status"] == "initiated"
    assert made["from"] == "+15550000"
    return str(made["call_uuid"])


async def _over(scene: Scene, phone: Phone) -> None:
    until = asyncio.get_running_loop().time() + 40
    while not phone.legs or not phone.legs[0].is_over:
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.05)


@dialled(quick=True)
async def test_outbound(scene: Scene) -> None:
    """Somebody answers; the agent greets, and the call's id is the one that REST gave."""
    scene.hearing.texts = ["Hello?", "Who is it?"]
    scene.chat.otherwise = Reply("It is your bank.")
    phone = Phone(Script((*LISTEN, Say(seconds=1.2), *LISTEN)), after_s=0.4)
    call_uuid = await _rings(scene, phone)
    session = await scene.app.session()
    assert session.call_uuid == call_uuid
    started = session.of("session.started")[0]
    assert (started["caller"], started["callee"]) == ("+15550000", scene.phone_number(0))
    await _over(scene, phone)
    await scene.ended(session)
    [leg] = phone.legs
    assert leg.request["call_uuid"] == call_uuid
    assert leg.call is not None
    assert heard_s(leg.call.heard, 8000, GREETING) == pytest.approx(spoken_s(GREETING), abs=WHOLE_S)
    assert heard_s(leg.call.heard, 8000, "It is your bank.") == pytest.approx(spoken_s("It is your bank."), abs=WHOLE_S)
    told = await scene.stack.callbacks.wait_for(scene.key, "hangup")
    assert told.is_signed
    assert told.body["call_uuid"] == call_uuid
    assert told.body["duration"] == pytest.approx(leg.call.result.duration_s, abs=1.5)
    assert told.body["hangup_cause"] == "normal_clearing"
    assert scene.stack.carrier.problems == []


@dialled()
async def test_outbound_human(scene: Scene) -> None:
    """Detection is on: who says hello and waits is a person, and is greeted then."""
    scene.hearing.texts = ["Hello?", "Fine."]
    scene.chat.otherwise = Reply("Good.")
    phone = Phone(HUMAN)
    await _rings(scene, phone, detection_method="audio")
    session = await scene.app.session()
    verdict = await session.wait_for("voicemail.detected")
    assert (verdict["result"], verdict["method"]) == ("human", "audio")
    await _over(scene, phone)
    await scene.ended(session)
    leg = phone.legs[0]
    assert leg.call is not None
    assert heard_s(leg.call.heard, 8000, GREETING) == pytest.approx(spoken_s(GREETING), abs=WHOLE_S)
    assert len(session.of("voicemail.detected")) == 1
    assert session.times("agent.speech_started")[0] > session.times("voicemail.detected")[0]
    assert session.of("voicemail.beep") == []


def machine(folder: Path) -> Path:
    """An answering machine: a long greeting, a beep, silence."""
    t = np.arange(round(0.5 * 8000)) / 8000
    beep = (8000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16)
    said = [voice(2.6, 8000, 4), np.zeros(1600, np.int16), voice(2.8, 8000, 4), np.zeros(4000, np.int16), beep]
    path = folder / "machine.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.concatenate(said).astype("<i2").tobytes())
    return path


@dialled()
async def test_outbound_machine(scene: Scene) -> None:
    """A machine: the agent is silent until its beep; then the app speaks and hangs up."""
    message = "Please call us back."
    scene.hearing.texts = ["You have reached the Smiths.", "Leave a message after the tone."]

    def beep(session, event) -> None:
        session.speak(message)
        session.hangup()

    scene.app.on["voicemail.beep"] = beep
    path = machine(scene.stack.server.data.parent)
    phone = Phone(Script((Wait(0.3), Say(files=(path,)), Wait(20.0))))
    await _rings(scene, phone, detection_method="audio")
    session = await scene.app.session()
    verdict = await session.wait_for("voicemail.detected", timeout_s=10)
    assert verdict["result"] == "machine"
    beep_event = await session.wait_for("voicemail.beep", timeout_s=10)
    assert beep_event["frequency_hz"] == pytest.approx(1000, abs=30)
    await scene.ended(session)
    await _over(scene, phone)
    leg = phone.legs[0]
    assert leg.call is not None
    assert heard_s(leg.call.heard, 8000, message) == pytest.approx(spoken_s(message), abs=WHOLE_S)
    assert heard_s(leg.call.heard, 8000, GREETING) == 0
    assert scene.chat.requests == []
    assert leg.is_over
    assert session.of("session.ended")[0]["reason"] in ("agent_hangup", "voicemail")


@dialled()
async def test_outbound_machine_by_its_words(scene: Scene) -> None:
    """detection_method "llm": the model is asked who that was; after its verdict the beep is waited for."""
    message = "Please call us back."
    scene.hearing.texts = lambda seconds: "You have reached the Smiths. Leave a message after the tone."
    scene.chat.rules = [Rule("you have reached", Reply("machine"))]

    def beep(session, event) -> None:
        session.speak(message)
        session.hangup()

    scene.app.on["voicemail.beep"] = beep
    path = machine(scene.stack.server.data.parent)
    phone = Phone(Script((Wait(0.3), Say(files=(path,)), Wait(20.0))))
    await _rings(scene, phone, detection_method="llm")
    session = await scene.app.session()
    verdict = await session.wait_for("voicemail.detected", timeout_s=15)
    assert (verdict["result"], verdict["method"]) == ("machine", "llm")
    assert "You have reached" in verdict["transcript"]
    await scene.ended(session, 20)
    await _over(scene, phone)
    leg = phone.legs[0]
    assert leg.call is not None
    assert leg.call.heard is not None
    assert heard_s(leg.call.heard, 8000, message) == pytest.approx(spoken_s(message), abs=WHOLE_S)
    assert heard_s(leg.call.heard, 8000, GREETING) == 0


@dialled()
async def test_outbound_person_by_words(scene: Scene) -> None:
    scene.hearing.texts = ["Hello, this is Ann."]
    scene.chat.rules = [Rule("this is ann", Reply("human"), times=1)]
    phone = Phone(HUMAN)
    await _rings(scene, phone, detection_method="llm")
    session = await scene.app.session()
    verdict = await session.wait_for("voicemail.detected")
    assert (verdict["result"], verdict["method"]) == ("human", "llm")
    await _over(scene, phone)
    await scene.ended(session)
    leg = phone.legs[0]
    assert leg.call is not None
    assert leg.call.heard is not None
    assert heard_s(leg.call.heard, 8000, GREETING) == pytest.approx(spoken_s(GREETING), abs=WHOLE_S)


@dialled()
async def test_outbound_time_limit(scene: Scene) -> None:
    """The call ends after so long, whatever is said."""
    phone = Phone(Script((Wait(30.0),)))
    number = scene.phone(0, phone)
    agent_uuid = await scene.agent(callbacks={"hangup": scene.callback("hangup")})
    body = {"agent_id": agent_uuid, "from": "+15550000", "to": [number], "ring_timeout": 5, "time_limit": 3}
    await scene.rest.post("AgentCall", body)
    session = await scene.app.session()
    ended = await scene.ended(session, 12)
    await _over(scene, phone)
    assert ended["duration_seconds"] in (2, 3, 4)
    told = await scene.stack.callbacks.wait_for(scene.key, "hangup")
    assert told.body["duration"] in (2, 3, 4)


@dialled()
async def test_ring_callback(scene: Scene) -> None:
    """Outbound: with both numbers and the direction, before anybody answers."""
    phone = Phone(Script((*LISTEN,)), after_s=1.0)
    call_uuid = await _rings(scene, phone)
    told = await scene.stack.callbacks.wait_for(scene.key, "ring")
    session = await scene.app.session()
    assert told.is_signed
    assert told.body["call_uuid"] == call_uuid
    assert told.body["direction"] == "outbound"
    assert (told.body["from"], told.body["to"]) == ("+15550000", scene.phone_number(0))
    assert told.at < session.events[0][0]
    await scene.ended(session, 20)


@dialled()
async def test_outbound_that_nobody_answers(scene: Scene) -> None:
    """No app socket, but a hangup callback."""
    phone = Phone(answers="rings")
    call_uuid = await _rings(scene, phone)
    told = await scene.stack.callbacks.wait_for(scene.key, "hangup")
    assert told.body["call_uuid"] == call_uuid
    assert told.body["duration"] == 0
    assert told.body["hangup_cause"] == "no_answer"
    assert told.is_signed
    assert scene.app.sessions == []
    assert 1.5 < told.at - phone.legs[0].at < 6


@dialled()
async def test_outbound_that_is_busy_or_fails(scene: Scene) -> None:
    for answers, cause in (("busy", "busy"), ("fails", "failed"), ("refused", "failed")):
        call_uuid = await _rings(scene, Phone(answers=answers))
        until = asyncio.get_running_loop().time() + 8
        while not (
            found := [c for c in scene.stack.callbacks.of(scene.key, "hangup") if c.body["call_uuid"] == call_uuid]
        ):
            assert asyncio.get_running_loop().time() < until, answers
            await asyncio.sleep(0.05)
        assert found[0].body["hangup_cause"] == cause
        assert found[0].body["duration"] == 0
    assert scene.app.sessions == []


@dialled()
async def test_outbound_hunt(scene: Scene) -> None:
    """Several numbers: the first that answers is talked to."""
    phones = [Phone(answers="rings"), Phone(Script((*LISTEN,)), after_s=0.5)]
    numbers = [scene.phone(i, phone) for i, phone in enumerate(phones)]
    agent_uuid = await scene.agent()
    made = await scene.rest.post(
        "AgentCall", {"agent_id": agent_uuid, "from": "+15550000", "to": numbers, "ring_timeout": 5}
    )
    session = await scene.app.session()
    assert session.call_uuid == made["call_uuid"]
    await scene.ended(session, 20)
    assert phones[0].legs[0].deleted


@dialled(quick=True)
async def test_recording_and_callbacks(scene: Scene) -> None:
    """Two channels: what the caller said, and what it heard. Callbacks are signed, and tried again."""
    scene.hearing.texts = ["What time is it?"]
    scene.chat.otherwise = Reply("It is five past nine.")
    scene.stack.callbacks.answers[(scene.key, "hangup")] = lambda attempt: 503 if attempt == 1 else 200
    await scene.agent(callbacks={kind: scene.callback(kind) for kind in ("hangup", "recording", "ring")})
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, HANG_UP)
    recording = await scene.stack.callbacks.wait_for(scene.key, "recording")
    await scene.stack.callbacks.wait_for(scene.key, "hangup")
    until = asyncio.get_running_loop().time() + 8
    while len(scene.stack.callbacks.of(scene.key, "hangup")) < 2:
        assert asyncio.get_running_loop().time() < until, "a callback that was refused is tried again"
        await asyncio.sleep(0.05)
    for told in (recording, *scene.stack.callbacks.of(scene.key, "hangup")):
        assert told.is_signed
        assert told.content_type.startswith("application/json")
    hangup = scene.stack.callbacks.of(scene.key, "hangup")[-1].body
    assert hangup["call_uuid"] == session.call_uuid
    assert isinstance(hangup["duration"], int)
    async with httpx.AsyncClient() as client:
        answer = await client.get(recording.body["recording_url"])
        assert answer.status_code == 200
        stranger = await client.get(recording.body["recording_url"][:-8] + "00000000")
        assert stranger.status_code in (403, 404)
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getnchannels() == 2
        rate_hz = file.getframerate()
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert len(pcm) / rate_hz == pytest.approx(call.result.duration_s, abs=1.0)
    assert heard_s(pcm[:, 1], rate_hz, "It is five past nine.") == pytest.approx(
        spoken_s("It is five past nine."), abs=WHOLE_S
    )
    assert heard_s(pcm[:, 0], rate_hz, "It is five past nine.") == 0
    assert (np.abs(pcm[:, 0].astype(int)) > 1000).sum() > 0.3 * rate_hz, "the caller is on the first channel"
    found = await scene.rest.get(f"AgentSession/{session.of('session.started')[0]['agent_session_id']}")
    assert found["state"] == "completed"
    assert found["turn_count"] == 2
    assert found["record_url"] == recording.body["recording_url"]


@dialled()
async def test_bad_line(scene: Scene) -> None:
    """Loss and jitter on the caller's way; the conversation is the same."""
    scene.hearing.texts = ["What time is it?"]
    scene.chat.otherwise = Reply("It is five past nine.")
    await scene.agent()
    line = Line(delay_ms=40, jitter_ms=40, loss_percent=3, burst_frames=2, noise_dbov=-58)
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, HANG_UP, line=line)
    assert [turn["user_text"] for turn in session.of("turn.completed")[1:]] == ["What time is it?"]
    assert call.heard_s("It is five past nine.") == pytest.approx(spoken_s("It is five past nine."), abs=WHOLE_S)
