"""Outgoing level, a frame of 20 ms."""

import numpy as np
import pytest

import talkpath as tp


@pytest.mark.parametrize("rate", [8000, 16000])
def test_talkpath(benchmark, speech_ring, rate):
    benchmark.group = f"level, 20 ms at {rate} Hz"
    level, frames, out = tp.LevelNormalizer(rate), speech_ring(rate // 50), np.empty(rate // 50, np.int16)
    benchmark(lambda: level.process(next(frames), out=out))
