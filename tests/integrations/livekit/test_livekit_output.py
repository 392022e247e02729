"""What the line has played is what the session is told, however it ends."""

import asyncio

import numpy as np
import pytest
from livekit_line import Ears, Line, frames, rtc, says
from scenario import voice
from world import QUICK

from talkpath import CallConfig
from talkpath.errors import FormatError
from talkpath.g711 import ulaw_decode
from talkpath.streams import ClearRequest, Media

FRAME_S = 0.02
DIALECTS = ["twilio", "plivo", "telnyx", "asterisk"]


def hum(ms: int, rate: int = 8000) -> np.ndarray:
    """Without a quiet frame."""
    t = np.arange(ms * rate // 1000) / rate
    return (5000 * np.sin(2 * np.pi * 300 * t) + 2000 * np.sin(2 * np.pi * 710 * t)).astype(np.int16)


def loud_s(pcm: np.ndarray) -> float:
    return float(np.count_nonzero(np.abs(pcm.reshape(-1, 160).astype(np.int32)).max(axis=1) > 200) * FRAME_S)


def played_s(line: Line) -> float:
    """What a provider plays that queues what it gets, and throws away at a clear what it has not played."""
    end = heard = 0.0
    for t, message in line.world.out:
        if isinstance(message, Media):
            end = max(end, t) + FRAME_S
            heard += FRAME_S * (np.abs(ulaw_decode(message.payload).astype(np.int32)).max() > 200)
        elif isinstance(message, ClearRequest):
            return heard - max(0.0, end - t)
    return heard


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_segment_is_played_whole(dialect: str, rate: int) -> None:
    async def main() -> None:
        line = Line(dialect=dialect)
        ears = Ears(line)
        await ears.say(hum(1000, rate), rate)
        await line.run(0.1)
        assert len(ears.started) == 1
        assert not ears.finished
        await line.run(2)
        (found,) = ears.finished
        assert (round(found.playback_position, 3), found.interrupted) == (1.0, False)
        assert loud_s(line.received()) == pytest.approx(1.0, abs=0.05)
        assert (await ears.output.wait_for_playout()) == found

    asyncio.run(main())


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("after_s", [0.1, 0.5, 1.02])
def test_the_position_of_a_cut_is_what_the_provider_has_played(dialect: str, after_s: float) -> None:
    async def main() -> None:
        line = Line(dialect=dialect)
        ears = Ears(line)
        await ears.say(hum(3000))
        await line.run(after_s)
        ears.output.clear_buffer()
        await line.turns()
        await line.run(1.5)
        (found,) = ears.finished
        assert found.interrupted
        assert found.playback_position == pytest.approx(played_s(line), abs=FRAME_S / 2)
        assert len(line.world.got_of(ClearRequest)) == 1
        await ears.say(hum(400))  # the next one is another
        await line.run(1.5)
        assert len(ears.started) == len(ears.finished) == 2
        assert ears.finished[1].playback_position == pytest.approx(0.4)
        assert not ears.finished[1].interrupted

    asyncio.run(main())


def test_what_was_cleared_before_it_began_was_not_heard() -> None:
    async def main() -> None:
        line = Line()
        ears = Ears(line)
        await ears.output.capture_frame(frames(hum(100), 8000)[0])
        ears.output.flush()
        ears.output.clear_buffer()
        await line.turns()
        await line.run(1)
        assert [(f.playback_position, f.interrupted) for f in ears.finished] == [(0.0, True)]
        assert not ears.started
        assert loud_s(line.received()) == 0

    asyncio.run(main())


def test_the_callers_interruption_ends_it_once_and_late_frames_are_dropped() -> None:
    caller = says(voice(1500, seed=9, pitch=190.0), 1.5)

    async def main() -> None:
        line = Line(caller=caller)
        ears = Ears(line)
        for frame in frames(hum(2800), 8000):
            await ears.output.capture_frame(frame)
        await line.run(3)
        (found,) = ears.finished
        assert found.interrupted
        assert 1.4 < found.playback_position < 2.6
        heard = loud_s(line.received())
        assert found.playback_position == pytest.approx(heard, abs=0.05)
        await ears.output.capture_frame(frames(voice(500, seed=5), 8000)[0])  # of the same segment
        ears.output.flush()
        ears.output.clear_buffer()
        await line.run(1)
        assert len(ears.finished) == 1
        assert loud_s(line.received()) == heard
        await ears.say(voice(300))
        await line.run(1)
        assert ears.finished[1].playback_position == pytest.approx(0.3)

    asyncio.run(main())


def test_what_must_not_be_interrupted_is_not() -> None:
    caller = says(voice(1500, seed=9, pitch=190.0), 1.5)

    async def main() -> None:
        line = Line(caller=caller)
        answers = iter([False, True])
        ears = Ears(line, lambda: next(answers))
        await ears.say(voice(3500))
        await line.run(5)
        assert [(round(f.playback_position, 2), f.interrupted) for f in ears.finished] == [(3.5, False)]
        assert not line.world.session.call.config.allow_interruptions
        await ears.say(voice(100))
        assert line.world.session.call.config.allow_interruptions

    asyncio.run(main())


def test_it_stands_still_and_goes_on() -> None:
    async def main() -> None:
        line = Line()
        ears = Ears(line)
        await ears.say(hum(1000))
        await line.run(0.4)
        ears.output.pause()
        await line.run(0.1)
        before = loud_s(line.received())
        await line.run(1)
        assert loud_s(line.received()) == before
        ears.output.resume()
        await line.run(1.5)
        (found,) = ears.finished
        assert (found.playback_position, found.interrupted) == (1.0, False)
        assert ears.output.can_pause

    asyncio.run(main())


def test_what_is_paused_before_it_begins_does_not_begin() -> None:
    """A session pauses an answer that it has not begun to say, where the caller speaks again."""

    async def main() -> None:
        line = Line()
        ears = Ears(line)
        ears.output.pause()
        said = asyncio.ensure_future(ears.say(hum(400)))
        await line.run(0.5)
        assert not ears.started
        ears.output.resume()
        await line.run(1)
        await said
        assert [(round(f.playback_position, 2), f.interrupted) for f in ears.finished] == [(0.4, False)]
        ears.output.pause()
        said = asyncio.ensure_future(ears.say(hum(400)))
        await line.run(0.2)
        ears.output.clear_buffer()
        await line.run(0.5)
        await said
        assert (ears.finished[1].playback_position, ears.finished[1].interrupted) == (0.0, True)
        assert len(ears.started) == 1

    asyncio.run(main())


def test_capture_waits_while_the_queue_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.integrations.livekit.audio_output._RETRY_S", 0)

    async def main() -> None:
        line = Line(CallConfig(**{**QUICK.to_dict(), "max_queued_ms": 1000}))
        ears = Ears(line)
        said = asyncio.ensure_future(ears.say(voice(5000)))
        await line.run(1)
        assert not said.done()
        await line.run(6)
        await said
        (found,) = ears.finished
        assert (found.playback_position, found.interrupted) == (5.0, False)

    asyncio.run(main())


def test_the_end_of_the_call_ends_it() -> None:
    async def main() -> None:
        line = Line()
        ears = Ears(line)
        await ears.say(voice(3000))
        await line.run(1)
        line.world.session.closed(line.world.now)
        line.world.settle()
        await line.run(0.1)
        (found,) = ears.finished
        assert found.interrupted
        assert 0.9 < found.playback_position < 1.1
        await ears.say(hum(1000))  # to nobody
        ears.output.clear_buffer()
        ears.output.pause()
        ears.output.resume()
        await asyncio.sleep(0)
        await asyncio.wait_for(ears.output.wait_for_playout(), 1)
        assert [f.interrupted for f in ears.finished] == [True, True]

    asyncio.run(main())


def test_two_channels_are_refused() -> None:
    async def main() -> None:
        ears = Ears(Line())
        with pytest.raises(FormatError, match="one channel"):
            await ears.output.capture_frame(rtc.AudioFrame(bytes(640), 8000, 2, 160))

    asyncio.run(main())
