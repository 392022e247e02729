"""Is what was heard what was said? Recordings are aligned, as a whole and block by block."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import correlate

SEARCH_MS = 40


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2"), file.getframerate()


@dataclass(frozen=True)
class Alignment:
    """How `said` lies in `heard`."""

    start_ms: float
    shift_ms: float  # how far any block lies from where the whole says it should
    likeness: float  # the worst block's correlation with what was said
    usual_likeness: float  # the median block's
    snr_db: float


def align(heard: np.ndarray, said: np.ndarray, rate: int, block_ms: int = 100) -> Alignment:
    """Find all of `said` in `heard`: every block, but silent ones."""
    heard, said = heard.astype(float), said.astype(float)
    n, reach = rate * block_ms // 1000, rate * SEARCH_MS // 1000
    padded = np.concatenate([np.zeros(reach), heard, np.zeros(len(said) + reach)])
    start = int(correlate(padded, said, "valid").argmax())
    loud = 0.05 * np.abs(said).max()
    shifts, likeness = [], []
    for at in range(0, len(said) - n + 1, n):
        block = said[at : at + n]
        if np.sqrt((block**2).mean()) < loud:
            continue
        first = max(0, start + at - reach)
        window = padded[first : start + at + n + reach]
        energy = np.sqrt(np.convolve(window**2, np.ones(n), "valid") * (block**2).sum())
        found = correlate(window, block, "valid") / np.maximum(energy, 1e-9)
        shifts.append(first + int(found.argmax()) - start - at)
        likeness.append(float(found.max()))
    error = padded[start : start + len(said)] - said
    snr_db = 10 * np.log10((said**2).sum() / max((error**2).sum(), 1e-9))
    to_ms = 1000 / rate
    return Alignment(
        (start - reach) * to_ms, max(map(abs, shifts)) * to_ms, min(likeness), float(np.median(likeness)), float(snr_db)
    )


def loud_span_ms(pcm: np.ndarray, rate: int, level: float = 300) -> tuple[float, float]:
    """From the first to the last 20 ms that are louder than `level` (RMS)."""
    n = rate // 50
    blocks = pcm[: len(pcm) // n * n].reshape(-1, n).astype(float)
    loud = np.flatnonzero(np.sqrt((blocks**2).mean(1)) > level)
    return (0.0, 0.0) if not len(loud) else (20.0 * loud[0], 20.0 * (loud[-1] + 1))
