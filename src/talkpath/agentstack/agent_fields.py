"""What a field of an agent may be. Each check takes the field's path and its value, and gives the value back as it is meant."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from talkpath.agentstack.agent import AgentError

Check: TypeAlias = Callable[[str, Any], Any]
MAX_DEPTH = 64
MAX_VALUES = 20_000
MAX_URL_CHARS = 2048


def shown(value: object) -> str:
    """A value in an error: short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def text(path: str, value: object) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise AgentError(path, f"must be a text (got {shown(value)})")
    return value


def name(path: str, value: object) -> str:
    """A text that is not empty, 256 characters at most."""
    if not isinstance(value, str) or not value.strip() or len(value) > 256:
        raise AgentError(path, f"must be a text of 1 to 256 characters (got {shown(value)})")
    return value


def secret(path: str, value: object) -> str:
    """A key: its value is never shown."""
    if not isinstance(value, str) or not (value.isascii() and value.isprintable()) or " " in value.strip():
        raise AgentError(path, "must be a text of visible ASCII characters")
    return value.strip()


def flag(path: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise AgentError(path, f"must be true or false (got {shown(value)})")
    return value


def number(low: float, high: float) -> Check:
    """A number, whole or not."""

    def check(path: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise AgentError(path, f"must be a number, {low:g} to {high:g} (got {shown(value)})")
        return value

    return check


def whole(low: int, high: int) -> Check:
    """A whole number; 30.0 is one."""

    def check(path: str, value: object) -> int:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not low <= value <= high or value != int(value):  # type: ignore[operator, call-overload]
            raise AgentError(path, f"must be a whole number, {low} to {high} (got {shown(value)})")
        return int(value)  # type: ignore[call-overload, no-any-return]

    return check


def one_of(*allowed: str) -> Check:
    """One of some words, as they are written."""

    def check(path: str, value: object) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise AgentError(path, f"must be one of {', '.join(allowed)} (got {shown(value)})")
        return value

    return check


def word_of(*allowed: str) -> Check:
    """One of some words, upper case or lower."""

    def check(path: str, value: object) -> str:
        return str(one_of(*allowed)(path, value.strip().lower() if isinstance(value, str) else value))

    return check


def url(*schemes: str) -> Check:
    """An address with a host, without a user's name in it: secrets have fields of their own."""

    def check(path: str, value: object) -> str:
        how = f"must be a URL, {' or '.join(f'{s}://' for s in schemes)}"
        if not isinstance(value, str) or len(value) > MAX_URL_CHARS or not (value.isascii() and value.isprintable()):
            raise AgentError(path, f"{how} (got {shown(value)})")
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or " " in value:
            raise AgentError(path, f"{how} (got {shown(value)})")
        if parts.username is not None:
            raise AgentError(path, "must not hold a user's name or password")
        return value

    return check


def mapping(path: str, value: object) -> Mapping[str, Any]:
    """An object."""
    if not isinstance(value, Mapping):
        raise AgentError(path, f"must be an object (got {shown(value)})")
    return value


def listing(path: str, value: object, longest: int = 256) -> Sequence[Any]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise AgentError(path, f"must be a list (got {shown(value)})")
    if len(value) > longest:
        raise AgentError(path, f"must not be longer than {longest} (got {len(value)})")
    return value


def phone_number(path: str, value: object) -> str:
    """E.164, or what a telephone system calls its extensions: digits, a plus before them."""
    if not isinstance(value, str) or not re.fullmatch(r"\+?[0-9]{2,20}", value):
        raise AgentError(path, f"must be a phone number, like +14155551234 (got {shown(value)})")
    return value


def digits(path: str, value: object) -> str:
    """Keys to press; "w" and "W" are waits."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Da-d*#wW]{0,64}", value):
        raise AgentError(path, f"must be keys: 0-9 A-D * #, w or W to wait (got {shown(value)})")
    return value


def unfit(value: object) -> str | None:
    """Why a parsed JSON value cannot be kept or given back: too deep, too many, a number without end, half a character. None: it can."""
    waiting: list[tuple[object, int]] = [(value, 0)]
    count = 0
    while waiting:
        one, depth = waiting.pop()
        count += 1 + (len(one) if isinstance(one, list | dict) else 0)
        if count > 2 * MAX_VALUES:  # each is counted where it lies and when it is looked at
            return f"has more than {MAX_VALUES} values"
        if depth > MAX_DEPTH:
            return f"is nested deeper than {MAX_DEPTH}"
        if isinstance(one, float) and not math.isfinite(one):
            return "has a number that is not finite"
        if isinstance(one, str) and not _is_whole_text(one):
            return "has a text with half a character (a lone surrogate)"
        if isinstance(one, dict):
            waiting += [(key, depth) for key in one]
            waiting += [(inner, depth + 1) for inner in one.values()]
        elif isinstance(one, list):
            waiting += [(inner, depth + 1) for inner in one]
    return None


def _is_whole_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
