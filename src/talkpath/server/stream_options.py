"""Options of a stream, from the query of its address: `/freeswitch?stream.sample_rate_hz=16000&stream.mix=stereo`."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from talkpath.errors import ConfigError
from talkpath.streams import DIALECTS, Stream, Wire

PREFIX = "stream."
_COMMON = {"role", "path", "headers"}
_BOOL = {"true": True, "1": True, "false": False, "0": False}


@cache
def _known(dialect: str) -> dict[str, str]:
    """Names and annotations of what a dialect's class takes besides the common."""
    parameters = inspect.signature(DIALECTS[dialect]).parameters.values()
    return {p.name: str(p.annotation) for p in parameters if p.name not in _COMMON}


def stream_options(cls: type[Stream], query: str) -> dict[str, Any]:
    """What the query says for the constructor of `cls`. Names without the prefix are the user's own.

    Raises
    ------
    ConfigError
        The dialect has no such option, or the value is not of its kind.
    """
    found: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX)
        kind = _known(cls.dialect).get(name)
        if kind is None:
            known = ", ".join(PREFIX + option for option in _known(cls.dialect)) or "none"
            raise ConfigError(f"{cls.dialect} has no option {key[:40]!r}; it has: {known}")
        found[name] = _value(key, text, kind, cls.dialect)
    return found


def _value(key: str, text: str, kind: str, dialect: str) -> Any:
    kind = kind.partition(" | ")[0]
    if kind == "str":
        return text
    if kind == "bool" and text.lower() in _BOOL:
        return _BOOL[text.lower()]
    if kind == "int" and text.isascii() and text.isdigit():
        return int(text[:9])
    if kind == "Wire":
        codec, _, rate = text.lower().partition("@")
        if codec in ("mulaw", "alaw", "l16") and (rate or "8000").isdigit():
            order = "" if codec != "l16" else "big" if dialect == "telnyx" else "little"
            return Wire(codec, int((rate or "8000")[:6]), order)
    raise ConfigError(f"{key}: {'CODEC@RATE' if kind == 'Wire' else kind} is expected (got {text[:40]!r})")
