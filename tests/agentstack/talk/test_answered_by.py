"""Who answered a call of the agent's: told once, and what follows of it."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("websockets")

from fakes import FakeModel as Model
from fakes import Scene
from virtual_time import run

from talkpath.agentstack.answered_by import AnsweredBy
from talkpath.agentstack.wire_events import Translator
from talkpath.call import events as e


def waits_for(scene, method="audio"):
    greeted = []
    found = AnsweredBy(scene.talk, method, lambda: greeted.append(True), Translator(datetime.now(UTC)))
    found.begin()
    return found, greeted


def test_a_person_is_greeted_and_a_beep_after_that_is_told_by_its_own_event():
    async def scene():
        s = Scene(Model())
        who, greeted = waits_for(s)
        await s.until(0.1)
        assert not greeted
        await s.hears("Hello?")
        await s.until(1.0)
        assert not who.on_event(e.VoicemailDetected("receive", s.call.ms, "human", "audio"))
        assert greeted == [True]
        assert not who.on_event(e.VoicemailDetected("receive", s.call.ms, "machine", "beep"))
        assert who.on_event(e.VoicemailBeep("receive", s.call.ms, 1000.0, 400.0))
        told = s.of("voicemail.detected")
        assert [(m["result"], m["method"], m["transcript"]) for m in told] == [("human", "audio", "Hello?")]
        assert s.talk.turn_taking.is_deaf

    run(scene())


def test_after_a_machine_the_agent_is_deaf_until_the_app_speaks():
    async def scene():
        s = Scene(Model("Never."))
        who, greeted = waits_for(s)
        await s.until(0.1)
        await s.hears("You have reached", final=False)
        await s.until(0.2)
        who.on_event(e.VoicemailDetected("receive", s.call.ms, "machine", "audio"))
        assert s.of("voicemail.detected")[0]["transcript"] == "You have reached"
        await s.caller("Please leave a message after the tone.")
        await s.until(5)
        assert (greeted, s.model.asked) == ([], [])
        s.app("agent_session.speak", text="Please call us back.")
        await s.until(8)
        assert s.voice.said == ["Please call us back."]
        await s.caller("Hello, I am here after all.")
        await s.until(12)
        assert len(s.model.asked) == 1

    run(scene())
