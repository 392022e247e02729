"""Fits src/talkpath/data/local_telephone_bands.json: how the bands that a telephone leaves out follow from those it carries.

python training/local_telephone_bands.py     # a minute or two; needs the extra `local`. Speech: Hibari, at many heights. Nothing of it is kept but the maps.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soxr
from hibari import Hibari

from talkpath import g711
from talkpath.agentstack.providers import local_features as features
from talkpath.agentstack.providers.local_phrases import sentences

OUT = Path(__file__).resolve().parents[1] / "src/talkpath/data/local_telephone_bands.json"
# warp, first band that is estimated, heights of the training's voices (1: Hibari's own)
KINDS = ((1.0, 18, (0.75, 0.8, 0.86, 0.92)), (0.9, 17, (0.86, 0.92, 0.97, 1.02)), (0.82, 16, (0.97, 1.02, 1.08, 1.14)))
SPOKEN = """The quick brown fox jumps over the lazy dog near the river bank. She sells sea shells by the sea shore. Fresh fish is best with chips and vinegar.
Choose the cheapest choice which matches. Measure the pleasure of treasure in leisure. Thirty three thousand thieves thought thoroughly. Usually the judge just jokes.
Six sick sheep slept silently. We were away a year ago. Many men and women hummed in the morning. Pure food is good for you. The boy enjoyed toys and noise.
How now brown cow. Zebras zigzag in the zoo. First, the fastest ships sailed south past fifty frosty forests. Both brothers breathe with their mouths shut.
The chef's special sauce uses fresh basil, garlic and a splash of fish stock. Please press five for this service, or six for that.
Thanks for the flowers that Sophie sent for the festival. His voice is less harsh than yesterday. Jack and Charles share a large garage."""
SENTENCES = 70
RIDGE = 10.0


def narrow(wide: np.ndarray) -> np.ndarray:
    """Over a telephone."""
    x = np.clip(soxr.resample(wide, 16000, 8000), -32768, 32767).astype(np.int16)
    return np.asarray(g711.ulaw_decode(g711.ulaw_encode(x)))


def wide_bands(wide: np.ndarray, warp: float) -> np.ndarray:
    """All bands, as the model has them, from 16 kHz."""
    window, size = 2 * features.WINDOW, 2 * features.FFT
    hamming = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(window) / (window - 1))
    frames = np.lib.stride_tricks.sliding_window_view(wide, window)[:: 2 * features.HOP] * hamming
    spectra = np.abs(np.fft.rfft(frames, size)) ** 2
    hz = np.arange(size // 2 + 1) * 16000 / size
    low, high = (2595 * np.log10(1 + f / 700) for f in (features.LOW_HZ, features.HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, features.BANDS + 2) / 2595) - 1)
    edges = np.floor(edges / 31.25 + 0.5) * 31.25
    left, middle, right = (edges[i : i + features.BANDS, None] for i in range(3))
    slopes = np.minimum((hz * warp - left) / (middle - left), (right - hz * warp) / (right - middle))
    emphasis = 1 + 0.97**2 - 2 * 0.97 * np.cos(2 * np.pi * hz / 16000)
    return np.log(spectra @ (np.maximum(0, slopes) * 2 / (right - left) * emphasis).T + 1.0)


def fit(hibari: Hibari, texts: list[str], warp: float, first: int, heights: tuple[float, ...]) -> np.ndarray:
    """The map of one kind of voices."""
    rng = np.random.default_rng(3)
    size = (2 * features.CONTEXT + 1) * (first - 1) + 1
    xx, xy = RIDGE * np.eye(size), np.zeros((size, features.BANDS - first))
    for i, text in enumerate(texts):
        audio = hibari(text, seed=i)
        for height in rng.choice(heights, 2, replace=False):
            wide = soxr.resample(audio, 24000 * height, 16000) * 32768 * 10 ** (rng.uniform(-20, -3) / 20)
            wide = wide + rng.normal(0, rng.uniform(1, 20), len(wide))
            spectra = features.power(narrow(wide))
            whole = wide_bands(wide, warp)
            n = min(len(spectra), len(whole))
            rows, means = features.with_context(features.log_bands(spectra[:n], warp)[:, 1:first])
            wanted = whole[features.CONTEXT : n - features.CONTEXT, first:] - means
            xx += rows.T @ rows
            xy += rows.T @ wanted
    return np.linalg.solve(xx, xy)


def main() -> None:
    """Fit all, and write them."""
    hibari = Hibari()
    spoken = [text.strip() for text in SPOKEN.replace("\n", " ").split(". ")]
    phrases = sentences()
    texts = (spoken + [f"{text}." for text in phrases[:: len(phrases) // (SENTENCES - len(spoken))]])[:SENTENCES]
    found = [
        {"warp": warp, "first": first, "weights": np.round(fit(hibari, texts, warp, first, heights), 4).tolist()}
        for warp, first, heights in KINDS
    ]
    OUT.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
