"""Writes resampler_tables.h: the prototype low-pass of each resampler quality.

A prototype is a continuous-time filter h(t), t in samples of the lower of the two rates, |t| <= HALF: an ideal low-pass
(cut-off in cycles per sample) times a Kaiser window (J. F. Kaiser, "Nonrecursive digital filter design using the I0-sinh
window function", ISCAS 1974). It is stored from 0 to HALF at 32 points a sample; resampler.c interpolates between them
with six-point polynomials, whose error is below -160 dB for a signal of that bandwidth.

Choosing the three numbers: telephone speech ends at 0.85 of the lower Nyquist frequency (3400 Hz), and what lies above
the mirror image of that edge (4600 Hz) must not come back into the voice band, so the transition may be 0.3 of the
Nyquist frequency wide and centred on it. Kaiser's rule A = 7.95 + 14.36 * width * length then gives the attenuation for
a length, and beta = 0.1102 (A - 8.7). "hifi" stops everything from the Nyquist frequency on instead. Whole half lengths
make the delay a whole number of samples at both rates of an integer ratio: int16 input then loses nothing to rounding
where input and output samples coincide (1 to 1.5 dB of SNR).
"""

import math
from pathlib import Path

POINTS = 32
# name: (HALF in samples, cut-off in cycles per sample, beta)
QUALITIES = {
    "low_latency": (12, 0.500, 5.60),
    "voice": (20, 0.500, 9.37),
    "hifi": (80, 0.4765, 13.00),
}


def bessel_i0(x: float) -> float:
    """Modified Bessel function of the first kind, order 0, by its power series."""
    term = total = 1.0
    k = 0
    while term > 1e-18 * total:
        k += 1
        term *= (x / (2 * k)) ** 2
        total += term
    return total


def prototype(half: float, cutoff: float, beta: float) -> list[float]:
    values = []
    for i in range(round(half * POINTS) + 1):
        t = i / POINTS
        sinc = 1.0 if i == 0 else math.sin(2 * math.pi * cutoff * t) / (2 * math.pi * cutoff * t)
        window = bessel_i0(beta * math.sqrt(max(0.0, 1 - (t / half) ** 2))) / bessel_i0(beta)
        values.append(2 * cutoff * sinc * window)
    return values


def generate() -> str:
    out = ["/* Written by gen_resampler.py. Do not edit. */\n", f"#define TP_PROTOTYPE_POINTS {POINTS}\n"]
    for name, (half, cutoff, beta) in QUALITIES.items():
        values = prototype(half, cutoff, beta)
        rows = [", ".join(f"{v:.12e}" for v in values[i : i + 6]) for i in range(0, len(values), 6)]
        out.append(f"/* cut-off {cutoff} cycles per sample, beta {beta} */")
        out.append(f"static const double {name}[{len(values)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n")
    return "\n".join(out)


if __name__ == "__main__":
    Path(__file__).with_name("resampler_tables.h").write_text(generate(), encoding="utf-8")
