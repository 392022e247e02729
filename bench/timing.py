"""How times are taken and told, everywhere in bench/."""

import gc
import time
from collections.abc import Callable, Iterable

import numpy as np


def timed(frames: Iterable[Callable[[], object]]) -> np.ndarray:
    """µs of each; no garbage is collected meanwhile."""
    gc.collect()
    gc.disable()
    times = []
    for frame in frames:
        began = time.perf_counter_ns()
        frame()
        times.append(time.perf_counter_ns() - began)
    gc.enable()
    return np.array(times) / 1000


def trimmed_mean(times: np.ndarray) -> float:
    """Without the slowest half per cent, in which the machine did something else."""
    return float(np.sort(times)[: max(1, int(len(times) * 0.995))].mean())


def figures(times: np.ndarray) -> dict[str, float]:
    """Of µs. Means are what to compare by: some peers do nothing in most calls and everything in a few."""
    return {
        "median_us": round(float(np.median(times)), 2),
        "mean_us": round(trimmed_mean(times), 2),
        "p99_us": round(float(np.percentile(times, 99)), 2),
    }
