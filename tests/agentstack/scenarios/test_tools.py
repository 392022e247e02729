"""Tools, transfers, hold music, escalation, goodbye: what an app does in its handlers."""

import asyncio

import numpy as np
import pytest
from standins import Reply, Rule, Tool

from scenarios.dialled import dialled
from scenarios.scene import ASK, GREETING, HANG_UP, LISTEN, STAY, Scene, Wait, tool, wav
from scenarios.test_talk import WHOLE_S, spoken_s
from talkpath.phone import InterruptAfter, Say

LOOKUP = tool("lookup_order", order_id="string")
SHIPPED = {"status": "shipped", "eta": "Feb 15"}
DONE = "All of that is done now."


@dialled(quick=True)
async def test_parallel_tools(scene: Scene) -> None:
    """Both are called at once; their results come in another order; the model sees both."""
    scene.hearing.texts = ["Where are my orders?"]
    calls = [Tool("lookup_order", {"order_id": "ORD-100"}), Tool("lookup_order", {"order_id": "ORD-200"})]
    scene.chat.rules = [Rule("orders", Reply(tools=calls)), Rule("", Reply(DONE), on="tool")]
    waiting = []

    def called(session, event) -> None:
        waiting.append(event)
        if len(waiting) == 2:
            for one in reversed(waiting):
                session.tool_result(one["id"], {"order": one["arguments"]["order_id"], **SHIPPED})

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [LOOKUP]})
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert [event["arguments"] for event in session.of("tool.called")] == [dict(made.arguments) for made in calls]
    executed = session.of("tool.executed")
    assert len(executed) == 1
    assert [one["is_error"] for one in executed[0]["calls"]] == [False, False]
    assert {one["call_id"] for one in executed[0]["calls"]} == {event["id"] for event in waiting}
    asked = scene.chat.requests[-1]
    results = [message for message in asked.messages if message["role"] == "tool"]
    assert ["ORD-100" in results[0]["content"], "ORD-200" in results[1]["content"]] == [True, True]
    assert asked.tools == ["lookup_order"]
    assert call.heard_s(DONE) == pytest.approx(spoken_s(DONE), abs=WHOLE_S)
    assert session.of("turn.completed")[-1]["agent_text"] == DONE
    kinds = session.kinds()
    assert (
        kinds.index("tool.called")
        < kinds.index("tool.executed")
        < kinds.index("turn.completed", kinds.index("tool.executed"))
    )


@dialled()
async def test_text_before_a_tool_is_said_meanwhile(scene: Scene) -> None:
    scene.hearing.texts = ["Where is my order?"]
    look = "Let me look that up for you."
    scene.chat.rules = [
        Rule("order", Reply(look, tools=[Tool("lookup_order", {"order_id": "ORD-100"})])),
        Rule("", Reply(DONE), on="tool"),
    ]

    async def called(session, event) -> None:
        await asyncio.sleep(1.0)
        session.tool_result(event["id"], SHIPPED)

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [LOOKUP]})
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Wait(1.0), HANG_UP)
    for text in (look, DONE):
        assert call.heard_s(text) == pytest.approx(spoken_s(text), abs=WHOLE_S)
    assert len(session.of("agent.speech_started")) == 3, "greeting, words before the tool, answer"
    assert scene.chat.requests[-1].said("assistant")[-1] == look


@dialled()
async def test_unknown_tool(scene: Scene) -> None:
    scene.hearing.texts = ["Do it."]
    scene.chat.rules = [Rule("do it", Reply(tools=[Tool("nonsense")])), Rule("unknown", Reply(DONE), on="tool")]
    scene.app.on["tool.called"] = lambda session, event: session.tool_error(
        event["id"], f"Unknown tool: {event['name']}"
    )
    await scene.agent(llm={"tools": [LOOKUP]})
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert call.heard_s(DONE) == pytest.approx(spoken_s(DONE), abs=WHOLE_S)
    [one] = session.of("tool.executed")[0]["calls"]
    assert one["is_error"] is True


