"""Writes near_net_tables.h: the near-end network's weights (near_net_weights.npz; train/train_near_end.py makes it)."""

from pathlib import Path

import numpy as np

ONE, LIMIT = 16384, 4  # as in near_net.c
HERE = Path(__file__).resolve().parent


def table(name: str, values: np.ndarray, kind: str = "float") -> str:
    words = [("{:.6g}" if kind == "float" else "{}").format(v) for v in np.asarray(values).ravel()]
    if kind == "float":
        words = [(w if "." in w or "e" in w else w + ".0") + "f" for w in words]
    width = 8 if kind == "float" else 24
    rows = [", ".join(words[i : i + width]) for i in range(0, len(words), width)]
    return f"static const {kind} {name}[{len(words)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n\n"


def quantised(weights: np.ndarray, most: int = 127) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and one scale a row, rows padded to a multiple of 8."""
    weights = np.pad(weights, ((0, -len(weights) % 8), (0, 0)))
    scale = np.maximum(np.abs(weights).max(axis=1), 1e-6) / most
    return np.round(weights / scale[:, None]).astype(int), scale


def generate() -> str:
    weights = dict(np.load(HERE / "near_net_weights.npz"))
    out = "/* Written by gen_near_net.py from near_net_weights.npz. Do not edit. */\n\n"
    out += (
        f"#define NEAR_NET_FEATURES {len(weights['mean'])}\n#define NEAR_NET_UNITS {weights['recurrent0'].shape[1]}\n\n"
    )
    out += table("net_mean", weights["mean"]) + table("net_inverse", 1 / weights["spread"])
    out += "/* Matrices two columns at a time, row by row; a scale for each row. Gates: reset, update, new. */\n"
    for name in ("dense", "input0", "recurrent0", "input1", "recurrent1", "out"):
        matrix, scale = quantised(weights[name])
        one = ONE / LIMIT if name == "dense" else ONE
        pairs = matrix.reshape(len(matrix), -1, 2).transpose(1, 0, 2)
        out += table(f"net_{name}", pairs, "int8_t") + table(f"net_{name}_scale", scale / one)
        out += table(f"net_{name}_bias", np.pad(weights[f"{name}_bias"], (0, -len(weights[name]) % 8)))
    return out.rstrip("\n") + "\n"


if __name__ == "__main__":
    (HERE / "near_net_tables.h").write_text(generate())
