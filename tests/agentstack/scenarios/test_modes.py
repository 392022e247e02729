"""Agents of other modes, dialled: the app's own model, hearing alone, speaking alone, raw audio."""

import asyncio
import base64

import numpy as np
import pytest
from client import AppSession

from scenarios.dialled import dialled
from scenarios.scene import GREETING, HANG_UP, LISTEN, STAY, Scene, Wait, wav
from scenarios.test_talk import WHOLE_S, spoken_s
from talkpath import g711
from talkpath.phone import InterruptAfter, Press, Say


@dialled(quick=True)
async def test_customer_llm(scene: Scene) -> None:
    """The app gets the words and streams its answer; a caller who interrupts ends it."""
    scene.hearing.texts = ["What time is it?", "Stop that."]
    long = "It is five past nine. " + "And so it goes on, as it has a great many words in it. " * 4

    def said(session: AppSession, event: dict) -> None:
        if event["is_final"]:
            text = long if "time" in event["text"] else "Good bye then."
            for word in text.split(" "):
                session.send({"type": "text", "token": word + " ", "last": False})
            session.send({"type": "text", "token": "", "last": True})

    scene.app.on["user.transcription"] = said
    await scene.agent(llm=...)
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), InterruptAfter(1.5), Say(seconds=1.4), *LISTEN, HANG_UP)
    finals = [event["text"] for event in session.of("user.transcription") if event["is_final"]]
    assert finals == ["What time is it?", "Stop that."]
    turns = session.of("turn.completed")
    assert turns[0]["agent_text"] == GREETING
    assert turns[1]["agent_text"].startswith("It is five")
    assert len(turns[1]["agent_text"]) < len(long) / 2
    assert turns[2]["agent_text"] == "Good bye then."
    assert call.heard_s("Good bye then.") == pytest.approx(spoken_s("Good bye then."), abs=WHOLE_S)
    assert session.of("agent.speech_interrupted")[0]["interrupted_text"] is None
    assert scene.chat.requests == []
    made = await scene.rest.get(f"Agent/{scene.agent_uuid}")
    assert made["agent_mode"] == "customer_llm"


@dialled(quick=True)
async def test_hearing_alone(scene: Scene) -> None:
    """The app gets words, and answers with sounds."""
    scene.hearing.texts = ["One two three."]
    scene.app.on["user.transcription"] = lambda session, event: event["is_final"] and session.play(wav(1.0))
    await scene.agent(llm=..., tts=..., welcome_greeting=...)
    _, session = await scene.call(Wait(0.5), Say(seconds=1.2), *LISTEN, HANG_UP)
    assert [event["text"] for event in session.of("user.transcription") if event["is_final"]] == ["One two three."]
    assert len(session.of("play.completed")) == 1
    assert session.of("turn.completed")[0]["user_text"] == "One two three."
    assert scene.voice.requests == []
    found = (await scene.rest.get(f"Agent/{scene.agent_uuid}/Session"))["objects"][0]
    assert [found[f"has_{kind}"] for kind in ("stt", "llm", "tts", "s2s")] == [True, False, False, False]


@dialled(quick=True)
async def test_speaking_alone(scene: Scene) -> None:
    """A menu by keys."""
    thanks = "You have pressed five."
    scene.app.on["user.dtmf"] = lambda session, event: (session.speak(thanks), session.hangup())
    await scene.agent(llm=..., stt=...)
    call, session = await scene.call(*LISTEN, Press("5"), STAY)
    assert [event["digit"] for event in session.of("user.dtmf")] == ["5"]
    assert call.heard_s(thanks) == pytest.approx(spoken_s(thanks), abs=WHOLE_S)
    assert session.of("session.ended")[0]["reason"] == "agent_hangup"
    assert scene.hearing.streams == []


@dialled()
async def test_speaking_alone_is_interrupted(scene: Scene) -> None:
    """Without a recogniser the engine decides alone."""
    await scene.agent(llm=..., stt=..., welcome_greeting="This is a rather long menu, " * 5)
    _, session = await scene.call(InterruptAfter(2.5), Say(seconds=1.5), Wait(1.0), HANG_UP)
    assert session.of("agent.speech_interrupted")[0]["playback_position_s"] == pytest.approx(3.0, abs=0.7)


def media(pcm: np.ndarray) -> dict:
    """A `playAudio`."""
    payload = base64.b64encode(g711.ulaw_encode(pcm.astype(np.int16))).decode()
    return {"event": "playAudio", "media": {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": payload}}


@dialled(quick=True)
async def test_raw_audio(scene: Scene) -> None:
    """The app hears every frame; what it plays is heard; a mark comes back when it was; a clear is quick; keys come."""
    scene.is_raw = True
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 8000)

    def started(session: AppSession, event: dict) -> None:
        session.send(media(tone))
        session.send({"event": "checkpoint", "streamId": event["streamId"], "name": "tone"})

    def played(session: AppSession, event: dict) -> None:
        session.send(media(np.concatenate([tone] * 5)))
        asyncio.get_running_loop().call_later(1.0, session.send, {"event": "clearAudio", "streamId": event["streamId"]})

    scene.app.on["start"], scene.app.on["playedStream"] = started, played
    await scene.agent(stt=..., llm=..., tts=..., welcome_greeting=..., audio_format="mulaw_8k")
    call, session = await scene.call(Wait(5.0), Say(seconds=1.0), Press("7"), Wait(1.0), HANG_UP)
    kinds = session.kinds()
    assert kinds[:2] == ["session.started", "start"]
    assert kinds[-1] == "stop"
    assert set(kinds) == {"session.started", "start", "media", "playedStream", "clearedAudio", "dtmf", "stop"}
    form = session.of("start")[0]["start"]
    assert form["mediaFormat"] == {"type": "audio/x-mulaw", "rate": 8000}
    assert form["callId"] == session.call_uuid
    frames = [base64.b64decode(event["media"]["payload"]) for event in session.of("media")]
    assert {len(frame) for frame in frames} == {160}
    assert len(frames) == pytest.approx(50 * call.result.duration_s, abs=60)
    assert [event["dtmf"]["digit"] for event in session.of("dtmf")] == ["7"]
    heard = np.abs(call.heard.astype(float)) > 1000
    assert heard.sum() / 8000 * 1.06 == pytest.approx(
        2.0 + 1.0, abs=0.5
    )  # the tone, and the second as far as it was let
    assert session.times("playedStream")[0] - session.times("start")[0] == pytest.approx(2.0, abs=0.4)
