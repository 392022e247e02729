"""Writes vad_tables.h: the VAD's window, bands and trained weights (vad_weights.npz; training/detect/train_vad.py makes it)."""

import importlib.util
from pathlib import Path

import numpy as np

ONE, INPUT = 16384, 4096  # as in dsp/gru.h
INPUT_SCALES = ("dense_scale",)
HERE = Path(__file__).resolve().parent


def front_end():
    """training/detect/vad_features.py."""
    spec = importlib.util.spec_from_file_location("vad_features", HERE.parents[1] / "training/detect/vad_features.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(name: str, values: np.ndarray, kind: str = "float") -> str:
    form = "{:.9g}" if kind == "float" else "{}"
    words = [form.format(v) for v in np.asarray(values).ravel()]
    if kind == "float":
        words = [(w if "." in w or "e" in w else w + ".0") + "f" for w in words]
    a_row = 24 if kind == "int8_t" else 8
    rows = [", ".join(words[i : i + a_row]) for i in range(0, len(words), a_row)]
    return f"static const {kind} {name}[{len(words)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n\n"


def generate() -> str:
    ref, weights = front_end(), dict(np.load(HERE / "vad_weights.npz"))
    units = weights["recurrent0"].shape[1]
    out = "/* Written by gen_vad.py from vad_weights.npz. Do not edit. */\n\n#include <stdint.h>\n\n"
    out += f"#define TP_VAD_FFT {ref.FFT}\n#define TP_VAD_WINDOW_MIDDLE {ref.RISE}\n#define TP_VAD_BANDS {ref.BANDS}\n"
    out += f"#define TP_VAD_FEATURES {ref.FEATURES}\n#define TP_VAD_UNITS {units}\n\n"
    out += table("vad_window", ref.window().astype(np.float32))
    bands = ref.band_weights()
    used = [np.flatnonzero(row) for row in bands]
    out += "/* Each band's weights, from its first bin on, one band after the other. */\n"
    out += table("vad_band_first", np.array([i[0] for i in used]), "unsigned char")
    out += table("vad_band_count", np.array([len(i) for i in used]), "unsigned char")
    out += table(
        "vad_band_rows", np.concatenate([row[i] for row, i in zip(bands, used, strict=True)]).astype(np.float32)
    )
    out += "/* Pitch lags in octaves. */\n"
    out += table("vad_lags", np.log2(np.arange(ref.FIRST_LAG, ref.LAST_LAG + 1) / 50).astype(np.float32))
    out += "/* Matrices two columns at a time, row by row; a scale for each row. Gates: reset, update, new. */\n"
    for name in sorted(weights):
        values = weights[name]
        if values.dtype == np.int8:
            pairs = values.reshape(len(values), -1, 2).transpose(1, 0, 2)
            out += table(f"vad_{name}", pairs, "int8_t")
        else:
            one = (INPUT if name in INPUT_SCALES else ONE) if name.endswith("_scale") else 1
            out += table(f"vad_{name}", values / one)
    return out.rstrip("\n") + "\n"


if __name__ == "__main__":
    (HERE / "vad_tables.h").write_text(generate())
