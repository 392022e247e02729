"""Writes keep_net_tables.h: the suppressor's network's weights (keep_net_weights.npz; training/echo/train_keep.py makes it)."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gen_near_net import HERE, network

MAX = 15  # five bits: they compress better in a wheel, and nobody hears the difference


def generate() -> str:
    weights = dict(np.load(HERE / "keep_net_weights.npz"))
    layers = ("dense", "input0", "recurrent0", "out")
    return "/* Written by gen_keep_net.py from keep_net_weights.npz. Do not edit. */\n\n" + network(
        "KEEP", "keep", weights, layers, MAX
    )


if __name__ == "__main__":
    (HERE / "keep_net_tables.h").write_text(generate())
