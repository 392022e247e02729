"""The vendor's example script, unmodified, with the vendor's SDK: dialled calls that reach every one of its handlers."""

import asyncio
import os
import re
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.realtime,
    pytest.mark.skipif(
        not (os.environ.get("TALKPATH_EXAMPLE_SDK") and os.environ.get("TALKPATH_EXAMPLE_SCRIPT")),
        reason="the vendor's SDK and script are not part of this tree: TALKPATH_EXAMPLE_SDK and TALKPATH_EXAMPLE_SCRIPT name them",
    ),
]

LONG = "Your order has been shipped and it will be with you on the fifteenth of February, if nothing goes wrong at all."
ANSWERED = "Here is your answer."


async def _calls(folder: Path) -> dict[str, str]:
    """All calls; what each printed."""
    from example_harness import KEY, example
    from scenarios.scene import HANG_UP, LISTEN, STAY, Wait
    from scenarios.test_legs import machine
    from standins import Chat, Reply, Rule, Tool
    from standins.carrier import Phone

    from talkpath.phone import InterruptAfter, Press, Say, Script

    human = Script((Say(seconds=1.2, voice=3), Wait(1.0)))
    found: dict[str, str] = {}
    ask = (Say(seconds=1.2), *LISTEN)
    async with example(folder) as app:
        app.chat.rules = [
            Rule("where is my order", Reply(tools=[Tool("lookup_order", {"order_id": "ORD-100"})])),
            Rule("shipped", Reply(LONG), on="tool"),
            Rule("human", Reply(tools=[Tool("transfer_to_human", {"reason": "asks"})])),
            Rule("angry", Reply(tools=[Tool("escalate", {"reason": "angry"})])),
            Rule("hold", Reply(tools=[Tool("play_hold_music")])),
            Rule("bye", Reply(tools=[Tool("end_call")])),
            Rule("nonsense", Reply(tools=[Tool("nonsense")])),
            Rule("send me an email", Reply(tools=[Tool("collect_email")]), times=1),
            Rule("ann dot lee", Reply(tools=[Tool("submit", {"email_address": "ann.lee@example.com"})])),
            Rule("that is right", Reply(tools=[Tool("confirm")])),
        ]
        app.chat.otherwise = Reply(ANSWERED)
        # An order, a cough, an interruption, the end.
        call, found["order"] = await app.call(
            *LISTEN, Say(seconds=1.2), InterruptAfter(1.0), Say(seconds=0.16), InterruptAfter(2.2), Say(seconds=1.2),
            Wait(0.2), STAY, texts=lambda s: "" if s < 0.6 else
            "Where is my order ORD-100?" if not app.chat.requests else "Thank you, bye.",
        )  # fmt: skip
        assert call.heard_s("Thanks for calling Acme Corp. Goodbye!") > 2.0
        _, found["email"] = await app.call(
            *LISTEN, *ask, Say(seconds=1.6), *LISTEN, *ask, HANG_UP,
            texts=["Send me an email.", "ann dot lee at example dot com", "Yes, that is right."],
        )  # fmt: skip
        _, found["escalate, keys"] = await app.call(
            *LISTEN, *ask, Wait(1.0), Press("#"), STAY, texts=["I am angry."], duration_s=25
        )
        _, found["hold music"] = await app.call(
            *LISTEN, Say(seconds=1.2), *LISTEN, Wait(2.5), HANG_UP, texts=["Put me on hold."]
        )
        app.set_hold_music(False)
        await app.patch(tool_call_timeout_s=1)
        _, found["no hold music"] = await app.call(
            *LISTEN, Say(seconds=1.2), *LISTEN, HANG_UP, texts=["Put me on hold."]
        )
        await app.patch(tool_call_timeout_s=30)
        _, found["nonsense"] = await app.call(*LISTEN, *ask, HANG_UP, texts=["This is nonsense."])
        app.stack.carrier.phones["+18005551234"] = Phone(answers="busy")
        _, found["transfer, busy"] = await app.call(*LISTEN, *ask, Wait(1.5), HANG_UP, texts=["I want a human."])
        app.stack.carrier.phones["+18005551234"] = Phone(human)
        call, found["transfer"] = await app.call(*LISTEN, Press("0"), STAY, duration_s=25)
        assert call.result.ended != "time was up"
        _, found["mhm"] = await app.call(
            *LISTEN, Say(seconds=1.2), InterruptAfter(1.2), Say(seconds=0.45), *LISTEN, HANG_UP,
            texts=lambda s: "Mhm." if s < 0.8 else "Where is my order ORD-100?",
        )  # fmt: skip
        await app.patch(idle_timeout={"no_response_timeout_ms": 1500, "max_retries": 2})
        call, found["idle"] = await app.call(STAY, duration_s=35)
        assert call.result.ended != "time was up"
        await app.patch(idle_timeout={"no_response_timeout_ms": 15000, "max_retries": 3})
        # The model is down: without a fallback, in the middle of an agent tool, and with one.
        rules, app.chat.rules = app.chat.rules, []
        app.chat.otherwise = Reply(status=500)
        _, found["llm down"] = await app.call(*LISTEN, Say(seconds=1.2), Wait(5.0), HANG_UP, texts=["Hello?"])
        app.chat.rules = [Rule("email", Reply(tools=[Tool("collect_email")]), times=1)]
        _, found["agent tool fails"] = await app.call(
            *LISTEN, Say(seconds=1.2), Wait(6.0), HANG_UP, texts=["My email."]
        )
        app.stack.standins.chat[f"{KEY}-b"] = Chat(otherwise=Reply(ANSWERED))
        app.chat.rules = []
        await app.patch(llm_fallback=[{"provider": "openai", "model": "gpt-4o-mini", "api_key": f"{KEY}-b"}])
        call, found["fallback"] = await app.call(*LISTEN, *ask, HANG_UP, texts=["Hello?"])
        assert call.heard_s(ANSWERED) > 1.0
        app.chat.rules, app.chat.otherwise = rules, Reply(ANSWERED)
        # Outbound, as the script's own function does it.
        await app.patch(detection_method="audio")
        for name, script in (
            ("machine", Script((Wait(0.3), Say(files=(machine(folder),)), Wait(20.0)))),
            ("person", Script((Wait(0.3), Say(seconds=0.7), *LISTEN, HANG_UP))),
        ):
            number, before = f"+1555888{len(found):04d}", len(app.output)
            phone = app.stack.carrier.phones[number] = Phone(script)
            app.hearing.texts = ["Hello?"]
            body = {"agent_id": app.agent_uuid, "from": "+14155551234", "to": [number], "ring_timeout": 30}
            await app.stack.rest.post("AgentCall", body)
            await app.wait_for("Session ended", before, 40)
            assert phone.legs
            found[name] = app.output[before:]
        await asyncio.sleep(2.0)
        callbacks = app.callbacks.received
        for kind in ("hangup", "recording"):
            told = [one for one in callbacks if one.kind == kind]
            assert len(told) >= len(found) - 1, f"{len(told)} {kind} callbacks of {len(found)} calls"
            assert all(one.is_signed for one in told)
    return found


