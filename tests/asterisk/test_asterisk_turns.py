"""The caller speaks while the agent does; what was heard is known."""

import pytest
from scenario import voice

from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.compare import align, loud_span_ms
from asterisk.install import sound
from asterisk.system import System
from talkpath.call.events import AgentSpeechInterrupted, UserSpeechStopped
from talkpath.server import MarkCleared, MarkHeard, PhoneCall


@pytest.mark.parametrize("way", [AUDIOSOCKET, PLAIN, JSON], ids=str)
def test_an_interruption(system: System, way: Way) -> None:
    """The agent falls silent, for the caller, too; the handler learns how much was heard."""
    rate = 8000 if way is AUDIOSOCKET else way.rate
    said = voice(8000, rate)
    events: list[object] = []
    heard_ms: list[float] = []

    async def answer(call: PhoneCall) -> None:
        heard_ms.append(await call.say(said, rate, "long"))
        async for event in call.events():
            events.append(event)
            if isinstance(event, UserSpeechStopped) and heard_ms:
                await call.hangup(after_speech=False)

    async def main() -> None:
        async with telephone(system, answer) as lines:
            prompt = sound(system.programs, "agent-pass").with_suffix("")
            call = await lines.dial(way, "interrupt", SOUND=str(prompt))
            await lines.over(call)
            heard, heard_rate = await lines.heard(call)
        cut = [event.utterance for event in events if isinstance(event, AgentSpeechInterrupted)]
        assert cut == ["long"]
        first_ms, last_ms = loud_span_ms(heard, heard_rate)
        assert 1000 < heard_ms[0] < 6000
        assert abs(last_ms - first_ms - heard_ms[0]) <= 60
        assert 1000 * len(heard) / heard_rate - last_ms > 1000  # the caller speaks on, into silence
        whole = said[: int((heard_ms[0] - 60) * rate / 1000)]
        found = align(heard, whole, rate)  # MixMonitor has a clock of its own: now and then half a frame is filled up
        assert found.shift_ms <= 20
        assert found.usual_likeness > 0.99

    run(main())


@pytest.mark.parametrize("way", [AUDIOSOCKET, PLAIN, JSON], ids=str)
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
