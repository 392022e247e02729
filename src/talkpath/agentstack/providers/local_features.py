"""What PocketSphinx hears of a telephone: its own features, from 8 kHz. Its model was made on 16 kHz, and wants what a telephone leaves out.

The model's 25 mel bands end at 6.8 kHz, a telephone at 3.4. What is above (fricatives, mostly) is estimated for each frame from the bands that there are, two frames before and after, by
a linear map. The axis of frequency is warped by the height of the voice: high voices have shorter throats, and the model knows low ones best. The maps were
fitted by `training/local_telephone_bands.py` on synthetic speech; in the words that are understood they matter more than anything else here.

References
----------
Davis, Mermelstein 1980 (the features); Lee, Rose 1996 (frequency warping); Jax, Vary 2003 (bandwidth extension).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 8000
HOP = 80  # samples: 10 ms
WINDOW = 205
FFT = 256
BANDS, CEPSTRA = 25, 13
LOW_HZ, HIGH_HZ = 130.0, 6800.0
CONTEXT = 2  # frames before and after
_MODEL_FFT_HZ = 31.25  # the model's own resolution, to which its filters are rounded
_PREEMPHASIS = 0.97
_MODEL_SCALE = 4.0  # power of a window of twice the samples
_FLOOR = 1.0  # far below a line's noise: digital silence is no outlier
_LIFTER = 22


def mel_filters(warp: float) -> Floats:
    """The model's filters on bins of `FFT`, whose frequencies count `warp` times; with the model's pre-emphasis."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOW_HZ, HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    edges = np.floor(edges / _MODEL_FFT_HZ + 0.5) * _MODEL_FFT_HZ
    hz = np.arange(FFT // 2 + 1) * SAMPLE_RATE_HZ / FFT
    left, middle, right = (edges[i : i + BANDS, None] for i in range(3))
    at = hz * warp
    slopes = np.minimum((at - left) / (middle - left), (right - at) / (right - middle))
    radians = 2 * np.pi * hz / (2 * SAMPLE_RATE_HZ)
    emphasis = 1 + _PREEMPHASIS**2 - 2 * _PREEMPHASIS * np.cos(radians)
    filters: Floats = (np.maximum(0, slopes) * 2 / (right - left) * emphasis * _MODEL_SCALE).T
    return filters


def power(pcm: npt.NDArray[np.int16]) -> Floats:
    """Spectra of all whole frames: (len - WINDOW) // HOP + 1 of them."""
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
    frames = np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float64), WINDOW)[::HOP] * hamming
    spectra: Floats = np.abs(np.fft.rfft(frames, FFT)) ** 2
    return spectra


def with_context(bands: Floats) -> tuple[Floats, Floats]:
    """Rows of 2 · CONTEXT + 1 frames without their mean, and a one; the means. Fewer frames come out than go in."""
    n = len(bands) - 2 * CONTEXT
    rows = np.hstack([bands[i : i + n] for i in range(2 * CONTEXT + 1)])
    means = rows.mean(1, keepdims=True)
    return np.hstack([rows - means, np.ones((n, 1))]), means


@dataclass(frozen=True)
class Extension:
    """For voices of one kind: the bands from `first` on are estimated from those between 1 and it."""

    warp: float
    first: int
    weights: Floats


@lru_cache(maxsize=1)
def extensions() -> tuple[Extension, ...]:
    """From low to high voices."""
    text = (files("talkpath") / "data/local_telephone_bands.json").read_text(encoding="utf-8")
    return tuple(Extension(e["warp"], e["first"], np.array(e["weights"])) for e in json.loads(text))


def extension_of(pitch_hz: float) -> Extension:
    """For a voice of that height."""
    low, middle, high = extensions()
    return low if pitch_hz < 163 else middle if pitch_hz < 188 else high


@lru_cache(maxsize=8)
def _filters(warp: float) -> Floats:
    return mel_filters(warp)


@lru_cache(maxsize=1)
def _transform() -> Floats:
    k, j = np.arange(CEPSTRA)[:, None], np.arange(BANDS)
    dct = np.cos(np.pi * k * (j + 0.5) / BANDS) * np.sqrt(2 / BANDS)
    dct[0] *= np.sqrt(0.5)
    lifter = 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(CEPSTRA) / _LIFTER)
    transform: Floats = (dct * lifter[:, None]).T
    return transform


def log_bands(spectra: Floats, warp: float) -> Floats:
    """Log energies of the model's bands; those above the telephone's are as empty as they are."""
    bands: Floats = np.log(spectra @ _filters(warp) + _FLOOR)
    return bands


def cepstra(spectra: Floats, extension: Extension) -> npt.NDArray[np.float32]:
    """The model's features of all frames but the first and last `CONTEXT`."""
    bands = log_bands(spectra, extension.warp)
    rows, means = with_context(bands[:, 1 : extension.first])
    found = bands[CONTEXT : len(bands) - CONTEXT].copy()
    found[:, extension.first :] = rows @ extension.weights + means
    features: npt.NDArray[np.float32] = (found @ _transform()).astype(np.float32)
    return features


def pitch_hz(pcm: npt.NDArray[np.int16]) -> float | None:
    """Height of the voice in 40 ms or more; None: no vowel."""
    x = pcm.astype(np.float64)
    x -= x.mean()
    size = 1 << (2 * len(x) - 1).bit_length()
    found = np.fft.irfft(np.abs(np.fft.rfft(x, size)) ** 2, size)
    if found[0] < 1e4 * len(x):  # softer than -50 dBFS
        return None
    shortest, longest = SAMPLE_RATE_HZ // 350, min(SAMPLE_RATE_HZ // 70, len(x) // 2)
    lags = found[: longest + 1] / (len(x) - np.arange(longest + 1)) * len(x) / found[0]
    best = float(lags[shortest:].max())
    if best < 0.55:
        return None
    # The first lag that is nearly as good: multiples of the period are as good as it.
    peaks = [
        i for i in range(shortest + 1, longest) if lags[i] >= 0.85 * best and lags[i - 1] <= lags[i] >= lags[i + 1]
    ]
    return SAMPLE_RATE_HZ / peaks[0] if peaks else None
