"""Writes fft_tables.h: cos and sin of 2*pi*k/1024 for k = 0 .. 1023, rounded to float."""

import math
from pathlib import Path

N = 1024


def table(name: str, values: list[float]) -> str:
    rows = [", ".join(f"{v:.9e}f" for v in values[i : i + 8]) for i in range(0, len(values), 8)]
    return f"static const float {name}[{len(values)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def exact(k: int, shift: int) -> float:
    """cos(2 pi (k - shift) / N), exact at the multiples of a quarter turn."""
    k = (k - shift) % N
    if k % (N // 4) == 0:
        return (1.0, 0.0, -1.0, 0.0)[k // (N // 4)]
    return math.cos(2 * math.pi * k / N)


def generate() -> str:
    cos = [exact(k, 0) for k in range(N)]
    sin = [exact(k, N // 4) for k in range(N)]
    return (
        "/* Written by gen_fft.py: cos and sin of 2*pi*k/1024. Do not edit. */\n\n"
        + table("tp_fft_cos", cos)
        + "\n"
        + table("tp_fft_sin", sin)
    )


if __name__ == "__main__":
    Path(__file__).with_name("fft_tables.h").write_text(generate(), encoding="utf-8")
