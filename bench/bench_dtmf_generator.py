"""DTMF generator: one second of keys, beside the same in NumPy."""

import numpy as np

import talkpath as tp

LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def numpy_keys(keys: str) -> np.ndarray:
    t = np.arange(800) / 8000
    parts = []
    for key in keys:
        k = "123A456B789C*0#D".index(key)
        x = np.sin(2 * np.pi * LOW_HZ[k // 4] * t) + np.sin(2 * np.pi * HIGH_HZ[k % 4] * t)
        parts += [np.round(7327 * x).astype(np.int16), np.zeros(800, np.int16)]
    return np.concatenate(parts)


def test_talkpath(benchmark):
    benchmark.group = "DTMF generator, 1 s at 8000 Hz"
    benchmark(lambda: tp.dtmf.generate("12345"))


def test_numpy(benchmark):
    benchmark.group = "DTMF generator, 1 s at 8000 Hz"
    benchmark.extra_info["peer"] = "NumPy"
    benchmark(lambda: numpy_keys("12345"))
