"""One turn after the other: what is asked of the model, what is said, what the app is told."""

import asyncio

import pytest

pytest.importorskip("websockets")

from fakes import FakeModel as Model
from fakes import FakeVoice, Scene, tool_call
from virtual_time import run

from talkpath.agentstack.agent_tools.base import Step
from talkpath.agentstack.agent_tools.registry import agent_tool
from talkpath.agentstack.providers.base import Finished, ProviderError, Tool, Whole


def test_a_turn_is_answered_and_told():
    async def scene():
        s = Scene(Model("It is on its way. Anything else?"))
        await s.until(0.5)
        await s.caller("Where is my order?")
        await s.until(10)
        assert s.voice.said == ["It is on its way.", "Anything else?"]
        assert s.kinds() == ["agent.speech_created", "turn.completed", "turn.metrics", "session.usage"]
        done, metrics, usage = s.of("turn.completed")[0], s.of("turn.metrics")[0], s.of("session.usage")[0]["models"]
        assert (done["turn_number"], done["user_text"], done["agent_text"]) == (
            1,
            "Where is my order?",
            "It is on its way. Anything else?",
        )
        assert metrics["turn_decision_ms"] == pytest.approx(150, abs=25)
        assert metrics["llm_ttft_ms"] == 100
        assert metrics["tts_ttfb_ms"] == 50
        assert metrics["user_perceived_ms"] == pytest.approx(150 + 100 + 50, abs=30)
        assert metrics["stt_delay_ms"] == pytest.approx(20, abs=25)
        assert [(m["type"], m["provider"]) for m in usage] == [
            ("llm_usage", "brain"),
            ("tts_usage", "mouth"),
            ("stt_usage", "ears"),
        ]
        assert usage[1]["characters_count"] == len("It is on its way.Anything else?")
        messages = s.model.asked[0][0]
        assert messages == [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Where is my order?"},
        ]

    run(scene())


def test_prefill_is_used_when_the_words_stay_and_thrown_away_when_they_change():
    async def scene(changes):
        s = Scene(Model("One.", "Two.", ttft_s=0.1), prefill_cache=True)
        await s.until(0.5)
        if changes:
            await s.hears("where is")
            await s.until(0.55)
        await s.caller("my order?")
        await s.until(8)
        return s

    same, changed = run(scene(False)), run(scene(True))
    assert same.voice.said == ["One."]
    assert len(same.model.asked) == 1
    assert same.of("turn.metrics")[0]["user_perceived_ms"] == pytest.approx(
        150 + 50, abs=30
    )  # the model ran in the turn's delay
    assert changed.voice.said == ["Two."]
    assert changed.of("turn.completed")[0]["user_text"] == "where is my order?"


def test_tools_run_at_once_and_their_results_are_given():
    async def scene():
        calls = [tool_call("lookup_order", "t1", order_id="ORD-100"), tool_call("weather", "t2")]
        s = Scene(Model(["Let me look.", *calls], "It was shipped, and it rains."))
        await s.until(0.5)
        await s.caller("Where is it, and how is the weather?")
        await s.until(3)
        assert [c["name"] for c in s.of("tool.called")] == ["lookup_order", "weather"]
        assert s.of("tool.called")[0]["arguments"] == {"order_id": "ORD-100"}
        s.app("tool.result", id="t2", result="rain")
        await s.until(3.5)
        assert len(s.model.asked) == 1  # all of them are waited for
        s.app("tool.error", id="t1", error="down")
        s.app("tool.result", id="t1", result="late")
        await s.until(12)
        executed = s.of("tool.executed")[0]["calls"]
        assert [(c["name"], c["output"], c["is_error"]) for c in executed] == [
            ("lookup_order", '{"error": "down"}', True), ("weather", "rain", False)]  # fmt: skip
        assert [m["role"] for m in s.model.asked[1][0]] == ["system", "user", "assistant", "tool", "tool"]
        assert s.voice.said == ["Let me look.", "It was shipped, and it rains."]
        assert len(s.of("agent.speech_created")) == 2  # text before a tool is an utterance of its own
        assert s.of("turn.completed")[0]["agent_text"] == "Let me look. It was shipped, and it rains."

    run(scene())


def test_a_tool_that_never_answers_does_not_end_the_talk():
    async def scene():
        s = Scene(Model([tool_call("play_hold_music")], "I am sorry."), tool_call_timeout_s=2.0)
        await s.until(0.5)
        await s.caller("Music, please.")
        await s.until(10)
        assert s.of("session.error")[0]["code"] == "tool_timeout"
        assert s.of("tool.executed")[0]["calls"][0]["is_error"] is True
        assert s.voice.said == ["I am sorry."]

    run(scene())


def test_a_farewell_is_heard_whole_and_nothing_talks_over_it():
    async def scene():
        s = Scene(Model([tool_call("end_call")], "I should never be said.", ttft_s=0.01))
        await s.until(0.5)
        await s.caller("Goodbye.")
        await s.until(2.0)
        s.app("agent_session.speak", text="Thanks for calling. Goodbye!")
        s.app("tool.result", id="t1", result={"status": "ending"})
        await asyncio.sleep(0.05)
        s.app("agent_session.hangup")
        await s.until(10)
        assert s.voice.said[0] == "Thanks for calling. Goodbye!"
        said = [entry for entry in s.call.did if entry[0] in ("said", "hangup")]
        assert [entry[0] for entry in said] == ["said", "hangup"]
        assert "never" not in str(s.talk.history.messages(""))

    run(scene())


