"""G.711: one 20 ms frame and one minute, beside audioop and a NumPy table."""

from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
import pytest

from talkpath import g711

try:
    import audioop  # the standard library's until Python 3.12, PyPI's audioop-lts after
except ImportError:
    audioop = None

ULAW = np.frombuffer(g711.ulaw_encode(np.arange(65536, dtype=np.uint16).view(np.int16)), np.uint8)
LINEAR = g711.ulaw_decode(bytes(range(256)))

ENCODERS: dict[str, Callable] = {
    "talkpath": g711.ulaw_encode,
    "talkpath-alaw": g711.alaw_encode,
    "numpy-table": lambda pcm: ULAW[pcm.view(np.uint16)],
}
DECODERS: dict[str, Callable] = {
    "talkpath": g711.ulaw_decode,
    "talkpath-alaw": g711.alaw_decode,
    "numpy-table": lambda data: LINEAR[data],
}
if audioop is not None:
    ENCODERS["audioop"] = lambda pcm: audioop.lin2ulaw(pcm, 2)
    DECODERS["audioop"] = lambda data: audioop.ulaw2lin(data, 2)

SIZES = {"20ms": 160, "60s": 480000}
Ring = Callable[[int], Iterator[np.ndarray]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("system", ENCODERS)
def test_encode(benchmark, speech_ring: Ring, system: str, size: str) -> None:
    benchmark.group = f"G.711 encode {size}"
    frames = speech_ring(SIZES[size])
    encode = ENCODERS[system]
    benchmark(lambda: encode(next(frames)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("system", DECODERS)
def test_decode(benchmark, speech_ring: Ring, system: str, size: str) -> None:
    benchmark.group = f"G.711 decode {size}"
    frames = speech_ring(SIZES[size])
    coded = cycle([np.frombuffer(g711.ulaw_encode(next(frames)), np.uint8) for _ in range(64)])
    decode = DECODERS[system]
    benchmark(lambda: decode(next(coded)))