@dialled()
async def test_arguments_that_are_no_json(scene: Scene) -> None:
    scene.hearing.texts = ["Where is my order?"]
    scene.chat.rules = [
        Rule("order", Reply(tools=[Tool("lookup_order", raw='{"order_id": ORD')])),
        Rule("", Reply(DONE), on="tool"),
    ]
    scene.app.on["tool.called"] = lambda session, event: session.tool_result(event["id"], event["arguments"])
    await scene.agent(llm={"tools": [LOOKUP]})
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert [event["arguments"] for event in session.of("tool.called")] == [{}]
    assert call.heard_s(DONE) == pytest.approx(spoken_s(DONE), abs=WHOLE_S)


@dialled()
async def test_tool_that_is_never_answered(scene: Scene) -> None:
    """The time-out rescues the turn; a result that comes later is ignored."""
    scene.hearing.texts = ["Where is my order?"]
    scene.chat.rules = [
        Rule("order", Reply(tools=[Tool("lookup_order", {"order_id": "ORD-100"})])),
        Rule("", Reply(DONE), on="tool"),
    ]

    async def called(session, event) -> None:
        async def later() -> None:
            await asyncio.sleep(2.5)
            session.tool_result(event["id"], SHIPPED)
            session.tool_result("never-called", SHIPPED)

        scene.later = asyncio.create_task(later())

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [LOOKUP]}, tool_call_timeout_s=1)
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Wait(2.0), HANG_UP)
    waited_s = session.times("tool.executed")[0] - session.times("tool.called")[0]
    assert waited_s == pytest.approx(1.0, abs=0.3)
    assert session.of("tool.executed")[0]["calls"][0]["is_error"] is True
    assert call.heard_s(DONE) == pytest.approx(spoken_s(DONE), abs=WHOLE_S)
    assert len(session.of("turn.completed")) == 2


@dialled()
async def test_words_while_a_tool_runs_start_no_second_answer(scene: Scene) -> None:
    scene.hearing.texts = ["Where is my order?", "It is quite urgent."]
    scene.chat.rules = [
        Rule("order", Reply(tools=[Tool("lookup_order", {"order_id": "ORD-100"})])),
        Rule("", Reply(DONE), on="any"),
    ]

    async def called(session, event) -> None:
        await asyncio.sleep(3.5)
        session.tool_result(event["id"], SHIPPED)

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [LOOKUP]})
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), Wait(1.0), Say(seconds=1.0), *LISTEN, Wait(1.0), HANG_UP
    )
    assert call.heard_s(DONE) == pytest.approx(spoken_s(DONE), abs=WHOLE_S)
    assert len(session.of("agent.speech_started")) == 2
    assert any("urgent" in text for text in scene.chat.requests[-1].said("user"))


@dialled(quick=True)
async def test_hold_music_is_not_cut(scene: Scene) -> None:
    scene.hearing.texts = ["Please put me on hold.", "Is anybody there?"]
    scene.chat.rules = [
        Rule("hold", Reply(tools=[Tool("play_hold_music")])),
        Rule("", Reply(""), on="tool"),
        Rule("anybody", Reply("Yes.")),
    ]
    back = "Thank you for waiting."

    def called(session, event) -> None:
        session.play(wav(3.0), allow_interruption=False)
        session.tool_result(event["id"], {"status": "playing_hold_music"})

    scene.app.on["tool.called"] = called
    scene.app.on["play.completed"] = lambda session, event: session.speak(back)
    await scene.agent(llm={"tools": [tool("play_hold_music")]})
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), InterruptAfter(0.8), Say(seconds=1.2), *LISTEN, Wait(1.0), HANG_UP
    )
    assert tone_s(call.heard, 500.0) == pytest.approx(3.0, abs=0.1)
    assert len(session.of("play.completed")) == 1
    assert call.heard_s(back) == pytest.approx(spoken_s(back), abs=WHOLE_S)


def tone_s(heard: np.ndarray, hz: float) -> float:
    """How much of a pure tone was heard."""
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160).astype(np.float64)
    probe = np.exp(-2j * np.pi * hz / 8000 * np.arange(160))
    power = (frames**2).sum(1)
    share = 2 * np.abs(frames @ probe) ** 2 / 160 / np.maximum(power, 1)
    return float(((share > 0.8) & (power / 160 > 300**2)).sum() * 0.02)


