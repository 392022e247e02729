"""The caller speaks while the agent does; what was heard is known."""

import pytest
from scenario import voice

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.compare import align, loud_span_ms
from asterisk.install import sound
from asterisk.system import System
from talkpath.call.events import AgentSpeechInterrupted, UserSpeechStopped
from talkpath.server import MarkCleared, MarkHeard, PhoneCall
from talkpath.streams import Start

WAYS = [AUDIOSOCKET, PLAIN, JSON]


def test_an_interruption(system: System) -> None:
    """The agent falls silent, for the caller, too; the handler learns how much was heard. On all ways at once."""
    said = {rate: voice(8000, rate) for rate in (8000, 16000)}
    story: list[tuple[Start, tuple[float, list[object]]]] = []

    async def answer(call: PhoneCall) -> None:
        rate = call.start.wire_out.sample_rate_hz
        heard_ms = await call.say(said[rate], rate, "long")
        events: list[object] = []
        async for event in call.events():
            events.append(event)
            if isinstance(event, UserSpeechStopped):
                await call.hangup(after_speech=False)
        story.append((call.start, (heard_ms, events)))

    async def main() -> None:
        async with telephone(system, answer) as lines:
            prompt = sound(system.programs, "agent-pass").with_suffix("")
            calls = [await lines.dial(way, "interrupt", SOUND=str(prompt)) for way in WAYS]
            for call in calls:
                await lines.over(call)
            recordings = [await lines.heard(call) for call in calls]
        for call, (heard, rate) in zip(calls, recordings, strict=True):
            heard_ms, events = call.its(story)
            assert [e.utterance for e in events if isinstance(e, AgentSpeechInterrupted)] == ["long"], call.way
            first_ms, last_ms = loud_span_ms(heard, rate)
            assert 1000 < heard_ms < 6000, call.way
            assert abs(last_ms - first_ms - heard_ms) <= 60, call.way
            assert 1000 * len(heard) / rate - last_ms > 1000, call.way  # the caller speaks on, into silence
            found = align(heard, said[rate][: int((heard_ms - 60) * rate / 1000)], rate)
            # MixMonitor has a clock of its own: now and then half a frame is filled up.
            assert found.shift_ms <= 20, (call.way, found)
            assert found.usual_likeness > 0.99, (call.way, found)

    run(main())


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_marks(system: System, way: Way) -> None:
    """One that was heard, one that was not. AudioSocket has no marks: the server's own clock says it."""
    events: list[object] = []

    async def answer(call: PhoneCall) -> None:
        await call.speak(voice(500), 8000, "a", True)
        await call.checkpoint("heard")
        async for event in call.events():
            events.append(event)
            if isinstance(event, MarkHeard):
                await call.speak(voice(2000), 8000, "b", True)
                await call.checkpoint("not heard")
                await call.interrupt()
            elif isinstance(event, MarkCleared):
                return

    async def main() -> None:
        async with telephone(system, answer) as lines:
            call = await lines.dial(way, "wait")
            await lines.over(call)

    run(main())
    marks = [e for e in events if isinstance(e, MarkHeard | MarkCleared)]
    assert marks == [MarkHeard("heard", "clock" if way is AUDIOSOCKET else "mark"), MarkCleared("not heard")]
