"""Echo cancellation: 20 ms frames through Python, beside WebRTC's (livekit) and speexdsp's (ctypes) where they are installed."""

import ctypes
import ctypes.util

import numpy as np
import pytest
from echo_line import frames

import talkpath as tp


@pytest.mark.parametrize("agent", ["speaks", "silent"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_talkpath(benchmark, rate, agent):
    benchmark.group = f"echo canceller 20 ms, {rate} Hz, agent {agent}"
    line, process = frames(rate, agent == "speaks"), tp.EchoCanceller(rate).process
    benchmark(lambda: process(*next(line)))


@pytest.mark.parametrize("rate", [8000, 16000])
def test_webrtc_aec3(benchmark, rate):
    rtc = pytest.importorskip("livekit.rtc")
    benchmark.group = f"echo canceller 20 ms, {rate} Hz, agent speaks"
    apm = rtc.apm.AudioProcessingModule(echo_cancellation=True, noise_suppression=True, high_pass_filter=True)
    line, n = frames(rate, True), rate // 100

    def process():
        near, far = next(line)
        for i in (0, n):
            apm.process_reverse_stream(rtc.AudioFrame(far[i : i + n].tobytes(), rate, 1, n))
            apm.set_stream_delay_ms(0)
            apm.process_stream(rtc.AudioFrame(near[i : i + n].tobytes(), rate, 1, n))

    benchmark(process)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_speexdsp_700_ms(benchmark, rate):
    name = ctypes.util.find_library("speexdsp")
    if not name:
        pytest.skip("libspeexdsp is not installed")
    lib = ctypes.CDLL(name)
    benchmark.group = f"echo canceller 20 ms, {rate} Hz, agent speaks"
    lib.speex_echo_state_init.restype = ctypes.c_void_p
    n = rate // 50
    state = ctypes.c_void_p(lib.speex_echo_state_init(n, rate * 7 // 10))
    lib.speex_echo_ctl(state, 24, ctypes.byref(ctypes.c_int(rate)))
    line, out = frames(rate, True), np.zeros(n, np.int16)

    def process():
        near, far = (ctypes.c_void_p(x.ctypes.data) for x in next(line))
        lib.speex_echo_cancellation(state, near, far, ctypes.c_void_p(out.ctypes.data))

    benchmark(process)
    lib.speex_echo_state_destroy(state)
