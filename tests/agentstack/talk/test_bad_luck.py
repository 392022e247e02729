"""What must not happen, and does: floods, rubbish, faults of ours. The talk goes on."""

import asyncio
import json
import time

import pytest

pytest.importorskip("websockets")

from fakes import FakeModel as Model
from fakes import FakeVoice, Scene, tool_call
from virtual_time import run

from talkpath.agentstack.conversation.sentences import Sentences
from talkpath.agentstack.providers.chat_deltas import ChatDeltas
from talkpath.errors import StateError


def test_a_message_by_its_other_name_is_followed_or_refused():
    """Once `type` was looked up where `event` had been found; the app's socket fell, and at the second time the call."""

    async def scene():
        s = Scene(Model())
        s.commands.on_message('{"event": "agent_session.speak"}')
        assert s.of("session.error")[0]["message"].startswith("agent_session.speak: text must be a string")
        s.commands.on_message('{"event": "agent_session.speak", "text": "Yes."}')
        await s.until(3)
        assert s.voice.said == ["Yes."]

    run(scene())


def test_half_a_character_is_replaced_and_no_number_is_none():
    async def scene():
        s = Scene(Model())
        s.commands.on_message('{"type": "agent_session.speak", "text": "Half \\ud83d of it, whole \\ud83d\\ude00."}')
        s.commands.on_message('{"type": "agent_session.inject", "content": "\\udfff"}')
        s.commands.on_message(b'{"type": "agent_session.inject", "content": "\xff"}')
        await s.until(5)
        assert s.voice.said == ["Half \ufffd of it, whole \U0001f600."]
        assert [m["code"] for m in s.of("session.error")] == ["invalid_message"]
        json.dumps(s.talk.history.messages(""), ensure_ascii=False).encode()

    run(scene())


def test_keys_that_no_engine_knows_are_refused():
    """They once ended the floor: nothing was said any more, and no hang-up came."""

    async def scene():
        s = Scene(Model())
        for digits in ("1,2", "", "1" * 257, "x"):
            s.app("agent_session.send_dtmf", digits=digits)
        assert len(s.of("session.error")) == 4
        s.app("agent_session.send_dtmf", digits="w1wa")
        await s.until(2)
        assert [entry for entry in s.call.did if entry[0] == "send_dtmf"] == [("send_dtmf", "1"), ("send_dtmf", "A")]

    run(scene())


def test_a_fault_on_the_floor_costs_one_item():
    async def scene():
        s = Scene(Model())

        async def refuses(digits):
            raise StateError("no keys today")

        s.call.send_dtmf = refuses
        s.app("agent_session.send_dtmf", digits="1")
        s.app("agent_session.speak", text="Still here.")
        s.app("agent_session.hangup")
        await s.until(5)
        assert [m["code"] for m in s.of("session.error")] == ["internal_error"]
        assert [entry[0] for entry in s.call.did] == ["said", "hangup"]

    run(scene())


def test_a_fault_of_one_transcript_leaves_the_ear_open():
    async def scene():
        s = Scene(Model("Fine."))
        heard = s.talk.call.transcript

        async def once(*args):
            s.call.transcript = heard
            raise StateError("not this one")

        await s.until(0.5)
        s.call.transcript = once
        await s.hears("hello", final=False)
        await s.caller("Hello?")
        await s.until(5)
        assert len(s.stt.streams) == 1
        assert s.of("turn.completed")[0]["user_text"] == "Hello?"

    run(scene())


def test_ten_thousand_commands_are_cut_off_and_interrupted_at_once():
    async def scene():
        s = Scene(Model())
        await s.until(0.5)
        for number in range(10_000):
            s.app("agent_session.speak", text=f"Number {number}.")
        assert len(s.of("agent.speech_created")) <= 1001
        assert 0 < len(s.of("session.error")) <= 200
        await s.until(1.5)
        began = time.process_time()
        s.call.interrupt_now()
        s.talk.interrupted()
        assert s.talk.floor.is_idle or s.talk.floor.now is not None
        assert not s.talk.floor.has_deed
        s.app("agent_session.hangup")
        await s.until(4)
        assert s.call.ended
        assert time.process_time() - began < 5

    run(scene())


def test_a_megabyte_of_text_at_once_is_cut_as_a_stream_is():
    text = "word " * 200_000
    at_once, piecemeal = Sentences(), Sentences()
    found = at_once.feed(text) + at_once.flush()
    small = [s for i in range(0, 5_000, 50) for s in piecemeal.feed(text[i : i + 50])]
    assert all(len(piece) <= 300 for piece in found)
    assert found[: len(small)] == small
    assert "".join(found).replace(" ", "") == text.replace(" ", "")


def test_words_that_were_not_heard_are_not_in_the_transcript():
    """The caller hangs up in the middle of a sentence, and more waits."""

    async def scene():
        s = Scene(Model())
        s.app("agent_session.speak", text="One two three four five six seven eight nine ten.")
        s.app("agent_session.speak", text="Never said.")
        await s.until(1.0)
        s.call.ended = "hung up"
        s.call.over.set()
        await asyncio.sleep(0.2)
        [told] = s.talk.history.transcript()
        assert told["text"].startswith("One two")
        assert len(told["text"]) < 30

    run(scene())


