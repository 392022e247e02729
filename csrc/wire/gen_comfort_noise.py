"""Writes comfort_noise_tables.h: quantiles of the normal distribution for noise by inversion.

A uniform number picks one of CELLS equally likely cells and a place within it; joining the quantiles by straight lines
makes the density a staircase. The outermost quantile is placed, and the whole scaled, so that variance and kurtosis are
those of a Gaussian: 1 and 3.
"""

import math
from pathlib import Path
from statistics import NormalDist

CELLS = 1024


def moments(q: list[float]) -> tuple[float, float]:
    """Second and fourth moment of a uniform choice of cell, then of place in the cell."""
    second = math.fsum((a * a + a * b + b * b) / 3 for a, b in zip(q, q[1:], strict=False)) / CELLS
    fourth = math.fsum(sum(a**i * b ** (4 - i) for i in range(5)) / 5 for a, b in zip(q, q[1:], strict=False)) / CELLS
    return second, fourth


def quantiles() -> list[float]:
    inner = [NormalDist().inv_cdf(i / CELLS) for i in range(1, CELLS)]
    low, high = -inner[0], 12.0
    for _ in range(80):  # the end point whose tails give the right kurtosis, by bisection
        end = (low + high) / 2
        second, fourth = moments([-end, *inner, end])
        low, high = (end, high) if fourth / second**2 < 3 else (low, end)
    scale = 1 / math.sqrt(moments([-end, *inner, end])[0])
    return [v * scale for v in [-end, *inner, end]]


def generate() -> str:
    values = quantiles()
    rows = [", ".join(f"{v:.7e}f" for v in values[i : i + 8]) for i in range(0, len(values), 8)]
    return (
        "/* Written by gen_comfort_noise.py. Do not edit. */\n\n"
        f"#define TP_NORMAL_CELL_BITS {int(math.log2(CELLS))}\n\n"
        f"static const float normal_quantiles[{len(values)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"
    )


if __name__ == "__main__":
    Path(__file__).with_name("comfort_noise_tables.h").write_text(generate(), encoding="utf-8")
