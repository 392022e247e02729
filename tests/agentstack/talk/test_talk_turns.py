"""Who has the floor: interruptions, nods, pauses inside a sentence, words that come late."""

import asyncio

import pytest

pytest.importorskip("websockets")

from fakes import FakeModel as Model
from fakes import Scene, tool_call
from virtual_time import run

from talkpath.call import events as e

LONG = "This is a long answer, and it goes on for quite a while. It has a second sentence too. And a third one."


def test_an_interruption_cuts_the_answer_and_the_history_to_what_was_heard():
    async def scene():
        s = Scene(Model(LONG, "Yes?"))
        await s.until(0.5)
        await s.caller("Tell me.")
        await s.until(4.0)
        await s.caller("Stop, please.", interrupts_after=0.3)
        await s.until(12)
        cut, after = s.of("turn.completed")
        assert LONG.startswith(cut["agent_text"])
        assert 0 < len(cut["agent_text"]) < len(LONG) / 2
        assert s.of("turn.metrics")[0]["interrupted"] is True
        said = s.model.asked[1][0]
        assert said[2]["content"] == cut["agent_text"]
        assert said[-1]["content"] == "Stop, please."
        assert after["agent_text"] == "Yes?"
        assert s.model.asked
        assert s.voice.said[-1] == "Yes?"

    run(scene())


def test_an_interruption_stops_a_model_that_still_writes():
    async def scene():
        model = Model(LONG, "Yes?", word_s=0.1)
        s = Scene(model)
        await s.until(0.5)
        await s.caller("Tell me.")
        await s.until(3.1)
        await s.caller("Stop.", interrupts_after=0.3)
        await s.until(12)
        assert model.cancelled == 1
        assert s.of("turn.metrics")[0]["llm_cancelled"] is True

    run(scene())


def test_a_nod_is_kept_from_the_engine_and_answered_by_nobody():
    async def scene():
        s = Scene(Model(LONG))
        await s.until(0.5)
        await s.caller("Tell me.")
        await s.until(3.0)
        onset = s.call.ms
        s.call.emit(e.UserSpeechStarted("receive", onset + 120, onset))
        await asyncio.sleep(0.5)
        s.call.emit(e.AgentSpeechPaused("transmit", s.call.ms))
        await s.hears("mhm", final=False)
        await s.hears("Mhm.")
        s.call.emit(e.UserSpeechStopped("receive", s.call.ms, 400, onset))
        await asyncio.sleep(0.7)
        s.call.emit(e.AgentFalseInterruption("transmit", s.call.ms, True))
        await s.until(12)
        assert ("transcript", "Mhm.", True) not in s.call.did
        assert ("interrupt",) not in s.call.did
        assert len(s.model.asked) == 1
        assert s.verdicts == [(False, 400)]

    run(scene())


def test_long_speech_over_the_agent_interrupts_without_a_word():
    async def scene():
        s = Scene(Model(LONG))
        await s.until(0.5)
        await s.caller("Tell me.")
        await s.until(3.0)
        onset = s.call.ms
        s.call.emit(e.UserSpeechStarted("receive", onset + 120, onset))
        await asyncio.sleep(0.3)
        s.call.emit(e.AgentSpeechPaused("transmit", s.call.ms))
        await asyncio.sleep(1.0)
        assert ("interrupt",) in s.call.did
        assert [is_interruption for is_interruption, _ in s.verdicts] == [True]

    run(scene())


def test_who_goes_on_before_the_answer_is_answered_once_for_all_he_said():
    async def scene():
        s = Scene(Model("First.", "Both.", ttft_s=1.0))
        await s.until(0.5)
        await s.caller("I want to know")
        await asyncio.sleep(0.3)  # the model thinks
        await s.caller("where my order is.")
        await s.until(10)
        done = s.of("turn.completed")
        assert [d["agent_text"] for d in done] == ["Both."]
        assert len([entry for entry in s.call.did if entry[0] == "said"]) == 1
        assert [d["user_text"] for d in done] == ["I want to know where my order is."]
        assert done[0]["turn_number"] == 1
        assert s.model.asked[1][0][-1] == {"role": "user", "content": "I want to know where my order is."}

    run(scene())


