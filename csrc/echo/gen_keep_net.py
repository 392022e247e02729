"""Writes keep_net_tables.h: the suppressor's network's weights (keep_net_weights.npz; train/train_keep.py makes it)."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
from gen_near_net import HERE, LIMIT, ONE, quantised, table

MOST = 15  # five bits: they compress better in a wheel, and nobody hears the difference


def generate() -> str:
    weights = dict(np.load(HERE / "keep_net_weights.npz"))
    out = "/* Written by gen_keep_net.py from keep_net_weights.npz. Do not edit. */\n\n"
    out += (
        f"#define KEEP_NET_FEATURES {len(weights['mean'])}\n#define KEEP_NET_UNITS {weights['recurrent0'].shape[1]}\n\n"
    )
    out += table("keep_mean", weights["mean"]) + table("keep_inverse", 1 / weights["spread"])
    out += "/* Matrices two columns at a time, row by row; a scale for each row. Gates: reset, update, new. */\n"
    for name in ("dense", "input0", "recurrent0", "out"):
        matrix, scale = quantised(weights[name], MOST)
        one = ONE / LIMIT if name == "dense" else ONE
        pairs = matrix.reshape(len(matrix), -1, 2).transpose(1, 0, 2)
        out += table(f"keep_{name}", pairs, "int8_t") + table(f"keep_{name}_scale", scale / one)
        out += table(f"keep_{name}_bias", np.pad(weights[f"{name}_bias"], (0, -len(weights[name]) % 8)))
    return out.rstrip("\n") + "\n"


if __name__ == "__main__":
    (HERE / "keep_net_tables.h").write_text(generate())
