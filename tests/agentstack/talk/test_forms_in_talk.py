"""Agent tools inside a talk: keys instead of words, and what is kept of a card."""

import json

import pytest

pytest.importorskip("websockets")

from fakes import FakeModel, Scene, tool_call
from virtual_time import run

from talkpath.agentstack.agent_tools.privacy import HIDDEN
from talkpath.agentstack.agent_tools.registry import agent_tool

CARD = {
    "card_number": "4242424242424242",
    "expiration_date": "12/38",
    "security_code": "123",
    "cardholder_name": "Jane Doe",
}


def test_keys_are_taken_while_it_is_asked():
    async def scene():
        tool = agent_tool({"type": "collect_digits", "config": {"num_digits": 4}})
        model = FakeModel(
            [tool_call("collect_digits", "p1")], "Please tell me your pin, or press the keys, as you like it best, and take your time.",
            "One two three four, is that right?", [tool_call("confirm", "s1")], "Thank you.",
        )  # fmt: skip
        s = Scene(model, agent_tools=[tool])
        await s.until(0.5)
        await s.caller("Pay my bill.")
        await s.until(3.0)
        for key in "1234":
            s.talk.sub_agents.key(key)
        await s.until(8)
        assert ("interrupt",) in s.call.did  # it does not go on asking
        assert s.voice.said[-1] == "One two three four, is that right?"
        await s.caller("Yes.")
        await s.until(14)
        assert s.of("agent_tool.completed")[0]["result"] == {"digits": "1234"}
        assert s.voice.said[-1] == "Thank you."
        assert "one two three, four" in json.dumps(model.asked[2][0])

    run(scene())


def test_a_pause_ends_keys_of_any_number():
    async def scene():
        tool = agent_tool({"type": "collect_digits", "config": {"require_confirmation": False}})
        s = Scene(FakeModel([tool_call("collect_digits", "p1")], "Your number?", "Thank you."), agent_tools=[tool])
        await s.until(0.5)
        await s.caller("Pay my bill.")
        await s.until(5.0)
        for key in "77":
            s.talk.sub_agents.key(key)
        await s.until(7.5)
        assert s.of("agent_tool.completed") == []
        await s.until(11)
        assert s.of("agent_tool.completed")[0]["result"] == {"digits": "77"}
        assert s.voice.said[-1] == "Thank you."

    run(scene())


def test_of_a_card_nothing_is_kept_but_what_the_app_is_given():
    async def scene():
        tool = agent_tool({"type": "collect_credit_card"})
        model = FakeModel(
            [tool_call("collect_credit_card", "p1")], "Your card?", [tool_call("submit", "s1", **CARD)], "Visa ending in four two four two, right?",
            [tool_call("confirm", "s2")], "Paid. Anything else?", "Bye.",
        )  # fmt: skip
        s = Scene(model, agent_tools=[tool])
        await s.until(0.5)
        await s.caller("Pay my bill.")
        await s.until(4)
        await s.caller("It is four two four two and so on.")
        await s.until(10)
        await s.caller("Yes.")
        await s.until(16)
        assert s.of("agent_tool.completed")[0]["result"] == {"issuer": "Visa", **CARD}
        assert ("mask_recording", True) in s.call.did
        assert ("mask_recording", False) in s.call.did
        assert "four two four two and so on" in json.dumps(model.asked[2][0])  # the model at work hears it
        await s.caller("No, thank you.")
        await s.until(20)
        told = json.dumps([m for _, m in s.sent if m["type"] != "agent_tool.completed"])
        later = json.dumps(model.asked[-1][0])
        transcript = json.dumps(s.talk.history.transcript())
        for text in (told, later, transcript):
            assert "and so on" not in text
            assert CARD["card_number"] not in text
            assert '"123"' not in text
        assert "************4242" in later
        turns = [m["user_text"] for m in s.of("turn.completed")]
        assert turns == ["Pay my bill.", HIDDEN, HIDDEN, "No, thank you."]
        assert transcript.count(HIDDEN) == 2

    run(scene())
