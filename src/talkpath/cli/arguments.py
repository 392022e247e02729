"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def port(text: str) -> int:
    """Of TCP; 0: any."""
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is a whole number up to 65535 (got {text!r})")
    return int(text)


def count(text: str) -> int:
    """1 or more."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 or more (got {text!r})")
    return int(text)


def seconds(text: str) -> float:
    """0 or more."""
    found = _float(text)
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number of seconds, 0 or more (got {text!r})")
    return found


def between(least: float, most: float) -> Callable[[str], float]:
    """A number of this range."""

    def number(text: str) -> float:
        found = _float(text)
        if not least <= found <= most:
            raise argparse.ArgumentTypeError(f"must be a number, {least:g} to {most:g} (got {text!r})")
        return found

    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