@dialled()
async def test_two_megabytes_to_play(scene: Scene) -> None:
    """8 s of 44.1 kHz stereo in one message; interrupted after 2 s, it is over, and nothing says that it was completed."""
    data = wav(8.0)
    assert len(data) > 1_400_000
    scene.hearing.texts = ["That is enough."]
    scene.app.on["agent.speech_completed"] = lambda session, event: (
        session.play(data) if len(session.sent) < 1 else None
    )
    await scene.agent()
    call, session = await scene.call(InterruptAfter(4.0), Say(seconds=1.2), *LISTEN, HANG_UP)
    assert 1.5 <= tone_s(call.heard, 500.0) <= 3.5
    assert session.of("play.completed") == []


@dialled()
async def test_escalation(scene: Scene) -> None:
    """speak, update, inject, tool.result: another prompt, other tools, another model, the same history."""
    hold = "Let me connect you with a specialist."
    scene.hearing.texts = ["I am angry.", "Can I have a refund?"]
    scene.chat.rules = [
        Rule("angry", Reply(tools=[Tool("escalate", {"reason": "angry"})])),
        Rule("refund", Reply("Of course you can.")),
        Rule("", Reply("How may I help you further?"), on="tool"),
    ]

    def called(session, event) -> None:
        session.speak(hold)
        session.update(system_prompt="You are a specialist.", tools=[LOOKUP], llm={"model": "gpt-4.1"})
        session.inject("Customer escalated: angry.")
        session.tool_result(event["id"], {"status": "escalated"})

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [tool("escalate", reason="string")]})
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Wait(1.2), Say(seconds=1.2), *LISTEN, HANG_UP)
    assert len(session.of("agent.handoff")) == 1
    assert call.heard_s(hold) == pytest.approx(spoken_s(hold), abs=WHOLE_S)
    asked = scene.chat.requests[-1]
    assert asked.body["model"] == "gpt-4.1"
    assert asked.tools == ["lookup_order"]
    assert asked.system.startswith("You are a specialist.")
    assert "You are helpful" not in asked.system
    assert any("Customer escalated: angry." in str(message["content"]) for message in asked.messages)
    assert asked.said("user")[0] == "I am angry."
    assert hold in " ".join(asked.said("assistant"))
    assert call.heard_s("Of course you can.") == pytest.approx(spoken_s("Of course you can."), abs=WHOLE_S)


@dialled(quick=True)
async def test_goodbye_is_heard_whole(scene: Scene) -> None:
    """speak, tool.result, hangup: no other answer talks over it, and the line drops after it."""
    goodbye = "Thank you for calling. Goodbye!"
    scene.hearing.texts = ["That is all, bye."]
    scene.chat.rules = [
        Rule("bye", Reply(tools=[Tool("end_call")])),
        Rule("", Reply("Is there anything else?"), on="tool"),
    ]

    def called(session, event) -> None:
        session.speak(goodbye)
        session.tool_result(event["id"], {"status": "ending"})
        session.hangup()

    scene.app.on["tool.called"] = called
    await scene.agent(llm={"tools": [tool("end_call")]})
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), STAY)
    assert call.heard_s(goodbye) == pytest.approx(spoken_s(goodbye), abs=WHOLE_S)
    assert call.heard_s("Is there anything else?") == 0
    assert session.of("session.ended")[0]["reason"] == "agent_hangup"
    loud = np.flatnonzero(np.abs(call.heard.astype(np.int32)) > 1000)[-1]
    assert len(call.heard) / 8000 - loud / 8000 < 1.5, "the line drops when it was heard"


@dialled()
async def test_tools_are_replaced_and_removed(scene: Scene) -> None:
    scene.hearing.texts = ["One.", "Two."]
    scene.app.on["session.started"] = lambda session, event: session.update(tools=[tool("other")])
    scene.app.on["turn.completed"] = lambda session, event: session.update(tools=[]) if event["turn_number"] else None
    await scene.agent(llm={"tools": [LOOKUP]})
    await scene.call(*LISTEN, *ASK, *ASK, HANG_UP)
    offered = {asked.said("user")[-1]: asked.tools for asked in scene.chat.requests}
    assert offered == {"One.": ["other"], "Two.": []}


