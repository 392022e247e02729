"""Frames of a line with echo for the benchmarks of echo/: the agent speaks all the time, or never."""

import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from echo_scene import echo_of, noise, to_int16, voice


def frames(rate: int, agent_speaks: bool, seconds: float = 12.0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(near, far) of 20 ms, for ever."""
    far = to_int16(voice(seconds, rate, seed=1))
    if not agent_speaks:
        far[:] = 0
    near = to_int16(echo_of(far, 150, 10, rate) + noise(len(far), -55))
    n = rate // 50
    return cycle([(near[i : i + n].copy(), far[i : i + n].copy()) for i in range(0, len(far) - n + 1, n)])
