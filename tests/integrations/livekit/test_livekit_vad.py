"""The detector and the noise suppressor in LiveKit's slots, and the sentence for a version that has moved one."""

import asyncio

import numpy as np
import pytest
from livekit_line import VADEventType, frames, rtc
from scenario import voice

from talkpath.errors import ConfigError
from talkpath.integrations.livekit import VAD, NoiseCancellation
from talkpath.integrations.livekit.plug_points import POINTS, check, moved

START, DONE, END = VADEventType.START_OF_SPEECH, VADEventType.INFERENCE_DONE, VADEventType.END_OF_SPEECH


def line(rate: int, *parts: tuple[float, float]) -> np.ndarray:
    """(seconds of silence, seconds of speech)…, and a second of silence, over faint noise."""
    pieces = [x for quiet, speech in parts for x in (np.zeros(round(quiet * rate)), voice(round(1000 * speech), rate))]
    pcm = np.concatenate([*pieces, np.zeros(rate)])
    return (pcm + np.random.default_rng(1).integers(-4, 5, len(pcm))).astype(np.int16)


async def detect(pcm: np.ndarray, rate: int, detector: VAD | None = None, ms: int = 20, flush_after: int = -1) -> list:
    stream = (detector or VAD()).stream()
    for n, frame in enumerate(frames(pcm, rate, ms)):
        stream.push_frame(frame)
        if n == flush_after:
            stream.flush()
    stream.end_input()
    found = [event async for event in stream]
    await stream.aclose()
    return found


@pytest.mark.parametrize(("rate", "ms"), [(8000, 20), (16000, 10), (16000, 50), (24000, 50), (48000, 20)])
def test_speech_is_found_where_it_is(rate: int, ms: int) -> None:
    found = asyncio.run(detect(line(rate, (1.0, 1.5), (1.0, 0.8)), rate, ms=ms))
    story = [event for event in found if event.type != DONE]
    assert [event.type for event in story] == [START, END, START, END]
    assert [event.timestamp for event in story] == pytest.approx([1.1, 2.8, 3.6, 4.6], abs=0.2)
    assert [event.speech_duration for event in story[1::2]] == pytest.approx([1.5, 0.8], abs=0.25)
    assert all(event.silence_duration >= 0.25 for event in story[1::2])
    spoken = [sum(frame.duration for frame in event.frames) for event in story[1::2]]
    assert all(
        2.5 > kept > 1.2 for kept in spoken
    )  # the speech, half a second before it, and the silence that ended it
    told = [event for event in found if event.type == DONE]
    missing = len(frames(line(rate, (1.0, 1.5), (1.0, 0.8)), rate, ms)) - sum(len(event.frames) for event in told)
    assert 0 <= missing < 200 / ms, "each frame is told of once, but for those since the last"
    apart = np.diff([event.timestamp for event in told])
    assert apart.max() == pytest.approx(0.2, abs=0.051), "silence needs few words"
    speaks = [b.timestamp - a.timestamp for a, b in zip(told, told[1:], strict=False) if a.speaking and b.speaking]
    assert min(speaks) == pytest.approx(max(0.04, ms / 1000), abs=0.011)


def test_a_recording_in_one_frame_is_judged_piece_by_piece() -> None:
    pcm = line(24000, (1.0, 1.5), (1.0, 0.8))
    found = asyncio.run(detect(pcm, 24000, ms=6000))
    assert [event.type for event in found if event.type != DONE] == [START, END, START, END]


def test_silence_is_no_speech() -> None:
    found = asyncio.run(detect(line(16000, (3.0, 0.001)), 16000))
    assert {event.type for event in found} == {DONE}
    assert max(event.probability for event in found) < 0.5


def test_a_flush_is_a_hard_boundary() -> None:
    """In the middle of speech: what follows is a segment of its own, without what was before."""
    found = asyncio.run(detect(line(16000, (1.0, 3.0)), 16000, flush_after=99))
    story = [event for event in found if event.type != DONE]
    assert [event.type for event in story] == [START, START, END]
    assert story[2].speech_duration == pytest.approx(2.0, abs=0.3)


def test_its_options_are_livekits() -> None:
    pcm = line(16000, (1.0, 1.0), (0.4, 1.0))
    patient = asyncio.run(detect(pcm, 16000, VAD(min_silence_duration=0.8)))
    assert [event.type for event in patient if event.type != DONE] == [START, END]
    assert VAD(min_silence_duration=0.8).min_silence_duration == 0.8


@pytest.mark.parametrize("rate", [8000, 16000])
def test_noise_goes_and_the_frame_stays_one(rate: int) -> None:
    processor = NoiseCancellation()
    hiss = np.random.default_rng(1).normal(0, 300, 4 * rate).astype(np.int16)
    out = [processor._process(frame) for frame in frames(hiss, rate, 50)]
    assert all((f.sample_rate, f.num_channels, f.samples_per_channel) == (rate, 1, rate // 20) for f in out)
    rest = np.concatenate([np.frombuffer(f.data, np.int16) for f in out[40:]]).astype(float)
    assert np.sqrt((rest**2).mean()) < 0.2 * 300
    processor.enabled = False
    (frame,) = frames(hiss[: rate // 20], rate, 50)
    assert processor._process(frame) is frame
    processor._close()


def test_what_it_cannot_take_is_refused() -> None:
    with pytest.raises(ConfigError):
        NoiseCancellation(level=20)
    with pytest.raises(ConfigError):
        NoiseCancellation()._process(rtc.AudioFrame(bytes(4800), 24000, 1, 2400))
    with pytest.raises(ValueError, match="one channel"):
        NoiseCancellation()._process(rtc.AudioFrame(bytes(640), 16000, 2, 160))


def test_a_version_that_has_moved_a_plug_point_is_refused_with_a_sentence() -> None:
    class AudioOutput:
        def on_playback_finished(self, *, position: float) -> None: ...

    points = [(AudioOutput, "on_playback_finished", ("playback_position",)), (AudioOutput, "pause", ()), *POINTS]
    assert [where.split(".")[-1] for where in moved(points)] == ["on_playback_finished(playback_position)", "pause"]
    with pytest.raises(ImportError, match=r"livekit-agents \S+ has moved .*AudioOutput\.pause, which talkpath"):
        check(points)
    check()
