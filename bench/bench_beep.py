"""Beep detector: 20 ms frames through Python."""

from itertools import cycle

import numpy as np
import pytest

import talkpath as tp


def frames_of(x: np.ndarray, rate: int):
    n = rate // 50
    pcm = np.clip(x, -32768, 32767).astype(np.int16)
    return cycle([pcm[i : i + n] for i in range(0, len(pcm) - n + 1, n)])


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("signal", ["speech-like", "beeps", "silence"])
def test_20ms(benchmark, speech_ring, signal, rate):
    benchmark.group = f"beep 20 ms, {rate} Hz, {signal}"
    t = np.arange(10 * rate) / rate
    if signal == "speech-like":
        frames = speech_ring(rate // 50)
    elif signal == "beeps":
        on = (t % 1.0) < 0.5
        frames = frames_of(
            6000 * on * np.sin(2 * np.pi * (600 + 150 * np.floor(t)) * t)
            + np.random.default_rng(1).normal(0, 60, len(t)),
            rate,
        )
    else:
        frames = frames_of(np.zeros(len(t)), rate)
    process = tp.BeepDetector(rate).process
    benchmark(lambda: process(next(frames)))
