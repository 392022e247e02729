"""Writes dtmf_tables.h: the two band-pass filters of the DTMF detector (needs SciPy)."""

from pathlib import Path

import numpy as np
from scipy import signal

RATE_HZ = 8000
TAPS = 80
# name, centre, half of the pass band, stop band (all Hz): the groups of ITU-T Q.23 +-2.5 %; the low band's stop band holds
# dial tone (440 Hz and below) and the high group, the high band's the low group
BANDS = (("low", 822.0, 150.0, 350.0), ("high", 1426.0, 250.0, 460.0))


def band(centre: float, half_width: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """Right halves of the in-phase taps (even about the centre) and of the quadrature taps (odd)."""
    low_pass = signal.remez(TAPS, [0, half_width, stop, RATE_HZ / 2], [1, 0], weight=[1, 3], fs=RATE_HZ, maxiter=200)
    t = (np.arange(TAPS) - (TAPS - 1) / 2) / RATE_HZ
    phase = 2 * np.pi * centre * t
    return (low_pass * np.cos(phase))[TAPS // 2 :], (low_pass * np.sin(phase))[TAPS // 2 :]


def table(name: str, values: np.ndarray) -> str:
    rows = [", ".join(f"{v:.8e}f" for v in values[i : i + 8]) for i in range(0, len(values), 8)]
    return f"static const float {name}[{len(values)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def generate() -> str:
    out = "/* Written by gen_dtmf.py: right halves of the band-pass filters. Do not edit. */\n"
    for name, *shape in BANDS:
        even, odd = band(*shape)
        out += "\n" + table(f"{name}_even", even) + "\n" + table(f"{name}_odd", odd)
    return out


if __name__ == "__main__":
    Path(__file__).with_name("dtmf_tables.h").write_text(generate(), encoding="utf-8")
