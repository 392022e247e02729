"""A caller who says nothing: reminders, the end, more time; and an e-mail address by voice."""

import pytest
from standins import Reply, Rule, Tool

from scenarios.dialled import dialled
from scenarios.scene import GREETING, HANG_UP, LISTEN, STAY, Scene, Wait
from scenarios.test_talk import WHOLE_S, spoken_s
from talkpath.phone import Say

REMINDER, GOODBYE = "Are you still there?", "I will end the call now."
IDLE = {"no_response_timeout_ms": 1500, "extended_wait_time_ms": 5000, "max_retries": 2, "reminder_message": REMINDER,
        "hangup_message": GOODBYE}  # fmt: skip


@dialled(quick=True)
async def test_idle_to_the_end(scene: Scene) -> None:
    await scene.agent(idle_timeout=IDLE)
    call, session = await scene.call(STAY, duration_s=30)
    assert call.heard_s(REMINDER) == pytest.approx(2 * spoken_s(REMINDER), abs=2 * WHOLE_S)
    assert call.heard_s(GOODBYE) == pytest.approx(spoken_s(GOODBYE), abs=WHOLE_S)
    idle = session.of("user.idle")
    assert [event["reason"] for event in idle] == ["no_response", "no_response", "max_retries_exhausted"]
    assert [event["retry_count"] for event in idle][:2] == [1, 2]
    assert session.of("session.ended")[0]["reason"] == "idle_timeout"
    assert scene.chat.requests == []
    pauses = [begins - ends for ends, begins in zip(call.at("agent_silent"), call.at("agent_speaks")[1:], strict=False)]
    assert all(pause == pytest.approx(1.5, abs=0.5) for pause in pauses[:3])


@dialled()
async def test_reminder_by_the_model(scene: Scene) -> None:
    """No text for it: the model words a nudge. Whoever speaks then is not idle."""
    scene.hearing.texts = ["I am here."]
    scene.chat.rules = [Rule("i am here", Reply("Good."))]
    scene.chat.otherwise = Reply("Do you need a moment?")
    await scene.agent(idle_timeout={**IDLE, "reminder_message": None})
    call, session = await scene.call(*LISTEN, *LISTEN, Say(seconds=1.2), *LISTEN, HANG_UP)
    assert call.heard_s("Do you need a moment?") == pytest.approx(spoken_s("Do you need a moment?"), abs=WHOLE_S)
    assert call.heard_s("Good.") == pytest.approx(spoken_s("Good."), abs=WHOLE_S)
    assert [event["retry_count"] for event in session.of("user.idle")] == [1]


@dialled()
async def test_extend_wait(scene: Scene) -> None:
    """The model's own tool: the next wait is the longer one, and no tool.called tells."""
    scene.hearing.texts = ["Give me a moment."]
    scene.chat.rules = [
        Rule("moment", Reply(tools=[Tool("extend_wait")])),
        Rule("", Reply("Take your time."), on="tool"),
    ]
    await scene.agent(idle_timeout=IDLE)
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, *LISTEN, HANG_UP)
    assert "extend_wait" in scene.chat.requests[0].tools
    assert session.of("tool.called") == []
    assert call.heard_s("Take your time.") == pytest.approx(spoken_s("Take your time."), abs=WHOLE_S)
    silent, speaks = call.at("agent_silent")[1], call.at("agent_speaks")[2]
    assert speaks - silent == pytest.approx(5.0, abs=0.6)


@dialled()
async def test_no_idle_where_none_is_asked_for(scene: Scene) -> None:
    await scene.agent()
    call, session = await scene.call(*LISTEN, Wait(17.0), HANG_UP)
    assert session.of("user.idle") == []
    assert len(call.at("agent_speaks")) == 1


EMAIL = {"type": "collect_email", "config": {
    "tool_name": "collect_email", "tool_description": "Collect an email address from the user.",
    "require_confirmation": True, "on_enter_message": "Ask the user to provide their email address.", "timeout_s": 60.0,
}}  # fmt: skip


