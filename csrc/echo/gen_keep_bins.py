"""Writes keep_bins_tables.h: the weights of every bin's network (keep_bins_weights.npz; training/echo/train_bins.py makes it)."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gen_near_net import HERE, table

CALLER, ONE = 6, 14  # of the measures in training


def generate() -> str:
    weights = dict(np.load(HERE / "keep_bins_weights.npz"))
    units, measures = weights["hidden"].shape
    out = "/* Written by gen_keep_bins.py from keep_bins_weights.npz. Do not edit. */\n\n"
    out += f"#define KEEP_BINS_MEASURES {measures}\n#define KEEP_BINS_HIDDEN {units}\n\n"
    # What is the same for all bins of a slot makes the biases.
    tables = {
        "hidden": np.delete(weights["hidden"], [CALLER, ONE], axis=1),
        "caller": weights["hidden"][:, CALLER],
        "bias": weights["hidden"][:, ONE],
        "out": weights["out"],
        "out_bias": weights["out_bias"],
    }
    return out + "".join(table(f"bins_{name}", values) for name, values in tables.items()).rstrip("\n") + "\n"


if __name__ == "__main__":
    (HERE / "keep_bins_tables.h").write_text(generate())
