"""L16: 20 ms frames, beside NumPy's byte swap."""

from itertools import cycle

import numpy as np
import pytest

from talkpath import l16

SYSTEMS = {
    "talkpath": lambda pcm: l16.encode(pcm, "big"),
    "talkpath little-endian": l16.encode,
    "NumPy": lambda pcm: pcm.byteswap().tobytes(),
    "NumPy little-endian": lambda pcm: pcm.tobytes(),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_encode(benchmark, speech_ring, system: str) -> None:
    benchmark.group = "L16 encode 20 ms at 16 kHz"
    frames = speech_ring(320)
    encode = SYSTEMS[system]
    benchmark.extra_info["peer"] = system
    benchmark(lambda: encode(next(frames)))


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_decode(benchmark, speech_ring, byteorder: str) -> None:
    benchmark.group = "L16 decode 20 ms at 16 kHz"
    frames = speech_ring(320)
    coded = cycle([np.asarray(next(frames)).tobytes() for _ in range(64)])
    benchmark.extra_info["peer"] = "talkpath" if byteorder == "big" else "talkpath little-endian"
    benchmark(lambda: l16.decode(next(coded), byteorder))
