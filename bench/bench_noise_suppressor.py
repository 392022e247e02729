"""Noise suppression: 20 ms frames through Python, beside RNNoise's, WebRTC's (livekit) and speexdsp's."""

import numpy as np
import pytest
from conftest import peer
from peers import RNNoise, WebRtcApm, speex_denoise

import talkpath as tp

RATES = [8000, 16000]
PEERS = {
    "RNNoise": RNNoise,
    "WebRTC": lambda rate: WebRtcApm(rate, echo=False),
    "speexdsp": speex_denoise,
}


@pytest.mark.parametrize("rate", RATES)
def test_talkpath(benchmark, speech_ring, rate):
    benchmark.group = f"noise suppression 20 ms, {rate} Hz"
    frames = speech_ring(rate // 50)
    process = tp.NoiseSuppressor(rate).process
    benchmark(lambda: process(next(frames)))


@pytest.mark.parametrize("rate", RATES)
def test_silence(benchmark, rate):
    benchmark.group = f"noise suppression 20 ms, {rate} Hz, silence"
    process, frame = tp.NoiseSuppressor(rate).process, np.zeros(rate // 50, np.int16)
    benchmark(lambda: process(frame))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("system", PEERS)
def test_peer(benchmark, speech_ring, system, rate):
    benchmark.group, benchmark.extra_info["peer"] = f"noise suppression 20 ms, {rate} Hz", system
    process, frames = peer(PEERS[system], rate), speech_ring(rate // 50)
    benchmark(lambda: process(next(frames)))
