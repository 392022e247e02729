"""Measures of samples: levels, spans of sound, peaks and spectra for drawing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from talkpath._types import Samples
from talkpath.report.model import Span

Floats = npt.NDArray[np.float64]

SILENCE_DBOV = -96.0
BLOCK_MS = 20


def level_dbov(pcm: npt.NDArray[np.generic]) -> float:
    """RMS against full scale; -96 for digital silence."""
    if not len(pcm):
        return SILENCE_DBOV
    power = float((pcm.astype(np.float64) ** 2).mean()) / 32768**2
    return max(SILENCE_DBOV, 10 * float(np.log10(power))) if power > 0 else SILENCE_DBOV


def block_levels_dbov(pcm: Samples, rate_hz: int, block_ms: int = BLOCK_MS) -> Floats:
    """RMS of each block; the last, incomplete one is left out."""
    n = rate_hz * block_ms // 1000
    blocks = pcm[: len(pcm) // n * n].reshape(-1, n).astype(np.float64)
    power = (blocks**2).mean(axis=1) / 32768**2
    return np.asarray(np.maximum(SILENCE_DBOV, 10 * np.log10(np.maximum(power, 1e-12))))


def spans_of(flags: npt.NDArray[np.bool_], step_s: float, gap_s: float = 0.0, kind: str = "") -> list[Span]:
    """Where flags are set, gaps up to `gap_s` closed."""
    at = np.flatnonzero(flags)
    if not len(at):
        return []
    breaks = np.flatnonzero(np.diff(at) * step_s > gap_s + step_s + 1e-9)
    edges = [-1, *breaks.tolist(), len(at) - 1]
    return [Span(at[a + 1] * step_s, (at[b] + 1) * step_s, kind) for a, b in pairwise(edges)]


def peaks(pcm: Samples, columns: int) -> npt.NDArray[np.int8]:
    """Lowest and highest sample of each column, shape (columns, 2), in 1/127 of full scale."""
    edges = np.linspace(0, len(pcm), columns + 1).astype(np.int64)[:-1]
    low, high = np.minimum.reduceat(pcm, edges), np.maximum.reduceat(pcm, edges)
    both = np.stack([np.floor(low / 258.0), np.ceil(high / 258.0)], axis=1)
    return np.asarray(np.clip(both, -127, 127), np.int8)


def spectrogram(pcm: Samples, rate_hz: int, columns: int, bands: int = 32) -> npt.NDArray[np.uint8]:
    """Levels of `bands` equal bands from 0 to half the rate, shape (columns, bands): 0 to 15, 5 dB a step from -95 dBov."""
    size = 256 if rate_hz == 8000 else 512
    hop = len(pcm) / columns
    window = np.hanning(size)
    found = np.zeros((columns, bands), np.uint8)
    padded = np.pad(pcm, (size // 2, size))
    for first in range(0, columns, 4096):  # a part at a time: a long call's frames are large
        starts = (np.arange(first, min(columns, first + 4096)) * hop).astype(np.int64)
        frames = padded[starts[:, None] + np.arange(size)] * (window / 32768)
        power = np.abs(np.fft.rfft(frames, axis=1)[:, 1:]) ** 2 / (window**2).sum() / size * 2
        level = 10 * np.log10(np.maximum(1e-12, power.reshape(len(starts), bands, -1).sum(axis=2)))
        found[first : first + len(starts)] = np.clip(np.rint((level + 95) / 5), 0, 15)
    return found
