"""Was what the caller heard what was said? Finds where it lies, and what of it is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from talkpath._types import Samples

BLOCK_MS = 20
SAME_DB = 20.0  # a block whose error is so far below its own level is the same sound
QUIET_DBOV = -60.0  # blocks below that prove nothing


@dataclass(frozen=True, slots=True)
class Alignment:
    """How what was said lies in what was heard.

    Attributes
    ----------
    offset_samples : int
        What was said begins there in what was heard.
    shift_ms : float
        The most that a part of it lies elsewhere than the beginning says; 0: nothing was put in or left out.
    missing_samples : int
        Audible samples that were not heard, or not as they were said, to the next 20 ms.
    error_db : float
        Error of what was found, against its own level: -inf is bit for bit the same.
    """

    offset_samples: int
    shift_ms: float
    missing_samples: int
    error_db: float

    @property
    def is_whole(self) -> bool:
        """All of it was heard, in one piece."""
        return not self.missing_samples and not self.shift_ms


def _correlate(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Products of y at every place of x, by FFT."""
    size = 1 << (len(x) + len(y)).bit_length()
    return np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(y, size)), size)[: len(x)]


def align(said: Samples, heard: Samples, sample_rate: int, *, search_ms: float = 500.0) -> Alignment:
    """Find what was said in what was heard.

    Parameters
    ----------
    said, heard : int16 array
        At the same rate; perhaps through a codec that keeps the waveform (G.711).
    sample_rate : int
    search_ms : float
        So far from its place a part of it is looked for.

    Returns
    -------
    Alignment
    """
    x, y = heard.astype(np.float64), said.astype(np.float64)
    n, search = sample_rate * BLOCK_MS // 1000, round(search_ms * sample_rate / 1000)
    if not len(y) or not len(x):
        return Alignment(0, 0.0, len(y), 0.0)
    offset = place = _place(x, y, n)
    missing, shift, error, energy = 0, 0, 0.0, 0.0
    quiet = n * (32768 * 10 ** (QUIET_DBOV / 20)) ** 2
    for at in range(0, len(y), n):
        block = y[at : at + n]
        level = float(block @ block)
        if level <= quiet * len(block) / n:
            continue
        best = _error(x, block, place + at)
        if best > level * 10 ** (-SAME_DB / 10):  # not where it should be: near by?
            low = max(0, place + at - search)
            near = x[low : place + at + search + len(block)]
            if len(near) >= len(block):
                sums = np.concatenate([[0.0], np.cumsum(near**2)])
                power = sums[len(block) :] - sums[: -len(block)]
                errors = power + level - 2 * _correlate(near, block)[: len(power)]
                found = int(np.argmin(errors))
                if errors[found] <= level * 10 ** (-SAME_DB / 10):
                    place, best = low + found - at, float(max(0.0, errors[found]))
        if best > level * 10 ** (-SAME_DB / 10):
            missing += len(block)
        else:
            shift = max(shift, abs(place - offset))
            error += best
            energy += level
    error_db = 10 * np.log10(error / energy) if error > 0 and energy > 0 else float("-inf") if energy > 0 else 0.0
    return Alignment(offset, 1000 * shift / sample_rate, missing, float(error_db))


def _place(x: np.ndarray, y: np.ndarray, n: int) -> int:
    """Where the beginning of y lies: by its first second of sound."""
    loud = np.flatnonzero(np.abs(y) > 300)
    first = int(loud[0]) if len(loud) else 0
    head = y[first : first + 50 * n]
    return int(np.argmax(_correlate(x, head))) - first


def _error(x: np.ndarray, block: np.ndarray, at: int) -> float:
    if at < 0 or at + len(block) > len(x):
        return float("inf")
    d = x[at : at + len(block)] - block
    return float(d @ d)
