"""Writes near_net_tables.h: the near-end network's weights (near_net_weights.npz; training/echo/train_near_end.py makes it)."""

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


def quantised(weights: np.ndarray, max: int = 127) -> tuple[np.ndarray, np.ndarray]:
    """Bytes and one scale a row, rows padded to a multiple of 8."""
    weights = np.pad(weights, ((0, -len(weights) % 8), (0, 0)))
    scale = np.maximum(np.abs(weights).max(axis=1), 1e-6) / max
    return np.round(weights / scale[:, None]).astype(int), scale


def network(name: str, prefix: str, weights: dict[str, np.ndarray], layers: tuple[str, ...], max: int = 127) -> str:
    """Shape, features' means and spreads, and the layers of a network as gru.c wants them."""
    features, units = len(weights["mean"]), weights["recurrent0"].shape[1]
    out = table(f"{prefix}_mean", weights["mean"]) + table(f"{prefix}_inverse", 1 / weights["spread"])
    out += "/* Matrices two columns at a time, row by row; a scale for each row. Gates: reset, update, new. */\n"
    for layer in layers:
        matrix, scale = quantised(weights[layer], max)
        one = ONE / LIMIT if layer == "dense" else ONE
        pairs = matrix.reshape(len(matrix), -1, 2).transpose(1, 0, 2)
        out += table(f"{prefix}_{layer}", pairs, "int8_t") + table(f"{prefix}_{layer}_scale", scale / one)
        out += table(f"{prefix}_{layer}_bias", np.pad(weights[f"{layer}_bias"], (0, -len(weights[layer]) % 8)))
    return f"#define {name}_NET_FEATURES {features}\n#define {name}_NET_UNITS {units}\n\n" + out.rstrip("\n") + "\n"


def generate() -> str:
    weights = dict(np.load(HERE / "near_net_weights.npz"))
    layers = ("dense", "input0", "recurrent0", "input1", "recurrent1", "out")
    return "/* Written by gen_near_net.py from near_net_weights.npz. Do not edit. */\n\n" + network(
        "NEAR", "net", weights, layers
    )


if __name__ == "__main__":
    (HERE / "near_net_tables.h").write_text(generate())
