"""Call progress: 20 ms frames through Python."""

from itertools import cycle

import numpy as np
import pytest

import talkpath as tp


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("signal", ["speech-like", "ringback", "silence"])
def test_20ms(benchmark, speech_ring, signal, rate):
    benchmark.group = f"call progress 20 ms, {rate} Hz, {signal}"
    n = rate // 50
    if signal == "speech-like":
        frames = speech_ring(n)
    else:
        t = np.arange(12 * rate) / rate
        x = (
            4000 * ((t % 6) < 2) * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t))
            if signal == "ringback"
            else 0 * t
        )
        pcm = (x + np.random.default_rng(1).normal(0, 20, len(t)) * (signal == "ringback")).astype(np.int16)
        frames = cycle([pcm[i : i + n] for i in range(0, len(pcm), n)])
    process = tp.CallProgressDetector(rate).process
    benchmark(lambda: process(next(frames)))
