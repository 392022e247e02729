"""What the call decides, the session does: who speaks, what counts, what a recogniser hears."""

import asyncio
from types import SimpleNamespace

import numpy as np
from livekit_line import Line, TalkpathIO, VADEvent, VADEventType, frames, says
from scenario import voice
from world import QUICK

from talkpath import CallConfig
from talkpath.call import events as e
from talkpath.g711 import ulaw_decode, ulaw_encode

SPOKEN = CallConfig(**{**QUICK.to_dict(), "echo_control": True})


class Speech:
    allow_interruptions = True
    interrupted = False

    def interrupt(self, *, force: bool = False) -> None:
        self.interrupted = True


class Heard:
    """A session's ends of a phone: what comes in, and the events of its detector."""

    def __init__(self, line: Line) -> None:
        self.phone = TalkpathIO(line.call)
        self.speech = Speech()
        self.phone._session = SimpleNamespace(current_speech=self.speech)
        self.stream = self.phone.vad.stream()
        self.pcm: list[np.ndarray] = []
        self.events: list[VADEvent] = []
        self.finished: list = []
        self.phone.output.on("playback_finished", self.finished.append)
        self.tasks = [asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._detect())]

    async def _listen(self) -> None:
        async for frame in self.phone.input:
            self.pcm.append(np.frombuffer(frame.data, np.int16))
            self.stream.push_frame(frame)

    async def _detect(self) -> None:
        async for event in self.stream:
            self.events.append(event)

    async def say(self, ms: int) -> None:
        for frame in frames(voice(ms), 8000):
            await self.phone.output.capture_frame(frame)
        self.phone.output.flush()

    def loud_ms(self) -> float:
        pcm = np.concatenate(self.pcm)
        pcm = pcm[: len(pcm) // 320 * 320].reshape(-1, 320).astype(np.int32)
        return 20.0 * np.count_nonzero(np.abs(pcm).max(axis=1) > 300)

    def of(self, kind: VADEventType) -> list[VADEvent]:
        return [event for event in self.events if event.type == kind]


def test_a_turn_is_heard_whole_and_its_events_say_when() -> None:
    async def main() -> None:
        line = Line(SPOKEN, says(voice(1200, seed=9, pitch=190.0), 1.0))
        heard = Heard(line)
        await line.run(3.5)
        start, end = heard.of(VADEventType.START_OF_SPEECH), heard.of(VADEventType.END_OF_SPEECH)
        assert (len(start), len(end)) == (1, 1)
        assert 0.05 < start[0].speech_duration < 0.5  # it began before it was noticed
        assert abs(end[0].speech_duration - 1.2) < 0.1
        assert 0.2 < end[0].silence_duration < 0.6
        told = [event for event in heard.of(VADEventType.INFERENCE_DONE) if event.speaking]
        assert (
            max(event.speech_duration for event in told) > 1.0
        )  # the agent is silent: it may keep an answer from beginning
        spoken = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in end[0].frames])
        assert 1.2 <= len(spoken) / 16000 < 2.3
        assert heard.loud_ms() > 900

    asyncio.run(main())


def test_a_nod_over_the_agent_is_no_interruption_and_no_recogniser_hears_it() -> None:
    async def main() -> None:
        line = Line(SPOKEN, says(voice(260, seed=9, pitch=190.0), 1.5))
        heard = Heard(line)
        await heard.say(4000)
        await line.run(6)
        assert [(round(f.playback_position, 2), f.interrupted) for f in heard.finished] == [(4.0, False)]
        assert not heard.speech.interrupted
        assert line.world.of(e.UserSpeechStarted)
        assert not heard.of(VADEventType.START_OF_SPEECH)  # a session without a recogniser would take it for a turn
        assert heard.loud_ms() == 0
        assert all(event.speech_duration == 0 for event in heard.of(VADEventType.INFERENCE_DONE))

    asyncio.run(main())