def test_a_transfer_needs_no_result():
    async def scene():
        s = Scene(Model(["One moment.", tool_call("transfer_to_human", reason="x")], "Never."))
        await s.until(0.5)
        await s.caller("A human, please.")
        await s.until(2.0)
        s.app("agent_session.speak", text="I connect you.")
        s.app("agent_session.transfer", destination=["+1", "+2"], dial_mode="parallel", timeout=30)
        await s.until(10)
        assert s.voice.said == ["One moment.", "I connect you."]
        assert s.transferred[0][1] == ("+1", "+2")
        assert s.transferred[0][0] >= 2.0 + 0.05 * len("I connect you.")

    run(scene())


def test_a_model_that_fails_is_told_and_the_next_turn_works():
    async def scene():
        s = Scene(Model([ProviderError("down", "unavailable", "brain")], "Hello again."))
        await s.until(0.5)
        await s.caller("Hello?")
        await s.until(3)
        assert s.of("session.error")[0]["code"] == "llm_error"
        assert s.of("turn.metrics")[0]["error_source"] == "llm"
        await s.caller("Are you there?")
        await s.until(8)
        assert s.voice.said == ["Hello again."]

    run(scene())


def test_a_voice_that_fails_is_told_and_the_floor_goes_on():
    async def scene():
        s = Scene(Model("One.", "Two."))
        s.voice.fails = True
        await s.until(0.5)
        await s.caller("Hello?")
        await s.until(3)
        assert s.of("session.error")[0]["code"] == "tts_error"
        s.voice.fails = False
        await s.caller("Hello?")
        await s.until(8)
        assert s.of("turn.completed")[-1]["agent_text"] == "Two."

    run(scene())


def test_speech_commands_are_a_queue():
    async def scene():
        s = Scene(Model())
        s.app("agent_session.speak", text="First.")
        s.app("agent_session.play", audio_data="UklGRg==", allow_interruption=False)
        s.app("agent_session.send_dtmf", digits="1w#")
        s.app("agent_session.speak", text="Last.")
        s.app("agent_session.hangup")
        await s.until(10)
        kinds = [entry[0] for entry in s.call.did]
        assert kinds == ["said", "played", "send_dtmf", "send_dtmf", "said", "hangup"]
        assert [keys for kind, keys in s.call.did[2:4]] == ["1", "#"], "the engine knows no pauses"

    run(scene())


@pytest.mark.parametrize(("message", "code"), [
    ("{", "invalid_message"), ("[]", "invalid_message"), ('{"type": "nonsense"}', "unknown_message"), ('{"type": 3}', "unknown_message"),
    ('{"type": "agent_session.speak"}', "invalid_message"), ('{"type": "agent_session.play", "audio_data": "%"}', "play_error"),
    ('{"type": "agent_session.transfer", "destination": []}', "invalid_message"), ('{"type": "agent_session.send_dtmf", "digits": "x"}', "invalid_message"),
    ('{"type": "audio.mix", "sound": "/etc/passwd"}', "invalid_message"), ('{"type": "tool.result", "id": 4}', "invalid_message"), ("[" * 100000, "invalid_message"),
])  # fmt: skip
def test_what_is_no_command_is_told_and_nothing_happens(message, code):
    async def scene():
        s = Scene(Model())
        s.commands.on_message(message)
        assert [m["code"] for m in s.of("session.error")] == [code]

    run(scene())


def test_figures_that_come_late_keep_nobody_waiting():
    class Late(Model):
        async def chat(self, messages, tools=()):
            async for delta in super().chat(messages, tools):
                if isinstance(delta, Finished):
                    yield Whole()
                    await asyncio.sleep(1.0)
                yield delta

    async def scene():
        s = Scene(Late("Half a sentence without an end", [tool_call("lookup")], "Done"))
        await s.until(0.5)
        await s.caller("Hello?")
        await s.until(2.5)
        assert s.voice.said == ["Half a sentence without an end"]
        assert s.of("agent.speech_created")
        await s.until(6)
        assert s.of("turn.metrics")[0]["llm_completion_tokens"] == 5
        assert s.of("turn.metrics")[0]["llm_duration_ms"] < 500
        asked_at = s.loop.time()
        await s.caller("Look it up.")
        await s.until(asked_at + 1.6)
        assert s.of("tool.called")

    run(scene())


def test_a_turn_that_the_end_of_the_call_cuts_is_told_with_what_was_heard():
    async def scene():
        s = Scene(Model("One two three four five six seven eight nine ten."))
        await s.until(0.5)
        await s.caller("Count.")
        await s.until(3.0)
        await s.call.hangup()
        await asyncio.gather(s.tasks[0])
        turn = s.of("turn.completed")[0]
        assert "One two three four five six seven eight nine ten.".startswith(turn["agent_text"])
        assert 0 < len(turn["agent_text"]) < 45
        assert s.of("turn.metrics")[0]["interrupted"] is True
        assert s.talk.history.transcript()[-1]["text"] == turn["agent_text"]

    run(scene())


