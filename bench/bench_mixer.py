"""Ambience under speech, a frame of 20 ms, beside the same in NumPy as pipelines do it."""

from itertools import cycle

import numpy as np
import pytest
from conftest import peer
from peers import pipecat_utils

import talkpath as tp
from talkpath import ambience


@pytest.mark.parametrize("rate", [8000, 16000])
def test_talkpath(benchmark, speech_ring, rate):
    benchmark.group = f"ambience mix, 20 ms at {rate} Hz"
    mixer, frames, out = tp.AmbienceMixer(rate, "office"), speech_ring(rate // 50), np.empty(rate // 50, np.int16)
    mixer.mix(np.zeros(rate, np.int16))
    benchmark(lambda: mixer.mix(next(frames), out=out))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_numpy(benchmark, speech_ring, rate):
    """A plain sum: no ducking, no fades, no limiter."""
    benchmark.group = f"ambience mix, 20 ms at {rate} Hz"
    benchmark.extra_info["peer"] = "NumPy"
    loop, frames, n, at = ambience.generate("office", rate), speech_ring(rate // 50), rate // 50, 0

    def mix():
        nonlocal at
        background = np.take(loop, range(at, at + n), mode="wrap").astype(np.float32)
        at = (at + n) % len(loop)
        return np.clip(next(frames) + 0.3 * background, -32768, 32767).astype(np.int16)

    benchmark(mix)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_pipecat(benchmark, speech_ring, rate):
    """Its `mix_audio`: a plain sum of bytes."""
    benchmark.group, benchmark.extra_info["peer"] = f"ambience mix, 20 ms at {rate} Hz", "Pipecat"
    mix_audio, frames = peer(pipecat_utils).mix_audio, speech_ring(rate // 50)
    loop, n = ambience.generate("office", rate), rate // 50
    pieces = cycle([loop[at : at + n].tobytes() for at in range(0, len(loop) - n, n)])
    benchmark(lambda: mix_audio(next(frames).tobytes(), next(pieces)))