def test_a_noise_while_the_model_thinks_only_holds_the_answer():
    async def scene():
        s = Scene(Model("The answer.", ttft_s=0.4))
        await s.until(0.5)
        await s.caller("Where is it?")
        await s.caller(None, seconds=0.8)  # the answer would have been ready in the middle of it
        noise_ended_ms = s.call.ms
        await s.until(8)
        assert s.voice.said == ["The answer."]
        assert s.call.begun_ms[0] >= noise_ended_ms
        assert len(s.of("turn.completed")) == 1
        assert s.of("turn.completed")[0]["agent_started_speaking_at"] is not None

    run(scene())


def test_words_that_come_after_the_turn_are_answered_when_they_come():
    async def scene():
        s = Scene(Model("There you are."))
        s.stt.is_slow = True
        await s.until(0.1)
        s.stt.streams[-1].is_slow = True
        await s.caller(None)
        await s.until(4)
        assert s.model.asked == []
        await s.hears("Where is my order?")
        await s.until(8)
        assert s.voice.said == ["There you are."]

    run(scene())


def test_words_while_tools_run_enter_the_history_and_start_no_second_answer():
    async def scene():
        s = Scene(Model(["Let me look.", tool_call("lookup")], "Done."))
        await s.until(0.5)
        await s.caller("Look it up.")
        await s.until(3)
        await s.caller("It is urgent.")
        await s.until(5)
        assert len(s.model.asked) == 1
        s.app("tool.result", id="t1", result="ok")
        await s.until(9)
        assert len(s.model.asked) == 2
        assert any(m.get("content") == "It is urgent." for m in s.model.asked[1][0])

    run(scene())


def test_an_unfinished_sentence_makes_the_engine_wait():
    async def scene():
        s = Scene(Model())
        await s.until(0.5)
        await s.hears("I would like to")
        await s.hears("order, and")
        await s.until(1)
        assert [entry for entry in s.call.did if entry[0] == "turn_probability"] == [("turn_probability", 0.1)] * 2

    run(scene())


def test_an_early_answer_waits_for_the_agents_end():
    async def scene():
        s = Scene(Model("Shall I go on with it?", "Good."))
        await s.until(0.5)
        await s.caller("Hello.")
        await s.until(1.9)
        await s.caller("Yes.", seconds=0.4)  # no interruption: the engine took it for an answer
        await s.until(8)
        assert s.voice.said == ["Shall I go on with it?", "Good."]
        assert [d["turn_number"] for d in s.of("turn.completed")] == [1, 2]

    run(scene())


def test_a_doubt_is_taken_back_by_every_word_that_follows():
    async def scene():
        s = Scene(Model())
        await s.until(0.5)
        await s.hears("Please leave a", final=False)
        await s.hears("Please leave a message", final=False)
        await s.hears("Please leave a message here.")
        await s.until(1)
        told = [entry[1] for entry in s.call.did if entry[0] == "turn_probability"]
        assert told == [0.1, 0.5, 0.95]

    run(scene())


def test_the_end_of_the_call_in_a_pause_is_no_interruption_and_what_was_heard_is_the_engines_to_say():
    async def scene():
        s = Scene(Model(LONG))
        await s.until(0.5)
        await s.caller("Tell me.")
        await s.until(3.0)
        onset = s.call.ms
        s.call.emit(e.UserSpeechStarted("receive", onset + 120, onset))
        await asyncio.sleep(0.3)
        s.call.emit(e.AgentSpeechPaused("transmit", s.call.ms))
        s.call.ended = "the caller hung up"
        name, _ = s.call.now
        s.call.emit(e.AgentSpeechInterrupted("transmit", s.call.ms, name, 0.8))
        await asyncio.sleep(0)
        s.call.over.set()
        await asyncio.gather(s.tasks[0])
        assert s.verdicts == []
        assert s.of("turn.completed")[0]["agent_text"] == s.talk.utterance(name).text_at(0.8) != ""

    run(scene())
