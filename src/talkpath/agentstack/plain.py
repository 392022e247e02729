"""What comes from outside as what can be sent on: text without half characters, numbers without NaN. JSON readers let both in, writers do not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def whole_text(text: str) -> str:
    """Text in which every character is whole. Half of one (an emoji that was cut in two) cannot be written as UTF-8; "\ufffd" stands for it."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def plain(value: Any) -> Any:
    """The same with whole text in all places, and None for what is no number."""
    if isinstance(value, str):
        return whole_text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if type(value) is dict or isinstance(value, Mapping):  # to ask for `Mapping` takes longer than all the rest
        return {whole_text(str(name)): plain(found) for name, found in value.items()}
    if isinstance(value, list | tuple):
        return [plain(found) for found in value]
    return value


def read_json(data: str | bytes) -> Any:
    """JSON in which all is plain. Raises `ValueError` where it is none, or is nested too deep."""
    try:
        text = data if isinstance(data, str) else data.decode()
        found = json.loads(text, parse_constant=_nothing)
        return plain(found) if "\\u" in text else found
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _nothing(name: str) -> None:
    """For NaN and Infinity."""
