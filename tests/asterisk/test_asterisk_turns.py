"""The caller speaks while the agent does; what was heard is known."""

import numpy as np
import pytest
from asterisk.calls import AUDIOSOCKET, JSON, PLAIN, Way, run, telephone
from asterisk.compare import align, loud_span_ms, read_wav
from asterisk.install import sound
from asterisk.system import System
from scenario import voice

from talkpath.call.events import AgentSpeechInterrupted
from talkpath.server import MarkCleared, MarkHeard, PhoneCall


@pytest.mark.parametrize("way", [AUDIOSOCKET, PLAIN, JSON], ids=str)
def test_an_interruption(system: System, way: Way) -> None:
    """The agent falls silent, for the caller, too; the handler learns how much was heard, and that the rest was not."""
    rate = 8000 if way is AUDIOSOCKET else way.rate
    said = voice(8000, rate)
    events: list[object] = []
    heard_ms: list[float] = []

    async def answer(call: PhoneCall) -> None:
        heard_ms.append(await call.say(said, rate, "long"))
        await call.hangup(after_speech=False)
        events.extend([event async for event in call.events()])

    async def main() -> None:
        async with telephone(system, answer) as lines:
            prompt = sound(system.programs, "agent-pass").with_suffix("")
            name, folder = await lines.dial(way, "interrupt", SOUND=str(prompt))
            await lines.over(name)
            heard, heard_rate = read_wav(next(folder.glob("*-heard.*")))
        cut = [e for e in events if isinstance(e, AgentSpeechInterrupted)]
        assert [e.utterance for e in cut] == ["long"]
        first, last = loud_span_ms(heard, heard_rate)
        print(way, heard_ms, cut, first, last, len(heard)/heard_rate)
        assert 1000 < heard_ms[0] < 6000
        assert abs(last - first - heard_ms[0]) <= 100
        whole = int((last - first - 60) * rate / 1000)
        found = align(heard[:: heard_rate // rate], said[:whole], rate)
        print(found)
        assert found.shift_ms <= 20

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
            if event == MarkHeard("heard", "mark" if way is not AUDIOSOCKET else "clock"):
                await call.speak(voice(2000), 8000, "b", True)
                await call.checkpoint("not heard")
                await call.interrupt()
            elif isinstance(event, MarkCleared):
                return

    async def main() -> None:
        async with telephone(system, answer) as lines:
            name, _ = await lines.dial(way, "wait")
            await lines.over(name)

    run(main())
    marks = [e for e in events if isinstance(e, MarkHeard | MarkCleared)]
    assert marks == [MarkHeard("heard", "clock" if way is AUDIOSOCKET else "mark"), MarkCleared("not heard")]
