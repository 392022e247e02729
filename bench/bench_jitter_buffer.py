"""Jitter buffer: a packet in and a frame out, on a clean line and on one with jitter and loss."""

import numpy as np
import pytest

import talkpath as tp


@pytest.mark.parametrize("line", ["clean", "jitter"])
def test_put_and_get(benchmark, speech_ring, line: str) -> None:
    benchmark.group = "jitter buffer: put + get, 20 ms at 8 kHz"
    benchmark.extra_info["peer"] = "talkpath" if line == "clean" else "talkpath, jitter and loss"
    frames, jb = speech_ring(160), tp.JitterBuffer()
    held = np.random.default_rng(1).random(4096) < (0.1 if line == "jitter" else 0.0)
    state = {"n": 0}

    def step() -> None:
        n = state["n"] = state["n"] + 1
        if not held[n % 4096]:
            if held[(n - 1) % 4096]:
                jb.put(next(frames), n - 1, (n - 1) * 160)
            jb.put(next(frames), n, n * 160)
        jb.get()

    benchmark(step)
