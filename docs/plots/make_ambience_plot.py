"""Draws docs/plots/ambience.png: spectrogram and level of each built-in background, with a quarter of the loop repeated.

pip install talkpath matplotlib && python docs/plots/make_ambience_plot.py
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from talkpath import ambience

RATE_HZ = 8000


def main() -> None:
    figure, axes = plt.subplots(len(ambience.NAMES), 2, figsize=(13, 15), width_ratios=[3, 2], constrained_layout=True)
    for (left, right), name in zip(axes, ambience.NAMES, strict=True):
        loop = ambience.generate(name, RATE_HZ)
        x = np.concatenate([loop, loop[: len(loop) // 4]]) / 32768
        noise = 1e-6 * np.random.default_rng(1).standard_normal(len(x))
        left.specgram(x + noise, NFFT=256, Fs=RATE_HZ, noverlap=160, vmin=-130, vmax=-45, cmap="magma")
        left.set(title=name, ylabel="Hz")
        n = RATE_HZ // 50
        level = 10 * np.log10((x[: len(x) // n * n].reshape(-1, n) ** 2).mean(axis=1) + 1e-9)
        right.plot(np.arange(len(level)) / 50, level, linewidth=0.8)
        right.set(ylim=(-70, -10), ylabel="dBov")
        for axis in (left, right):
            axis.axvline(len(loop) / RATE_HZ, color="tab:cyan", linewidth=1)
    for axis in axes[-1]:
        axis.set_xlabel("s (line: the loop begins again)")
    picture = Path(__file__).with_name("ambience.png")
    figure.savefig(picture, dpi=60)
    Image.open(picture).convert("RGB").quantize(32).save(picture, optimize=True)


if __name__ == "__main__":
    main()
