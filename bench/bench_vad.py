"""Voice activity: 20 ms frames through Python, beside webrtcvad, Silero, ten-vad and RNNoise's."""

import numpy as np
import pytest
from conftest import peer
from peers import RNNoise, silero_vad, ten_vad, webrtc_vad

import talkpath as tp

PEERS = {"webrtcvad": webrtc_vad, "Silero": silero_vad, "ten-vad": ten_vad, "RNNoise": RNNoise}


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
@pytest.mark.parametrize("system", PEERS)
def test_peer(benchmark, speech_ring, system, rate):
    benchmark.group, benchmark.extra_info["peer"] = f"VAD 20 ms, {rate} Hz", system
    process, frames = peer(PEERS[system], rate), speech_ring(rate // 50)
    benchmark(lambda: process(next(frames)))
