"""Voice activity: 20 ms frames through Python, beside webrtcvad where it is installed."""

import numpy as np
import pytest

import talkpath as tp


@pytest.mark.parametrize("rate", [8000, 16000])
def test_talkpath(benchmark, speech_ring, rate):
    benchmark.group = f"VAD 20 ms, {rate} Hz"
    frames = speech_ring(rate // 50)
    process = tp.VoiceActivityDetector(rate).process
    benchmark(lambda: process(next(frames)))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_silence(benchmark, rate):
    benchmark.group = f"VAD 20 ms, {rate} Hz, silence"
    process, frame = tp.VoiceActivityDetector(rate).process, np.zeros(rate // 50, np.int16)
    benchmark(lambda: process(frame))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_webrtc(benchmark, speech_ring, rate):
    webrtcvad = pytest.importorskip("webrtcvad")
    benchmark.group = f"VAD 20 ms, {rate} Hz"
    frames = speech_ring(rate // 50)
    is_speech = webrtcvad.Vad(2).is_speech
    benchmark(lambda: is_speech(next(frames).tobytes(), rate))