def test_the_times_of_a_turn_add_up_when_its_words_are_slow():
    async def scene():
        s = Scene(Model("Yes.", ttft_s=0.3), FakeVoice(ttfb_s=0.2))
        await s.until(0.5)
        await s.caller("Is it?", words_after=0.6, turn_delay=0.15)
        await s.until(6)
        m = s.of("turn.metrics")[0]
        sum_ms = m["turn_decision_ms"] + m["llm_ttft_ms"] + m["tts_ttfb_ms"]
        assert m["user_perceived_ms"] == pytest.approx(sum_ms, abs=20)
        assert m["stt_delay_ms"] <= m["turn_decision_ms"]

    run(scene())


class _Slow:
    """A sub-agent that never comes to an end by itself."""

    type, timeout_s, is_private = "collect_email", 2.0, False
    tool = Tool("collect_email", "Collects.")

    def begin(self):
        return self

    system_prompt, tools = "Ask for it.", ()

    def timed_out(self):
        return Step({}, result={"timed_out": True})


def test_a_sub_agent_that_runs_out_of_time_while_it_speaks_gives_the_parent_a_turn_after_that():
    async def scene():
        long = "This question of the sub-agent is so long that it takes more than two seconds to be said."
        s = Scene(Model([tool_call("collect_email")], long, "Never mind, then."), agent_tools=[_Slow()])
        await s.until(0.5)
        await s.caller("Take my address.")
        await s.until(15)
        assert [m["type"] for m in s.of("agent_tool.started") + s.of("agent_tool.completed")] == [
            "agent_tool.started", "agent_tool.completed",
        ]  # fmt: skip
        assert s.of("agent_tool.completed")[0]["result"] == {"timed_out": True}
        assert s.voice.said == [long, "Never mind, then."]
        assert "timed_out" in str(s.model.asked[2][0])

    run(scene())


def test_the_parent_goes_on_with_the_result_after_all_that_its_sub_agent_talked():
    async def scene():
        email = {"email_address": "ann@example.com"}
        s = Scene(
            Model(
                [tool_call("collect_email", "p1"), tool_call("lookup", "p2")], "Your address?",
                [tool_call("submit", "s1", **email)], "Is that right?", [tool_call("confirm", "s2")], "Thank you.",
            ),
            agent_tools=[agent_tool({"type": "collect_email"})],
        )  # fmt: skip
        await s.until(0.5)
        await s.caller("Mail me.")
        await s.until(2)
        s.app("tool.result", id="p2", result="found")
        await s.until(5)
        await s.caller("Ann at example dot com.")
        await s.until(9)
        await s.caller("Yes.")
        await s.until(14)
        assert s.of("agent_tool.completed")[0]["result"]["email_address"] == "ann@example.com"
        assert s.voice.said[-1] == "Thank you."
        messages, tools = s.model.asked[-1]
        assert [m["role"] for m in messages] == [
            "system", "user", "assistant", "tool", "assistant", "user", "assistant", "user", "assistant", "tool",
        ]  # fmt: skip
        assert messages[2]["tool_calls"][0]["id"] == messages[3]["tool_call_id"] == "p2"
        assert messages[-2]["tool_calls"][0]["function"]["name"] == "collect_email"
        assert "ann@example.com" in messages[-1]["content"]
        assert "submit" not in tools

    run(scene())


def test_a_greeting_that_is_interrupted_counts_as_such():
    async def scene():
        s = Scene(Model())
        s.talk.say("A rather long greeting of the agent's, of which not all is heard.", "greeting", agent_first=True)
        await s.until(0.5)
        await s.caller("Stop.", interrupts_after=0.4)
        await s.until(8)
        metrics = s.of("turn.metrics")[0]
        assert (metrics["interrupted"], metrics["num_interruptions"], metrics["agent_first"]) == (True, 1, True)

    run(scene())


def test_an_answer_begun_ahead_is_cancelled_and_counted_when_the_caller_hangs_up():
    async def scene():
        model = Model("Never said.", ttft_s=30.0)
        s = Scene(model, prefill_cache=True)
        await s.until(0.5)
        await s.hears("Where is my order?")
        await s.until(0.6)
        assert len(model.asked) == 1
        await s.call.hangup()
        await s.until(2.0)
        assert model.cancelled == 1
        assert [entry["type"] for entry in s.talk.usage.models()] == ["llm_usage", "stt_usage"]

    run(scene())


def test_an_error_of_the_app_that_reads_like_a_time_out_is_none():
    async def scene():
        s = Scene(Model([tool_call("look")], "Sorry."))
        await s.until(0.5)
        await s.caller("Look.")
        await s.until(2.0)
        s.app("tool.error", id="t1", error="no answer within the warehouse")
        await s.until(6)
        assert s.of("session.error") == []
        assert s.of("tool.executed")[0]["calls"][0]["is_error"] is True

    run(scene())
