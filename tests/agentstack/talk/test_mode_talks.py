"""Agents without a model, an ear or a voice of the platform's, in virtual time."""

import asyncio

import pytest

pytest.importorskip("websockets")

from fakes import FakeModel, Scene
from virtual_time import run

CUSTOMER = {"mode": "customer_llm", "llm": {}, "tts": {"provider": "mouth"}}


def test_the_apps_model_answers_a_turn():
    async def scene():
        s = Scene(FakeModel(), **CUSTOMER)
        await s.until(0.5)
        await s.hears("where is", final=False)
        await s.caller("Where is my order?")
        await asyncio.sleep(0.05)
        said = s.of("user.transcription")
        assert [(m["text"], m["is_final"]) for m in said][-1] == ("Where is my order?", True)
        assert [m["is_final"] for m in said].count(True) == 1
        assert all(set(m) == {"type", "text", "is_final", "language", "speaker_id", "timestamp"} for m in said)
        await asyncio.sleep(0.25)
        for token in ("It is ", "on its way. ", "Anything else?"):
            s.app("text", token=token)
        s.app("text", token="", last=True)
        await s.until(8)
        assert s.voice.said == ["It is on its way.", "Anything else?"]
        done = s.of("turn.completed")[0]
        assert (done["user_text"], done["agent_text"]) == ("Where is my order?", "It is on its way. Anything else?")
        assert done["llm_ttft_s"] == pytest.approx(0.3, abs=0.05)
        assert [m["type"] for m in s.of("session.usage")[-1]["models"]] == ["tts_usage", "stt_usage"]
        assert s.of("turn.metrics")[0]["pipeline"] == "stt_tts"
        assert s.model.asked == []

    run(scene())


def test_what_the_app_says_unasked_is_said():
    async def scene():
        s = Scene(FakeModel(), **CUSTOMER)
        await s.until(0.5)
        s.app("text", token="Hello. ")
        s.app("text", token="How are you?", last=True)
        s.app("text", token="One more thing.", last=True)  # a second answer, while the first is said
        await s.until(10)
        assert s.voice.said == ["Hello.", "How are you?", "One more thing."]
        assert [m["agent_first"] for m in s.of("turn.completed")] == [True, True]

    run(scene())


def test_the_rest_of_an_answer_that_was_cut_is_not_said():
    async def scene():
        s = Scene(FakeModel(), **CUSTOMER)
        await s.until(0.5)
        await s.caller("Tell me all about it.")
        await asyncio.sleep(0.05)
        s.app("text", token="It is a very long story that begins a long time ago. ")
        await asyncio.sleep(1.0)
        talking = asyncio.create_task(s.caller("Stop, tell me the end.", seconds=1.5, interrupts_after=0.5))
        await asyncio.sleep(0.8)
        s.app("text", token="And then it went on and on. ")  # of the answer that was cut
        await talking
        await asyncio.sleep(0.05)
        s.app("text", token="They all died.", last=True)
        await s.until(12)
        assert "They all died." in s.voice.said
        assert not any("on and on" in text for text in s.voice.said)
        first, second = s.of("turn.completed")
        assert first["user_text"] == "Tell me all about it."
        assert len(first["agent_text"]) < 40
        assert second["agent_text"] == "They all died."

    run(scene())


def test_a_last_token_alone_says_nothing():
    async def scene():
        s = Scene(FakeModel(), **CUSTOMER)
        await s.until(0.5)
        s.app("text", token="", last=True)
        await s.until(1.0)
        await s.caller("Are you there?")
        await asyncio.sleep(0.05)
        s.app("text", token="I am.", last=True)
        await s.until(6)
        assert [m["agent_text"] for m in s.of("turn.completed")] == ["I am."]

    run(scene())


def test_text_is_for_an_app_with_a_model_of_its_own():
    async def scene():
        s = Scene(FakeModel())
        await s.until(0.1)
        s.app("text", token="Hello.", last=True)
        s.app("playAudio", media={"payload": ""})
        assert [m["code"] for m in s.of("session.error")] == ["invalid_message", "invalid_message"]
        assert "llm" in s.of("session.error")[0]["message"]

    run(scene())


def test_hearing_alone_tells_words_and_answers_nothing():
    async def scene():
        s = Scene(FakeModel(), mode="stt", llm={}, tts={})
        await s.until(0.5)
        await s.caller("One two three.")
        await s.caller("Four five.")
        s.app("agent_session.speak", text="No voice.")
        s.app("agent_session.play", audio_data="UklGRg==")
        await s.until(8)
        assert [m["text"] for m in s.of("user.transcription") if m["is_final"]] == ["One two three.", "Four five."]
        assert [(m["turn_number"], m["user_text"], m["agent_text"]) for m in s.of("turn.completed")] == [
            (1, "One two three.", ""), (2, "Four five.", "")]  # fmt: skip
        assert [m["message"] for m in s.of("session.error")] == ["agent_session.speak: the agent has no tts"]
        assert ("played", "play-1") in s.call.did
        assert s.voice.said == []

    run(scene())


def test_speaking_alone_says_what_the_app_gives():
    async def scene():
        s = Scene(FakeModel(), mode="tts", stt={}, llm={}, tts={"provider": "mouth"})
        await s.until(0.5)
        s.app("agent_session.speak", text="Please enter your number.")
        await s.until(0.9)
        await s.caller(None, interrupts_after=0.5)
        await s.until(6)
        s.app("agent_session.speak", text="Thank you.")
        await s.until(10)
        assert s.voice.said == ["Please enter your number.", "Thank you."]
        assert s.stt.streams == []
        assert s.of("user.transcription") == []
        assert s.of("session.error") == []
        s.talk.tell_usage()
        assert [m["type"] for m in s.of("session.usage")[-1]["models"]] == ["tts_usage", "interruption_usage"]

    run(scene())
