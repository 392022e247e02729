"""Writes fft_tables.h: the tables that dsp/fft.h declares, rounded to float."""

import math
from pathlib import Path

N, MIN = 1024, 128
SIZES = [MIN << i for i in range((N // MIN).bit_length())]


def table(name: str, values: list[float]) -> str:
    rows = [", ".join(f"{v:.9e}f" for v in values[i : i + 8]) for i in range(0, len(values), 8)]
    return f"const float {name}[{len(values)}] = {{\n    " + ",\n    ".join(rows) + ",\n};\n"


def cos(k: int, n: int) -> float:
    """cos(2 pi k / n), exact at the multiples of a quarter turn."""
    k %= n
    if 4 * k % n == 0:
        return (1.0, 0.0, -1.0, 0.0)[4 * k // n]
    return math.cos(2 * math.pi * k / n)


def sin(k: int, n: int) -> float:
    return cos(4 * k - n, 4 * n)


def generate() -> str:
    twists = [(a * b, N // 2) for a in range(N // 16) for b in range(8)]
    splits = [(k, n) for n in SIZES for k in range(n // 4)]
    return "/* Written by gen_fft.py. Do not edit. */\n\n" + "\n".join(
        (
            table("tp_fft_cos", [cos(k, N) for k in range(N)]),
            table("tp_fft_twist_cos", [cos(*angle) / 2 for angle in twists]),
            table("tp_fft_twist_sin", [sin(*angle) / 2 for angle in twists]),
            table("tp_fft_split_cos", [cos(*angle) for angle in splits]),
            table("tp_fft_split_sin", [sin(*angle) for angle in splits]),
        )
    )


if __name__ == "__main__":
    Path(__file__).with_name("fft_tables.h").write_text(generate(), encoding="utf-8")
