"""Providers that fail, apps that die: each has its end, and the call goes on where it can."""

import pytest
from standins import Chat, Hearing, Reply, Rule, Voice

from scenarios.dialled import dialled
from scenarios.scene import ASK, GREETING, HANG_UP, LISTEN, Scene, Wait
from scenarios.test_talk import LONG, WHOLE_S, spoken_s
from talkpath.phone import Press, Say, WaitFor
from talkpath.phone.script import GO_ON

FINE = "All is well again."
PATIENT = (WaitFor("speech", for_ms=0, timeout_s=25, on_timeout=GO_ON), WaitFor("silence", for_ms=500, timeout_s=20))


def codes(session) -> list[str]:
    """Of session.error."""
    return [event["code"] for event in session.of("session.error")]


def is_whole(call, text: str) -> bool:
    """The sentence was heard."""
    return abs(call.heard_s(text) - spoken_s(text)) <= WHOLE_S


# --- the model ----------------------------------------------------------------------------------------------------------------


@dialled(quick=True)
async def test_llm_is_down(scene: Scene) -> None:
    """Without a fallback: the app is told, and the next question is answered."""
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.rules = [Rule("one", Reply(status=500)), Rule("two", Reply(FINE))]
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), Wait(4.0), *ASK, HANG_UP)
    assert "llm_error" in codes(session)
    assert is_whole(call, FINE)
    assert session.of("session.ended")[0]["reason"] == "user_hangup"


@dialled(quick=True)
async def test_llm_with_a_fallback(scene: Scene) -> None:
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.otherwise = Reply(status=500)
    other = scene.stack.standins.chat[f"{scene.key}-b"] = Chat(otherwise=Reply(FINE))
    fallback = [{"provider": "groq", "model": "llama-3.3-70b-versatile", "api_key": f"{scene.key}-b",
                 "base_url": scene.stack.standins.openai_url}]  # fmt: skip
    await scene.agent(llm_fallback=fallback, events={"metrics_events": True})
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert is_whole(call, FINE)
    told = session.of("llm.availability_changed")
    assert told[0]["llm"] == "openai/gpt-4o"
    assert told[0]["available"] is False
    metrics = session.of("turn.metrics")[-1]
    assert (metrics["llm_provider"], metrics["llm_model"]) == ("groq", "llama-3.3-70b-versatile")
    assert other.requests[-1].said("system")[0].startswith("You are helpful."), "prompt and tools are inherited"
    usage = [m for m in session.of("session.usage")[-1]["models"] if m["type"] == "llm_usage"]
    assert ("groq", "llama-3.3-70b-versatile") in [(m["provider"], m["model"]) for m in usage]


@dialled()
async def test_llm_hangs_with_a_fallback(scene: Scene) -> None:
    scene.hearing.texts = ["One?"]
    scene.chat.otherwise = Reply(hang=True)
    scene.stack.standins.chat[f"{scene.key}-b"] = Chat(otherwise=Reply(FINE))
    fallback = [{"provider": "openai", "model": "gpt-4o-mini", "api_key": f"{scene.key}-b"}]
    await scene.agent(llm_fallback=fallback)
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *PATIENT, HANG_UP, duration_s=45)
    assert is_whole(call, FINE)
    assert session.of("llm.availability_changed")[0]["available"] is False


@dialled()
async def test_llm_hangs(scene: Scene) -> None:
    """The turn has an end; the next one is answered."""
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.rules = [Rule("two", Reply(FINE))]
    scene.chat.otherwise = Reply(hang=True)
    await scene.agent()
    call = scene.dial(*LISTEN, Say(seconds=1.2), Wait(2.0), Say(seconds=1.2), *PATIENT, HANG_UP, duration_s=45)
    session = await scene.app.session()
    await call.over()
    await scene.ended(session)
    assert is_whole(call, FINE)
    assert scene.chat.requests[0].cancelled


@dialled()
async def test_llm_breaks_off(scene: Scene) -> None:
    """What was said stays said; the app is told."""
    scene.hearing.texts = ["One?", "Two?"]
    first = "This sentence is complete."
    scene.chat.rules = [Rule("one", Reply(first + " But this one never ends", reset_after=6)), Rule("two", Reply(FINE))]
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Wait(2.0), *ASK, HANG_UP)
    assert is_whole(call, first)
    assert "llm_error" in codes(session)
    assert is_whole(call, FINE)


@dialled()
async def test_a_key_that_is_refused(scene: Scene) -> None:
    """At creation: 400, and the message names the field."""
    from client import RestError

    scene.stack.standins.refused_keys.add(f"{scene.key}-bad")
    for name in ("stt", "llm", "tts"):
        with pytest.raises(RestError) as problem:
            await scene.agent(**{name: {"api_key": f"{scene.key}-bad"}})
        assert problem.value.status == 400
        assert f"{name}.api_key" in problem.value.body["error"]
        assert f"{scene.key}-bad" not in str(problem.value.body)


# --- hearing ------------------------------------------------------------------------------------------------------------------