def test_a_models_rubbish():
    """Half a character would have spoilt every later request; NaN the message to the app."""
    deltas = ChatDeltas("openai", "m")
    [text] = deltas.receive('{"choices": [{"delta": {"content": "a\\ud83d"}}]}')
    assert text.text == "a\ufffd"
    arguments = json.dumps('{"a": NaN, "b": "\\ud83d", "c": [1e999]}')
    deltas.receive(
        f'{{"choices": [{{"delta": {{"tool_calls": [{{"id": "t", "function": {{"name": "f", "arguments": {arguments}}}}}]}}}}]}}'
    )
    [call] = deltas.receive('{"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}')
    assert call.arguments == {"a": None, "b": "\ufffd", "c": [None]}


def test_an_answer_without_end_is_ended():
    async def scene():
        s = Scene(Model("and so on " * 30_000))
        await s.until(0.5)
        await s.caller("Tell me everything.")
        await s.until(3)
        assert s.of("session.error")[0]["code"] == "llm_error"
        assert s.model.cancelled
        waiting = s.talk.floor.now.sentences.qsize()
        assert waiting < 1000

    run(scene())


def test_a_voice_without_end_is_ended():
    class Endless(FakeVoice):
        async def speech(self, text):
            while True:
                await asyncio.sleep(0.05)
                yield bytes(2 * 16000)

    async def scene():
        s = Scene(Model(), voice=Endless())
        s.app("agent_session.speak", text="Short.")
        s.app("agent_session.hangup")
        await s.until(120)
        assert s.of("session.error")[0]["code"] == "tts_error"
        assert s.call.ended

    run(scene())


def test_a_model_that_calls_tools_for_ever_is_stopped_and_told():
    async def scene():
        s = Scene(Model(*([[tool_call("again", f"t{n}")] for n in range(50)])))
        await s.until(0.5)
        await s.caller("Go.")
        for n in range(50):
            await asyncio.sleep(0.2)
            s.app("tool.result", id=f"t{n}", result=n)
        await s.until(30)
        assert len(s.model.asked) == 12
        assert s.of("session.error")[-1]["code"] == "llm_error"
        assert s.of("turn.completed")

    run(scene())


def test_a_second_agent_tool_at_once_never_reaches_the_app():
    from talkpath.agentstack.agent_specs import agent_tools as specs
    from talkpath.agentstack.agent_tools.registry import agent_tool

    async def scene():
        tools = [agent_tool(spec) for spec in specs([{"type": "collect_email", "config": {}}], ())]
        s = Scene(
            Model([tool_call("collect_email", "t1"), tool_call("collect_email", "t2")], "Your address?"),
            agent_tools=tools,
        )
        await s.until(0.5)
        await s.caller("Take my address.")
        await s.until(5)
        assert s.of("tool.called") == []
        assert len(s.of("agent_tool.started")) == 1

    run(scene())


def test_a_recogniser_that_has_gone_mad():
    """Finals without end: each changed the words, and was a request to the model; the turn grew without bound."""

    async def scene():
        s = Scene(Model(ttft_s=0.2), prefill_cache=True)
        await s.until(0.5)
        for number in range(1000):
            await s.hears(f"final number {number}.")
        await s.hears("x " * 500_000)
        await s.until(1)
        assert len(s.model.asked) <= 8
        await s.caller("Hello?")
        await s.until(5)
        assert len(s.of("turn.completed")[0]["user_text"]) < 25_000

    run(scene())


def test_nothing_is_begun_when_the_talk_is_over():
    async def scene():
        s = Scene(Model())
        await s.until(0.5)
        s.call.ended = "hung up"
        s.call.over.set()
        await asyncio.sleep(0.1)
        before = asyncio.all_tasks()
        s.talk.go_on()
        s.app("agent_session.extend_wait")
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() <= before

    run(scene())


def test_a_step_of_the_wall_clock_moves_no_time_of_a_talk(monkeypatch):
    from datetime import UTC, datetime

    from talkpath.agentstack.conversation import talk

    async def scene():
        s = Scene(Model())
        await s.until(5)

        class Stepped(datetime):
            @classmethod
            def now(cls, tz=None):
                return datetime(2001, 1, 1, tzinfo=UTC)

        monkeypatch.setattr(talk, "datetime", Stepped)
        assert s.talk.age_s == pytest.approx(5)
        age = datetime.fromisoformat(s.talk.now) - s.talk.began_at
        assert age.total_seconds() == pytest.approx(5, abs=0.002)

    run(scene())


def test_a_slow_voice_of_an_answer_that_gave_way_holds_up_nothing():
    class Slow(FakeVoice):
        async def speech(self, text):
            self.said.append(text)
            await asyncio.sleep(5.0 if len(self.said) == 1 else 0.05)
            yield bytes(2 * 16000)

    async def scene():
        s = Scene(Model("One.", "Two."), voice=Slow())
        await s.until(0.5)
        await s.caller("Well,")
        await asyncio.sleep(0.3)
        asked_at = s.loop.time()
        await s.caller("and this?")
        await s.until(asked_at + 2.5)
        assert s.voice.said == ["One.", "Two."]
        assert s.call.now is not None or ("said", "llm-2") in s.call.did

    run(scene())