def test_every_handler_is_reached(tmp_path: Path) -> None:
    found = asyncio.run(_calls(tmp_path))
    wanted = {
        "order": [r"Session started: \S+", r"Tool call: lookup_order\(\{'order_id': 'ORD-100'\}\)",
                  r"Tool executed: lookup_order\(.*ORD-100.*\) \[ok\] .*shipped", r"\[agent-first\] Agent: Hi there!",
                  r"Metrics \[turn 1\]: perceived=\d+ms stt=\d+ms turn=\d+ms llm_ttft=\d+ms tts_ttfb=\d+ms method=\w+",
                  r"User: Where is my order ORD-100\?", r"User interrupted: 'Your order", r"Agent speaking",
                  r"Agent finished speaking \(\d", r"Speech created: source=\w+", r"User: listening -> speaking",
                  r"Agent: thinking -> speaking", r"Usage: .*LLM\(openai/gpt-4o\): \d+in/\d+out cached=\d+", r"Usage: .*TTS\(elevenlabs/\S+\): \d+ chars, \d+\.\ds audio", r"STT\(deepgram/nova-3\): \d+\.\ds audio",
                  r"Call ending", r"Session ended: \d+s, \d+ turns", r"Backchannel: (backchannel|INTERRUPTION)"],
        "email": [r"Agent tool completed: collect_email", r"Email collected: ann\.lee@example\.com"],
        "escalate, keys": [r"Agent handoff: escalated to specialist -- angry", r"Agent handoff: new agent = \S+", r"DTMF: #"],
        "hold music": [r"Playing hold music", r"Play completed -- resuming", r"Tool executed: play_hold_music"],
        "no hold music": [r"Handler error: .*hold_music\.wav", r"Tool executed: play_hold_music\(.*\[ERROR\]"],
        "nonsense": [r"Tool executed: nonsense\(.*\[ERROR\] .*Unknown tool"],
        "transfer, busy": [r"Tool call: transfer_to_human", r"Error \[transfer_failed\]"],
        "transfer": [r"DTMF: 0", r"Session ended"],
        "mhm": [r"False interruption -- agent resumed"],
        "idle": [r"User idle: retry=1, reason=no_response", r"User idle: retry=\d, reason=max_retries_exhausted"],
        "llm down": [r"Error \[llm_error\]"],
        "agent tool fails": [r"Agent tool failed: collect_email"],
        "fallback": [r"LLM availability: openai/gpt-4o -> UNAVAILABLE"],
        "machine": [r"Machine detected -- waiting for beep", r"Beep detected: freq=\d"],
        "person": [r"Human answered", r"\[agent-first\] Agent: Hi there!"],
    }  # fmt: skip
    missing = [
        f"{call}: {pattern}"
        for call, patterns in wanted.items()
        for pattern in patterns
        if not re.search(pattern, found[call])
    ]
    told = "\n".join(f"--- {name}\n{text}" for name, text in found.items())
    assert not missing, "\n".join([*missing, told])
    unexpected = [
        line
        for name, text in found.items()
        if name != "no hold music"
        for line in text.splitlines()
        if "Handler error" in line
    ]
    assert not unexpected, unexpected
