"""Comfort noise: 20 ms, white and shaped, and learning from a background; beside NumPy."""

import numpy as np
import pytest

import talkpath as tp

RNG = np.random.default_rng(1)


def shaped() -> tp.ComfortNoise:
    noise = tp.ComfortNoise()
    noise.decode_sid(bytes([60, 40, 150, 110, 140, 120, 130, 127, 120, 131, 126]))
    return noise


SYSTEMS = {
    "talkpath": tp.ComfortNoise().generate,
    "talkpath shaped": shaped().generate,
    "NumPy": lambda n: np.rint(RNG.standard_normal(n) * 6.3).astype(np.int16),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_generate(benchmark, system: str) -> None:
    benchmark.group = "comfort noise 20 ms at 8 kHz"
    benchmark.extra_info["peer"] = system
    benchmark(SYSTEMS[system], 160)


def test_observe(benchmark, speech_ring) -> None:
    benchmark.group = "comfort noise: observe 20 ms at 8 kHz"
    frames, noise = speech_ring(160), tp.ComfortNoise()
    benchmark(lambda: noise.observe(next(frames)))
