"""The plots of docs/benchmarks, as SVG; the same figures give the same bytes."""

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt

OURS, THEIRS = "#3949ab", "#b0703c"


def write(found: dict[str, Any], folder: Path) -> None:
    """calls.svg and kernels.svg."""
    style = {"svg.hashsalt": "talkpath", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
             "axes.spines.top": False, "axes.spines.right": False}  # fmt: skip
    with mpl.rc_context(style):
        for name, draw in (("calls", calls), ("kernels", kernels)):
            figure = draw(found["speed"])
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight", facecolor="white")
            plt.close(figure)


def calls(speed: dict[str, Any]) -> plt.Figure:
    """Scenes and the usual parts; and what a call costs among many."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.2), width_ratios=[3, 2])
    rows = [*speed["call"]["scenes"], *speed["call"]["peers"]][::-1]
    mean = [row["mean_us"] for row in rows]
    peers = {row["name"] for row in speed["call"]["peers"]}
    left.barh([row["name"] for row in rows], mean, color=[THEIRS if row["name"] in peers else OURS for row in rows])
    for at, value in enumerate(mean):
        left.text(value, at, f" {value:.0f}", va="center")
    left.set_xlabel("µs for 20 ms in and out, mean; one core")
    sizes = [row["calls"] for row in speed["group"]]
    for how, label, marker in (("single", "one by one", "o"), ("group", "CallGroup", "s")):
        right.plot(sizes, [row[how]["mean_us"] for row in speed["group"]], marker=marker, label=label)
    right.set_xscale("log")
    right.set_ylim(bottom=0)
    right.set_xlabel("calls on one thread")
    right.set_ylabel("µs a call and frame, mean")
    right.legend(frameon=False)
    figure.tight_layout()
    return figure


def kernels(speed: dict[str, Any]) -> plt.Figure:
    """How many times as long each peer takes, one dot a benchmark."""
    rows = [
        (row["ratio"], row["peer"], group)
        for group, found in speed["kernels"].items()
        for row in found
        if not row["peer"].startswith("talkpath")
    ]
    names = sorted({peer for _, peer, _ in rows}, key=lambda peer: max(r for r, p, _ in rows if p == peer))
    figure, axes = plt.subplots(figsize=(10, 0.32 * len(names) + 0.8))
    for at, name in enumerate(names):
        ratios = [ratio for ratio, peer, _ in rows if peer == name]
        axes.plot(ratios, [at] * len(ratios), "o", color=THEIRS, alpha=0.7)
    axes.axvline(1, color=OURS)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("mean time of the peer, of talkpath's for the same 20 ms in the same run (1: as fast)")
    figure.tight_layout()
    return figure
