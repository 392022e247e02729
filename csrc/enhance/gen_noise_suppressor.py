"""Writes noise_suppressor_tables.h: bands and trained weights (noise_suppressor_weights.npz; training/enhance/train_ns.py makes it)."""

import importlib.util
from pathlib import Path

import numpy as np

ONE, INPUT = 16384, 4096  # as in dsp/gru.h
INPUT_SCALES = ("dense_scale", "high_scale")
HERE = Path(__file__).resolve().parent


def front_end():
    """training/enhance/ns_features.py."""
    spec = importlib.util.spec_from_file_location("ns_features", HERE.parents[1] / "training/enhance/ns_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(name: str, values: np.ndarray, kind: str = "float") -> str:
    form = "{:.8g}" if kind == "float" else "{}"
    words = [form.format(v) for v in np.asarray(values).ravel()]
    if kind == "float":
        words = [(w if "." in w or "e" in w else w + ".0") + "f" for w in words]
    a_row = 8 if kind == "float" else 24
    rows = [", ".join(words[i : i + a_row]) for i in range(0, len(words), a_row)]
    return f"static const {kind} ns_{name}[{len(words)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n\n"


def layout(name: str, bands: np.ndarray) -> str:
    """A bin lies between two bands, or beyond an end one."""
    lower = np.minimum(bands.argmax(axis=0), len(bands) - 2)
    bins = np.arange(bands.shape[1])
    lower -= (lower > 0) & (bands[lower - 1, bins] > 0)
    share = bands[lower + 1, bins]
    assert np.allclose(bands[lower, bins] + share, 1)
    assert (np.diff(lower) >= 0).all()
    starts = np.searchsorted(lower, np.arange(len(bands)))
    return (
        table(f"{name}_bands_start", starts, "unsigned char")
        + table(f"{name}_bands_share", np.pad(share, (0, 8)))
        + table(f"{name}_bands_scale", 1 / bands.sum(axis=1))
    )


def generate() -> str:
    weights = np.load(HERE / "noise_suppressor_weights.npz")
    out = "/* Written by gen_noise_suppressor.py from noise_suppressor_weights.npz. Do not edit. */\n\n#include <stdint.h>\n\n"
    for name, bands in zip(("low", "high"), front_end().band_map(), strict=True):
        out += layout(name, bands)
    out += "/* Matrices two columns at a time, row by row; a scale for each row. Gates: reset, update, new. */\n"
    for name in sorted(weights):
        values = weights[name]
        if values.dtype == np.int8:
            pairs = values.reshape(len(values), -1, 2).transpose(1, 0, 2)
            out += table(name, pairs, "int8_t")
        else:
            one = (INPUT if name in INPUT_SCALES else ONE) if name.endswith("_scale") else 1
            out += table(name, values / one)
    return out.rstrip("\n") + "\n"


if __name__ == "__main__":
    (HERE / "noise_suppressor_tables.h").write_text(generate())
