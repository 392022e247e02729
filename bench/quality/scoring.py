"""Marks: what is right how often, and how good something sounds."""

from functools import lru_cache
from typing import Any

import numpy as np
import soxr
from peers import Missing, module
from scipy.stats import rankdata

from quality.material import RATE, Floats


def share(values: list[bool]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def percentile(values: list[float], q: float) -> float | None:
    return round(float(np.percentile(values, q)), 4) if values else None


def mean(values: list[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None


def roc_auc(scores: Floats, is_speech: Floats) -> float:
    """How often speech has the higher score."""
    ranks, n = rankdata(scores), is_speech.sum()
    return float((ranks[is_speech].sum() - n * (n + 1) / 2) / (n * (len(scores) - n)))


def lag(reference: Floats, sound: Floats, most_s: float = 0.15) -> int:
    """Samples that a sound is behind its reference."""
    size = 1 << (len(reference) + len(sound)).bit_length()
    alike = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(reference, size)), size)
    return int(np.argmax(alike[: round(most_s * RATE)]))


def aligned(reference: Floats, sound: Floats) -> tuple[Floats, Floats]:
    late = lag(reference, sound)
    n = min(len(reference), len(sound) - late)
    return reference[:n], sound[late : late + n]


def pesq(reference: Floats, sound: Floats) -> float:
    """Narrow-band."""
    score: float = module("pesq", "pesq").pesq(RATE, reference, sound, "nb")
    return score


def stoi(reference: Floats, sound: Floats) -> float:
    return float(module("pystoi", "pystoi").stoi(reference, sound, RATE))


def at_16_khz(x: Floats) -> np.ndarray:
    return np.clip(soxr.resample(x, RATE, 16000, "HQ"), -1, 1).astype(np.float32)


def dnsmos(x: Floats) -> float:
    """Overall; 8 kHz go up to 16, which it was not made for: compare within a table only."""
    run = module("speechmos.dnsmos", "speechmos").run
    wide = at_16_khz(x)
    return float(run(np.tile(wide, 1 + 144160 // len(wide))[:144160], 16000)["ovrl_mos"])


@lru_cache(maxsize=1)
def _plcmos() -> Any:
    return module("speechmos.plcmos", "speechmos").PLCMOS()


def plcmos(x: Floats) -> float:
    np.random.seed(1)  # noqa: NPY002 - it draws its listeners from there
    return float(module("speechmos.plcmos", "speechmos").run(at_16_khz(x), 16000)["plcmos"])


def usable(**marks: Any) -> tuple[dict[str, Any], list[str]]:
    """Of these functions those whose packages are installed, and what is missing."""
    found, missing = {}, []
    rng = np.random.default_rng(1)
    x = np.sin(np.arange(4 * RATE) * 0.3) * rng.uniform(0, 0.5, 4 * RATE)
    for name, mark in marks.items():
        try:
            mark(x, x) if name in ("pesq", "stoi") else mark(x)
        except Missing as why:
            missing.append(f"{name}: not installed: {why}")
        else:
            found[name] = mark
    return found, missing