@dialled()
async def test_inject(scene: Scene) -> None:
    """Context that the model did not ask for; nothing is said because of it."""
    scene.hearing.texts = ["Who am I?"]
    scene.app.on["session.started"] = lambda session, event: session.inject("The caller is a VIP since 2020.")
    scene.chat.otherwise = Reply("You are important.")
    await scene.agent()
    _, session = await scene.call(*LISTEN, Wait(1.0), *ASK, HANG_UP)
    assert any("VIP since 2020" in str(message["content"]) for message in scene.chat.requests[-1].messages)
    assert [turn["agent_text"] for turn in session.of("turn.completed")] == [GREETING, "You are important."]


@dialled()
async def test_update_in_the_middle_of_a_call(scene: Scene) -> None:
    """Model, turn detection, events: from the next turn on."""
    scene.hearing.texts = ["One.", "Two."]
    scene.flags |= {"vad_events", "turn_events", "metrics_events"}

    def completed(session, event) -> None:
        if event["turn_number"] == 1:
            session.update(
                llm={"model": "gpt-4o-mini"}, semantic_vad="low", events={"vad_events": True, "turn_events": True},
            )  # fmt: skip
            session.update(events={"metrics_events": True}, allow_interruptions=False)

    scene.app.on["turn.completed"] = completed
    await scene.agent()
    _, session = await scene.call(*LISTEN, *ASK, Wait(0.5), *ASK, HANG_UP)
    models = {asked.said("user")[-1]: asked.body["model"] for asked in scene.chat.requests}
    assert models == {"One.": "gpt-4o", "Two.": "gpt-4o-mini"}
    assert len(session.of("user.speech_started")) == len(session.of("user.speech_stopped")) == 1
    assert len(session.of("user.turn_completed")) == 1
    assert [found["turn_number"] for found in session.of("turn.metrics")] == [2]
    decided_s = {turn["turn_number"]: turn["turn_decision_s"] for turn in session.of("turn.completed")}
    assert decided_s[2] >= 0.5 > decided_s[1], "low waits 500 ms, high 150"
    assert session.of("agent.handoff") == []


@dialled()
async def test_background_sound(scene: Scene) -> None:
    """audio.mix and its end: heard between sentences, and then no more."""
    scene.app.on["agent.speech_completed"] = lambda session, event: session.send(
        {"type": "audio.mix", "sound": "office", "volume": 0.9, "loop": True}
    )
    await scene.agent(comfort_noise_enabled=False)
    call = scene.dial(*LISTEN[:1], STAY, duration_s=7)
    session = await scene.app.session()
    await session.wait_for("agent.speech_completed")
    mark = asyncio.get_running_loop().time()
    await asyncio.sleep(2.0)
    session.send({"type": "audio.mix_enable", "enabled": False})
    await call.over()
    await scene.ended(session)
    at = round((mark - call.call.heard_from) * 8000)
    during, after = call.heard[at + 6000 : at + 14000], call.heard[at + 24000 :]
    assert during.std() > 10 * max(after.std(), 1.0)


@dialled()
async def test_unknown_messages(scene: Scene) -> None:
    """They are told at most once, and harm nothing."""

    def started(session, event) -> None:
        session.send({"type": "agent_session.dance"})
        session.send({"type": "agent_session.sing"})
        session.send({"no_type": True})
        session.send({"type": "agent_session.speak", "text": 5})
        session.send({"type": "agent_session.play", "audio_data": "no base64"})
        session.send({"type": "agent_session.update", "semantic_vad": {"completed_turn_delay_ms": "soon"}})
        session.send({"type": "agent_session.transfer", "destination": []})

    scene.app.on["session.started"] = started
    scene.hearing.texts = ["Are you well?"]
    scene.chat.otherwise = Reply("Quite well.")
    await scene.agent()
    call, session = await scene.call(*LISTEN, *ASK, HANG_UP)
    assert call.heard_s("Quite well.") == pytest.approx(spoken_s("Quite well."), abs=WHOLE_S)
    codes = [event["code"] for event in session.of("session.error")]
    assert codes.count("unknown_message") == 1
    assert "play_error" in codes
    assert "invalid_message" in codes