@dialled()
async def test_stt_resets(scene: Scene) -> None:
    """It is dialled again; what is said next is understood."""
    scene.hearing.texts = lambda seconds: "Do you hear me?"
    scene.hearing.reset_after = 1
    scene.chat.otherwise = Reply(FINE)
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), Wait(4.0), *ASK, HANG_UP)
    assert len(scene.hearing.streams) >= 2
    assert call.heard_s(FINE) == pytest.approx(2 * spoken_s(FINE), abs=2 * WHOLE_S)
    assert session.of("turn.completed")[-1]["user_text"].endswith("Do you hear me?")


@dialled()
async def test_stt_is_down(scene: Scene) -> None:
    """The app is told; keys and speech of the app's still work."""
    scene.hearing.status = 503
    scene.app.on["user.dtmf"] = lambda session, event: session.speak(FINE)
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), Wait(6.0), Press("1"), *LISTEN, HANG_UP)
    assert "stt_error" in codes(session)
    assert is_whole(call, FINE)


@dialled()
async def test_stt_with_a_fallback(scene: Scene) -> None:
    scene.hearing.status = 503
    scene.stack.standins.hearing[f"{scene.key}-b"] = Hearing(["Do you hear me?"])
    scene.chat.otherwise = Reply(FINE)
    fallback = [{"provider": "deepgram", "model": "nova-2-general", "api_key": f"{scene.key}-b"}]
    await scene.agent(stt_fallback=fallback)
    call, _ = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert is_whole(call, FINE)


@dialled()
async def test_stt_hangs(scene: Scene) -> None:
    """It takes audio and says nothing: the app is told, the call goes on."""
    scene.hearing.hang = True
    scene.app.on["user.dtmf"] = lambda session, event: session.speak(FINE)
    await scene.agent()
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), Wait(9.0), Press("1"), *LISTEN, HANG_UP)
    assert is_whole(call, FINE)
    assert "stt_error" in codes(session)


@dialled()
async def test_stt_without_answers_to_finalize(scene: Scene) -> None:
    """A recogniser that says nothing to a Finalize of nothing: turns end all the same."""
    scene.hearing.texts = ["Do you hear me?"]
    scene.hearing.answers_finalize = False
    scene.hearing.gap_ms = 40
    scene.chat.otherwise = Reply(FINE)
    await scene.agent()
    call, _ = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert is_whole(call, FINE)


# --- speaking -----------------------------------------------------------------------------------------------------------------


@dialled()
async def test_tts_fails_once(scene: Scene) -> None:
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.otherwise = Reply(FINE)
    await scene.agent()
    call = scene.dial(*LISTEN, Say(seconds=1.2), Wait(5.0), *ASK, HANG_UP)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    scene.voice.status, scene.voice.faults = 500, 1
    await call.over()
    await scene.ended(session)
    assert call.heard_s(FINE) >= spoken_s(FINE) - WHOLE_S
    assert call.heard_s(FINE) > 1.5 * spoken_s(FINE) or "tts_error" in codes(session)


@dialled()
async def test_tts_with_a_fallback(scene: Scene) -> None:
    scene.voice.status = 500
    other = scene.stack.standins.voices[f"{scene.key}-b"] = Voice()
    fallback = [{"provider": "elevenlabs", "voice": "other", "model": "eleven_turbo_v2", "api_key": f"{scene.key}-b"}]
    await scene.agent(tts_fallback=fallback)
    call, session = await scene.call(*LISTEN, HANG_UP)
    assert is_whole(call, GREETING)
    assert other.requests[0]["voice"] == "other"
    assert codes(session) == []


@dialled()
async def test_tts_hangs(scene: Scene) -> None:
    """It takes a text and gives nothing: the app is told; the next text is spoken."""
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.otherwise = Reply(FINE)
    await scene.agent()
    call = scene.dial(*LISTEN, Say(seconds=1.2), Wait(16.0), *ASK, HANG_UP, duration_s=45)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    scene.voice.hang, scene.voice.faults = True, 1
    await call.over()
    await scene.ended(session)
    assert call.heard_s(FINE) >= spoken_s(FINE) - WHOLE_S
    assert call.heard_s(FINE) > 1.5 * spoken_s(FINE) or "tts_error" in codes(session)


@dialled()
async def test_tts_breaks_off(scene: Scene) -> None:
    """In the middle of a sentence: what came is heard, the utterance has its end, the agent goes on."""
    scene.hearing.texts = ["One?", "Two?"]
    scene.chat.rules = [Rule("one", Reply(LONG)), Rule("two", Reply(FINE))]
    await scene.agent()
    call = scene.dial(*LISTEN, Say(seconds=1.2), *LISTEN, Wait(3.0), *ASK, HANG_UP)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    scene.voice.reset_after, scene.voice.faults = 20, 1
    await call.over()
    await scene.ended(session)
    assert call.heard_s(LONG) >= 1.9
    assert "tts_error" in codes(session)
    assert is_whole(call, FINE)
    assert len(session.of("agent.speech_started")) == len(session.of("agent.speech_completed")) + len(
        session.of("agent.speech_interrupted")
    )
