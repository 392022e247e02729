"""Writes keep_bins_tables.h: the weights of every bin's network (keep_bins_weights.npz; training/echo/train_bins.py makes it)."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gen_near_net import HERE, table


def generate() -> str:
    weights = dict(np.load(HERE / "keep_bins_weights.npz"))
    units, measures = weights["hidden"].shape
    out = "/* Written by gen_keep_bins.py from keep_bins_weights.npz. Do not edit. */\n\n"
    out += f"#define KEEP_BINS_MEASURES {measures}\n#define KEEP_BINS_HIDDEN {units}\n\n"
    return (
        out
        + "".join(table(f"bins_{name}", weights[name]) for name in ("hidden", "out", "out_bias")).rstrip("\n")
        + "\n"
    )


if __name__ == "__main__":
    (HERE / "keep_bins_tables.h").write_text(generate())
