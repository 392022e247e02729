"""DTMF: 20 ms frames through Python, beside spandsp's receiver where the library is installed."""

from itertools import cycle

import numpy as np
import pytest
from conftest import peer
from peers import spandsp_dtmf

import talkpath as tp


@pytest.fixture
def keys_ring():
    def ring(rate):
        x = tp.dtmf.generate("0123456789*#ABCD" * 4, rate, tone_ms=60, gap_ms=60)
        x = x + np.random.default_rng(1).normal(0, 200, len(x))
        n = rate // 50
        return cycle([x[i : i + n].astype(np.int16) for i in range(0, len(x) - n + 1, n)])

    return ring


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("signal", ["speech-like", "keys"])
def test_talkpath(benchmark, speech_ring, keys_ring, signal, rate):
    benchmark.group = f"DTMF 20 ms, {rate} Hz, {signal}"
    frames = speech_ring(rate // 50) if signal == "speech-like" else keys_ring(rate)
    process = tp.DtmfDetector(rate).process
    benchmark(lambda: process(next(frames)))


@pytest.mark.parametrize("signal", ["speech-like", "keys"])
def test_spandsp(benchmark, speech_ring, keys_ring, signal):
    benchmark.group = f"DTMF 20 ms, 8000 Hz, {signal}"
    frames = speech_ring(160) if signal == "speech-like" else keys_ring(8000)
    process = peer(spandsp_dtmf)
    benchmark.extra_info["peer"] = "spandsp"
    benchmark(lambda: process(next(frames)))
