"""Agents whose model hears and speaks, dialled."""

import pytest
from client import AppSession
from standins import Reply, Rule, Tool, heard_s

from scenarios.dialled import dialled
from scenarios.scene import ASK, HANG_UP, LISTEN, STAY, Scene, Wait, tool
from scenarios.test_talk import WHOLE_S, spoken_s
from talkpath.phone import InterruptAfter, Say

HELLO = "Hello there, how can I help?"
LONG = "This is a rather long answer that takes its time, as it has a great many words in it and says very little."


async def s2s_agent(scene: Scene, **changes) -> None:
    """With the stand-in's model."""
    model = {
        "provider": "openai_realtime", "model": "gpt-realtime", "voice": "marin", "api_key": scene.key, "system_prompt": "Be brief.",
        "base_url": scene.stack.standins.realtime_url, **changes.pop("s2s", {}),
    }  # fmt: skip
    await scene.agent(stt=..., llm=..., tts=..., s2s=model, **changes)


def said_s(call, text: str) -> float:
    """How much of it was heard."""
    return heard_s(call.heard, 8000, text)


@dialled(quick=True)
async def test_s2s_greeting_question_answer(scene: Scene) -> None:
    model = scene.realtime
    model.texts, model.rules = ["What time is it?"], [Rule("what time", Reply("It is five past nine."))]
    await s2s_agent(scene, welcome_greeting=HELLO, events={"metrics_events": True})
    call, session = await scene.call(*LISTEN, Wait(0.5), *ASK, HANG_UP)
    for text in (HELLO, "It is five past nine."):
        assert said_s(call, text) == pytest.approx(spoken_s(text), abs=WHOLE_S)
    first, second = session.of("turn.completed")
    assert (first["agent_first"], first["agent_text"]) == (True, HELLO)
    assert (second["user_text"], second["agent_text"]) == ("What time is it?", "It is five past nine.")
    assert 0.03 < second["realtime_ttft_s"] < 0.5
    metrics = session.of("turn.metrics")[-1]
    assert (metrics["pipeline"], metrics["realtime_total_tokens"], metrics["realtime_model"]) == (
        "s2s",
        70,
        "gpt-realtime",
    )
    assert metrics["llm_ttft_ms"] is metrics["tts_ttfb_ms"] is None
    assert metrics["user_perceived_ms"] < 900
    asked = model.sessions[0]
    assert (asked["instructions"], asked["audio"]["output"]["voice"]) == ("Be brief.", "marin")
    assert asked["audio"]["input"]["turn_detection"] is None
    assert model.commits_ms == [
        pytest.approx(1200 + 500, abs=500)
    ]  # his words, and a little before and after: no minutes of silence
    assert model.errors == []
    assert [(one["role"], one["text"].strip()) for one in session.of("session.ended")[0]["transcript"]] == [
        ("assistant", HELLO), ("user", "What time is it?"), ("assistant", "It is five past nine.")]  # fmt: skip
    made = await scene.rest.get(f"Agent/{scene.agent_uuid}")
    assert (made["agent_mode"], made["s2s"]["api_key"][:4]) == ("s2s", "****")


@dialled(quick=True)
async def test_s2s_is_interrupted_where_the_caller_heard_it(scene: Scene) -> None:
    """The engine's position is what the model is told, not what it has sent."""
    model = scene.realtime
    model.texts = ["Tell me everything.", "Stop."]
    model.rules = [Rule("everything", Reply(LONG)), Rule("stop", Reply("Good bye then."))]
    await s2s_agent(scene, welcome_greeting=...)
    call, session = await scene.call(
        Wait(0.5), Say(seconds=1.2), InterruptAfter(2.0), Say(seconds=1.4), *LISTEN, HANG_UP
    )
    cut = session.of("agent.speech_interrupted")[0]
    assert cut["playback_position_s"] == pytest.approx(2.4, abs=0.7)
    truncated = [event for event in model.events if event["type"] == "conversation.item.truncate"]
    assert [event["audio_end_ms"] for event in truncated] == [pytest.approx(1000 * cut["playback_position_s"], abs=30)]
    first, second = session.of("turn.completed")
    assert LONG.startswith(first["agent_text"][:10])
    assert 10 < len(first["agent_text"]) < len(LONG) / 2
    assert second["agent_text"] == "Good bye then."
    assert said_s(call, "Good bye then.") == pytest.approx(spoken_s("Good bye then."), abs=WHOLE_S)
    assert model.errors == []


@dialled()
async def test_s2s_tools(scene: Scene) -> None:
    model = scene.realtime
    model.texts = ["Where is my order?"]
    model.rules = [
        Rule("order", Reply(tools=[Tool("lookup_order", {"order_id": "ORD-1"})])),
        Rule("shipped", Reply("It was shipped."), on="tool"),
    ]
    scene.app.on["tool.called"] = lambda session, event: session.tool_result(event["id"], {"status": "shipped"})
    await s2s_agent(scene, welcome_greeting=..., s2s={"tools": [tool("lookup_order", order_id="string")]})
    call, session = await scene.call(Wait(0.5), *ASK, HANG_UP)
    assert session.of("tool.called")[0]["arguments"] == {"order_id": "ORD-1"}
    assert said_s(call, "It was shipped.") == pytest.approx(spoken_s("It was shipped."), abs=WHOLE_S)
    outputs = [item for item in model.items if item["type"] == "function_call_output"]
    assert [item["output"] for item in outputs] == ['{"status": "shipped"}']
    assert model.sessions[0]["tools"][0]["name"] == "lookup_order"


@dialled()
async def test_s2s_speak_inject_update_hangup(scene: Scene) -> None:
    model = scene.realtime
    model.texts, model.rules = ["Who are you?"], [Rule("who", Reply("A pirate."))]

    def started(session: AppSession, event: dict) -> None:
        session.update(system_prompt="Be a pirate.")
        session.inject("The caller is called Anna.")
        session.speak("One moment please.")

    scene.app.on["session.started"] = started
    scene.app.on["turn.completed"] = lambda session, event: (
        event["turn_number"] and (session.speak("Bye now."), session.hangup())
    )
    await s2s_agent(scene, welcome_greeting=...)
    call, session = await scene.call(*LISTEN, Wait(0.3), Say(seconds=1.2), STAY)
    for text in ("One moment please.", "A pirate.", "Bye now."):
        assert said_s(call, text) == pytest.approx(spoken_s(text), abs=WHOLE_S)
    assert model.sessions[-1]["instructions"] == "Be a pirate."
    assert [item["content"][0]["text"] for item in model.items if item.get("role") == "system"] == [
        "The caller is called Anna."
    ]
    assert session.of("session.ended")[0]["reason"] == "agent_hangup"


@dialled()
async def test_s2s_connection_is_lost(scene: Scene) -> None:
    """A new one knows the talk so far."""
    model = scene.realtime
    model.texts = ["First question.", "Second question."]
    model.rules, model.drop_after = [Rule("first", Reply("First answer.")), Rule("second", Reply("Second answer."))], 1
    await s2s_agent(scene, welcome_greeting=...)
    call, session = await scene.call(Wait(0.5), *ASK, Wait(1.0), *ASK, HANG_UP)
    assert said_s(call, "Second answer.") == pytest.approx(spoken_s("Second answer."), abs=WHOLE_S)
    assert [event["code"] for event in session.of("session.error")] == ["stt_error"]
    assert len(model.sessions) == 2
    assert [(item["role"], item["content"][0]["text"].strip()) for item in model.items] == [
        ("user", "First question."), ("assistant", "First answer.")]  # fmt: skip
