"""Frames of 20 ms: where something is true of them, and levels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from talkpath._types import Samples
from talkpath.measure.thresholds import FRAME_MS, SAID_DBOV, SAID_GAP_MS

Mask = npt.NDArray[np.bool_]
Spans = npt.NDArray[np.int64]


def spans(mask: Mask) -> Spans:
    """Where it is true: shape (n, 2), first frame and the one after the last."""
    around = np.zeros(len(mask) + 2, np.bool_)
    around[1:-1] = mask
    edges: Spans = np.flatnonzero(around[1:] != around[:-1]).reshape(-1, 2)
    return edges


def masked(found: Spans, frames: int) -> Mask:
    """`spans`, the other way round."""
    mask = np.zeros(frames, bool)
    for start, stop in found.tolist():
        mask[start:stop] = True
    return mask


def bridged(found: Spans, gap: int) -> Spans:
    """Those with at most `gap` frames between them become one."""
    if len(found) < 2:
        return found
    parts = np.flatnonzero(found[1:, 0] - found[:-1, 1] > gap)
    firsts, lasts = np.concatenate([[0], parts + 1]), np.concatenate([parts, [-1]])
    return np.stack([found[firsts, 0], found[lasts, 1]], axis=1)


def dbov(power: float) -> float | None:
    """Of samples in int16 units; None for silence."""
    return None if power <= 0.0 else round(10 * float(np.log10(power / 32768.0**2)), 1)


def said_spans(pcm: Samples, rate_hz: int) -> Spans:
    """A recorded track of the agent's, cut at its pauses, so that it can be spoken piece by piece as a TTS would: shape (n, 2), in samples."""
    block = rate_hz * FRAME_MS // 1000
    blocks = pcm[: len(pcm) // block * block].reshape(-1, block).astype(np.float32)
    loud = np.einsum("ij,ij->i", blocks, blocks) / block > 32768.0**2 * 10 ** (SAID_DBOV / 10)
    return bridged(spans(loud), SAID_GAP_MS // FRAME_MS) * block
