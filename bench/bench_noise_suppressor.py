"""Noise suppression: 20 ms frames through Python, beside speexdsp's where it is installed."""

import ctypes
import ctypes.util

import numpy as np
import pytest

import talkpath as tp

RATES = [8000, 16000]


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
def test_speexdsp(benchmark, speech_ring, rate):
    name = ctypes.util.find_library("speexdsp")
    if name is None:
        pytest.skip("libspeexdsp is not installed")
    benchmark.group = f"noise suppression 20 ms, {rate} Hz"
    frames = speech_ring(rate // 50)
    lib = ctypes.CDLL(name)
    lib.speex_preprocess_state_init.restype = ctypes.c_void_p
    lib.speex_preprocess_run.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    state = lib.speex_preprocess_state_init(rate // 50, rate)
    benchmark(lambda: lib.speex_preprocess_run(state, next(frames).copy().ctypes.data))