@dialled()
async def test_email_by_voice(scene: Scene) -> None:
    """A sub-agent asks, reads back, is told yes; the parent goes on with the result. Never a tool.called."""
    scene.hearing.texts = ["Please send me an email.", "ann dot lee at example dot com", "Yes, that is right."]
    asks, reads = "What is your address?", "That is ann lee at example, right?"
    scene.chat.rules = [
        Rule("send me an email", Reply(tools=[Tool("collect_email")]), times=1),
        Rule('"status": "running"', Reply(asks), on="tool", times=1),
        Rule("ann dot lee", Reply(tools=[Tool("submit", {"email_address": "ann.lee@example.com"})])),
        Rule("yes", Reply(tools=[Tool("confirm")])),
        Rule("ann.lee@example.com.*confirm|confirm.*ann.lee@example.com|read", Reply(reads), on="tool", times=1),
        Rule("", Reply("Your mail is on its way."), on="tool"),
    ]
    await scene.agent(agent_tools=[EMAIL])
    call, session = await scene.call(
        *LISTEN, Say(seconds=1.2), *LISTEN, Say(seconds=1.6), *LISTEN, Say(seconds=1.0), *LISTEN, HANG_UP, duration_s=40
    )
    assert session.of("tool.called") == []
    [started], [completed] = session.of("agent_tool.started"), session.of("agent_tool.completed")
    assert started["agent_tool_type"] == completed["agent_tool_type"] == "collect_email"
    assert started["agent_tool_id"] == completed["agent_tool_id"]
    assert completed["result"]["email_address"] == "ann.lee@example.com"
    done = "Your mail is on its way."
    assert call.heard_s(asks) == pytest.approx(spoken_s(asks), abs=WHOLE_S)
    assert call.heard_s(done) == pytest.approx(spoken_s(done), abs=WHOLE_S)
    during = [turn for turn in session.of("turn.completed") if turn.get("agent_tool_id")]
    assert {turn["agent_tool_id"] for turn in during} == {started["agent_tool_id"]}
    sub = [asked for asked in scene.chat.requests if "submit" in asked.tools]
    assert sub
    assert {"submit", "decline"} <= set(sub[0].tools)
    assert "Ask the user to provide their email address." in sub[0].system
    assert "ann.lee@example.com" in str(scene.chat.requests[-1].messages)
    assert call.heard_s(GREETING) > 0


@dialled()
async def test_email_is_refused(scene: Scene) -> None:
    scene.hearing.texts = ["Please send me an email.", "No, I would rather not."]
    scene.chat.rules = [
        Rule("send me an email", Reply(tools=[Tool("collect_email")]), times=1),
        Rule('"status": "running"', Reply("What is your address?"), on="tool", times=1),
        Rule("rather not", Reply(tools=[Tool("decline", {"reason": "private"})])),
        Rule("", Reply("That is fine."), on="tool"),
    ]
    scene.chat.otherwise = Reply("What is your address?")
    await scene.agent(agent_tools=[EMAIL])
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, Say(seconds=1.2), *LISTEN, HANG_UP)
    [completed] = session.of("agent_tool.completed")
    assert completed["result"]["declined"] is True
    assert completed["result"]["decline_reason"] == "private"
    assert call.heard_s("That is fine.") == pytest.approx(spoken_s("That is fine."), abs=WHOLE_S)


@dialled()
async def test_email_takes_too_long(scene: Scene) -> None:
    scene.hearing.texts = ["Please send me an email."]
    scene.chat.rules = [
        Rule("send me an email", Reply(tools=[Tool("collect_email")]), times=1),
        Rule('"status": "running"', Reply("What is your address?"), on="tool", times=1),
        Rule("", Reply("Never mind then."), on="tool"),
    ]
    scene.chat.otherwise = Reply("What is your address?")
    config = {**EMAIL["config"], "timeout_s": 4.0}
    await scene.agent(agent_tools=[{**EMAIL, "config": config}])
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), *LISTEN, *LISTEN, HANG_UP)
    [completed] = session.of("agent_tool.completed")
    assert completed["result"]["timed_out"] is True
    assert call.heard_s("Never mind then.") == pytest.approx(spoken_s("Never mind then."), abs=WHOLE_S)


@dialled()
async def test_email_fails(scene: Scene) -> None:
    """The sub-agent's model cannot be had: the tool has failed, and the parent answers what is said next."""
    scene.hearing.texts = ["Please send me an email.", "Are you still there?"]
    scene.chat.rules = [
        Rule("send me an email", Reply(tools=[Tool("collect_email")]), times=1),
        Rule("still there", Reply("Yes, I am.")),
    ]
    scene.chat.otherwise = Reply(status=500)
    await scene.agent(agent_tools=[EMAIL])
    call, session = await scene.call(*LISTEN, Say(seconds=1.2), Wait(3.0), Say(seconds=1.2), *LISTEN, HANG_UP)
    [failed] = session.of("agent_tool.failed")
    assert failed["agent_tool_type"] == "collect_email"
    assert session.of("agent_tool.completed") == []
    assert call.heard_s("Yes, I am.") == pytest.approx(spoken_s("Yes, I am."), abs=WHOLE_S)
    assert "collect_email" in scene.chat.requests[-1].tools