def test_an_interruption_cuts_the_session_and_is_heard_from_its_first_sample() -> None:
    said = voice(1500, seed=9, pitch=190.0)

    async def main() -> None:
        line = Line(SPOKEN, says(said, 1.5))
        heard = Heard(line)
        await heard.say(6000)
        order: list[str] = []
        heard.speech.interrupt = lambda force: order.append("speech")
        heard.phone.output.on("playback_finished", lambda _: order.append("output"))
        await line.run(6)
        (found,) = heard.finished
        assert found.interrupted
        assert order == ["speech", "output"]  # or the session would take it for played to its end
        loud = np.abs(said[: len(said) // 160 * 160].reshape(-1, 160).astype(np.int32)).max(axis=1) > 300
        assert heard.loud_ms() >= 20 * np.count_nonzero(loud) - 60

    asyncio.run(main())


def test_an_early_answer_is_heard_when_the_agent_is_done() -> None:
    async def main() -> None:
        line = Line(SPOKEN, says(voice(300, seed=9, pitch=190.0), 3.3))
        heard = Heard(line)
        await heard.say(3500)
        await line.run(6)
        assert [f.interrupted for f in heard.finished] == [False]
        assert heard.loud_ms() > 150
        assert [event.type for event in heard.events if event.type != VADEventType.INFERENCE_DONE] == [
            VADEventType.START_OF_SPEECH,
            VADEventType.END_OF_SPEECH,
        ]

    asyncio.run(main())


def test_what_begins_while_the_line_still_plays_does_not_cut_what_the_session_takes_for_unfinished() -> None:
    """A session's agent speaks until the line has played the last sample. What is told before interrupts it, an echo's last syllable, too."""

    async def main() -> None:
        line = Line(SPOKEN, says(voice(700, seed=9, pitch=190.0), 3.2))
        heard = Heard(line)
        output, listening = heard.phone.output, heard.phone._listening
        told_at_end: list[int] = []

        def finished(_: object) -> None:
            told_at_end.append(sum(event.speaking or event.speech_duration > 0 for event in heard.events))
            asyncio.get_running_loop().call_later(0, listening.session_state, "listening")

        output.on("playback_started", lambda _: listening.session_state("speaking"))
        output.on("playback_finished", finished)
        line.world.delay = lambda t: 0.2  # a mark comes back late
        await heard.say(3500)
        await line.run(6)
        assert told_at_end == [0]
        assert [f.interrupted for f in heard.finished] == [False]
        (start,) = heard.of(VADEventType.START_OF_SPEECH)
        assert start.speech_duration > 0.3  # it was held so long
        told = [event.speech_duration for event in heard.of(VADEventType.INFERENCE_DONE)]
        assert max(told) < 1.2, "what was held counts once"

    asyncio.run(main())


def test_a_recogniser_that_goes_by_the_detector_gets_the_whole_of_an_early_answer() -> None:
    said = voice(600, seed=9, pitch=190.0)

    async def main() -> None:
        line = Line(SPOKEN, says(said, 2.55))
        heard = Heard(line)
        line.world.session.call.update(allow_interruptions=False)
        heard.speech.allow_interruptions = False
        await heard.say(3500)
        await line.run(6)
        (end,) = heard.of(VADEventType.END_OF_SPEECH)
        pcm = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in end.frames])
        loud = np.abs(pcm[: len(pcm) // 160 * 160].reshape(-1, 160).astype(np.int32)).max(axis=1) > 300
        own = np.abs(said.reshape(-1, 80).astype(np.int32)).max(axis=1) > 300
        assert np.count_nonzero(loud) >= np.count_nonzero(own) - 6

    asyncio.run(main())


def test_its_own_echo_is_neither_speech_nor_heard() -> None:
    sent: list[bytes] = []

    def echo(i: int) -> bytes:
        pcm = np.zeros(160, np.int16) if len(sent) < 10 else ulaw_decode(sent[-10])
        return ulaw_encode((pcm * 10 ** (-14 / 20)).astype(np.int16))

    async def main() -> None:
        line = Line(SPOKEN, echo)
        got = line.world.got

        def keep(message: object) -> None:
            if hasattr(message, "payload"):
                sent.append(message.payload)
            got(message)

        line.world.got = keep
        heard = Heard(line)
        await heard.say(6000)
        await line.run(8)
        assert [f.interrupted for f in heard.finished] == [False]
        assert not heard.of(VADEventType.START_OF_SPEECH)
        assert heard.loud_ms() == 0

    asyncio.run(main())


def test_events_go_on_under_their_types() -> None:
    async def main() -> None:
        line = Line()
        phone = TalkpathIO(line.call)
        keys: list = []
        phone.on("user.dtmf", keys.append)
        line.world.later(line.world.now + 0.1, lambda: line.world.deliver(line.world.provider.dtmf("7")))
        await line.run(0.4)
        assert [key.digit for key in keys] == ["7"]
        beep = asyncio.ensure_future(phone.wait_for_beep())
        await line.run(0.1)
        assert not beep.done()
        phone._happened(e.VoicemailDetected("receive", 1.0, "machine", "audio"))
        phone._happened(e.VoicemailBeep("receive", 2.0, 1000.0, 400.0))
        await line.turns()
        assert (await beep, await phone.answered_by) == (True, "machine")

    asyncio.run(main())


def test_no_beep_comes_after_the_end() -> None:
    async def main() -> None:
        line = Line()
        phone = TalkpathIO(line.call)
        beep = asyncio.ensure_future(phone.wait_for_beep())
        await line.run(0.1)
        assert not phone.answered_by.done()
        line.world.session.closed(line.world.now)
        await line.run(0.1)
        assert await asyncio.wait_for(beep, 1) is False
        assert await phone.answered_by == "unknown"

    asyncio.run(main())


def test_a_detached_input_hears_nothing_and_keeps_nothing() -> None:
    async def main() -> None:
        line = Line(
            SPOKEN, says(np.concatenate([voice(600, seed=9), np.zeros(8000, np.int16), voice(600, seed=9)]), 0.6)
        )
        heard = Heard(line)
        heard.phone.input.on_detached()
        await line.run(1.6)
        assert not heard.pcm
        heard.phone.input.on_attached()
        await line.run(2)
        assert 300 < heard.loud_ms() <= 640

    asyncio.run(main())
