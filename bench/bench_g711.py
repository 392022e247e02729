"""G.711: one 20 ms frame and one minute, beside audioop, a NumPy table and Pipecat."""

from collections.abc import Callable, Iterator
from itertools import cycle

import numpy as np
import pytest
from conftest import peer
from peers import at_once, audioop, pipecat_utils

from talkpath import g711

ULAW = np.frombuffer(g711.ulaw_encode(np.arange(65536, dtype=np.uint16).view(np.int16)), np.uint8)
LINEAR = g711.ulaw_decode(bytes(range(256)))

PIPECAT_HZ = 8000  # without a change of rate


def pipecat_encode(pcm: np.ndarray) -> bytes:
    return at_once(pipecat_utils().pcm_to_ulaw(pcm.tobytes(), PIPECAT_HZ, PIPECAT_HZ, RESAMPLER))


def pipecat_decode(data: np.ndarray) -> bytes:
    return at_once(pipecat_utils().ulaw_to_pcm(data.tobytes(), PIPECAT_HZ, PIPECAT_HZ, RESAMPLER))


class Unchanged:
    """A resampler for those that have nothing to do."""

    async def resample(self, audio: bytes, in_rate: int, out_rate: int) -> bytes:
        return audio


RESAMPLER = Unchanged()
ENCODERS: dict[str, Callable] = {
    "talkpath": g711.ulaw_encode,
    "talkpath A-law": g711.alaw_encode,
    "NumPy table": lambda pcm: ULAW[pcm.view(np.uint16)],
    "audioop": lambda pcm: audioop().lin2ulaw(pcm, 2),
    "Pipecat": pipecat_encode,
}
DECODERS: dict[str, Callable] = {
    "talkpath": g711.ulaw_decode,
    "talkpath A-law": g711.alaw_decode,
    "NumPy table": lambda data: LINEAR[data],
    "audioop": lambda data: audioop().ulaw2lin(data, 2),
    "Pipecat": pipecat_decode,
}

SIZES = {"20ms": 160, "60s": 480000}
Ring = Callable[[int], Iterator[np.ndarray]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("system", ENCODERS)
def test_encode(benchmark, speech_ring: Ring, system: str, size: str) -> None:
    benchmark.group = f"G.711 encode {size}"
    frames = speech_ring(SIZES[size])
    encode = ENCODERS[system]
    benchmark.extra_info["peer"] = system
    peer(encode, next(frames))
    benchmark(lambda: encode(next(frames)))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("system", DECODERS)
def test_decode(benchmark, speech_ring: Ring, system: str, size: str) -> None:
    benchmark.group = f"G.711 decode {size}"
    frames = speech_ring(SIZES[size])
    coded = cycle([np.frombuffer(g711.ulaw_encode(next(frames)), np.uint8) for _ in range(64)])
    decode = DECODERS[system]
    benchmark.extra_info["peer"] = system
    peer(decode, next(coded))
    benchmark(lambda: decode(next(coded)))
