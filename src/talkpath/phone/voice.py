"""Sounds that need no file: a voice that is nobody's, and noise."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from talkpath._types import Samples

Floats = npt.NDArray[np.float32]


def to_int16(x: np.ndarray) -> Samples:
    """Samples of ±32768, rounded and limited."""
    pcm: Samples = np.clip(np.rint(x), -32768, 32767).astype(np.int16)
    return pcm


@lru_cache(maxsize=256)
def voice(seconds: float, sample_rate: int = 8000, seed: int = 1, level_dbov: float = -20.0) -> Samples:
    """Something that sounds like speech, without words: glottal pulses through moving formants, hissing consonants between them.

    Parameters
    ----------
    seconds : float
    sample_rate : int
    seed : int
        Another seed is another talker saying something else.
    level_dbov : float
        Mean level of the vowels.

    Returns
    -------
    int16 array, read-only
    """
    rng = np.random.default_rng(seed)
    pitch, shift = rng.uniform(95, 220), rng.uniform(0, 6)
    t = np.arange(round(seconds * sample_rate)) / sample_rate
    hz = pitch * 2 ** (0.25 * np.sin(2 * np.pi * 0.6 * t + shift) + 0.02 * np.sin(2 * np.pi * 5 * t))
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    first = 550 + 250 * np.sin(2 * np.pi * 1.7 * t + shift)
    second = 1500 + 500 * np.sin(2 * np.pi * 1.1 * t + 1 + shift)
    x = np.zeros(len(t))
    for k in range(1, 30):
        formants = 1 / np.hypot(1, (k * hz - first) / 60) + 0.6 / np.hypot(1, (k * hz - second) / 80)
        x += np.where(k * hz < 3700, formants, 0) * np.sin(k * phase)
    vowels = np.clip(0.5 + 1.5 * np.sin(2 * np.pi * 4 * t + 0.5), 0, 1)
    x = x / (np.sqrt((x**2).mean()) + 1e-9) * vowels
    x += 0.3 * np.diff(rng.standard_normal(len(t) + 1)) * (1 - vowels)
    n = np.arange(len(t))
    edge = np.minimum(1, np.minimum(n, n[::-1]) / (0.005 * sample_rate))
    pcm = to_int16(32768 * 10 ** (level_dbov / 20) * x * edge)
    pcm.flags.writeable = False
    return pcm


def band_limit(pcm: np.ndarray, sample_rate: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Only what lies between the two; 0: no limit. Without delay; floats."""
    x = np.asarray(pcm, np.float64)
    high = high_hz if 0 < high_hz < 0.45 * sample_rate else 0.0
    if not len(x) or not (low_hz or high):
        return x
    size = 1 << (len(x) + sample_rate // 10).bit_length()
    hz = np.fft.rfftfreq(size, 1 / sample_rate)
    gain = np.ones(len(hz))
    if low_hz:
        gain /= 1 + (low_hz / np.maximum(hz, 1)) ** 4
    if high:
        gain /= 1 + (hz / high) ** 16
    return np.asarray(np.fft.irfft(np.fft.rfft(x, size) * gain, size)[: len(x)])


@lru_cache(maxsize=32)
def noise(seconds: float, sample_rate: int, level_dbov: float, low_hz: float, high_hz: float) -> Floats:
    """Background of a line at a level; floats of ±32768, read-only. The same for all calls: each begins elsewhere in it."""
    x = np.random.default_rng(0xB6).standard_normal(round(seconds * sample_rate))
    x = band_limit(x, sample_rate, low_hz, high_hz)
    loud: Floats = (x * 32768 * 10 ** (level_dbov / 20) / np.sqrt((x**2).mean())).astype(np.float32)
    loud.flags.writeable = False
    return loud
