"""Reads the members of JSON messages: each function returns a checked value, or raises FormatError naming the member."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from talkpath._core import base64_decode
from talkpath.errors import FormatError
from talkpath.streams.messages import Wire

Object = dict[str, Any]

KEYS = "0123456789*#ABCD"
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_SLIN = re.compile("slin([0-9]{1,3})")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_CODECS = {
    "pcmu": "mulaw",
    "ulaw": "mulaw",
    "g711u": "mulaw",
    "pcma": "alaw",
    "g711a": "alaw",
    "raw": "l16",
    "pcm": "l16",
    "linear16": "l16",
    "slin": "l16",
}


def refuse(path: str, problem: str) -> NoReturn:
    """Raise FormatError for the member at `path`."""
    where = path if len(path) <= 60 and path.isprintable() else shown(path)
    raise FormatError(f"{where}: {problem}")


def shown(value: object) -> str:
    """A value for an error message: short, and safe to print."""
    text = ascii(value) if not isinstance(value, (dict, list)) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def _constant(name: str) -> NoReturn:
    raise FormatError(f"message: {name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_constant)


def parse(message: object) -> Object:
    """The JSON object in a text message."""
    if not isinstance(message, str):
        refuse("message", "a binary message where text is expected")
    try:
        value = _DECODER.decode(message)
    except FormatError:
        raise
    except RecursionError:
        refuse("message", "nested too deeply")
    except ValueError as problem:
        refuse("message", f"not JSON ({problem})"[:120])
    if not isinstance(value, dict):
        refuse("message", f"an object is expected, got {shown(value)}")
    return value


def binary(message: object) -> bytes:
    """The payload of a binary message."""
    if isinstance(message, bytes):
        return message
    if isinstance(message, (bytearray, memoryview)):
        return bytes(message)
    refuse("message", "a text message where binary is expected")


def clean(value: str) -> str:
    """Text without lone surrogates, which no UTF-8 can carry."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def join(where: str, key: str) -> str:
    """Path of member `key` of the object at `where`."""
    return f"{where}.{key}" if where else key


def text(obj: Object, key: str, where: str = "", *, required: bool = False) -> str:
    """A string, or a number as one; "" where it is missing and need not be there."""
    value = obj.get(key)
    if isinstance(value, str):
        if value or not required:
            return clean(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            return str(value)
        except ValueError:  # longer than Python writes
            refuse(join(where, key), "a number of this size is no text")
    elif value is not None:
        refuse(join(where, key), f"a string is expected, got {shown(value)}")
    if required:
        refuse(join(where, key), "missing")
    return ""


def integer(obj: Object, key: str, where: str = "") -> int | None:
    """A whole number of 64 bits, as a number or in a string."""
    value = obj.get(key)
    if value is None:
        return None
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(join(where, key), f"a whole number is expected, got {shown(value)}")
    if not -(2**63) <= value < 2**63:
        refuse(join(where, key), "a number of more than 64 bits")
    return value


def number(obj: Object, key: str, where: str = "") -> float | None:
    """A finite number, as a number or in a string."""
    value = obj.get(key)
    if isinstance(value, str) and _NUMBER.fullmatch(value) and "." in value:
        return float(value)
    if isinstance(value, float) and not value.is_integer():
        if not math.isfinite(value):
            refuse(join(where, key), "a finite number is expected")
        return value
    return integer(obj, key, where)


def child(obj: Object, key: str, where: str = "", *, required: bool = False) -> Object:
    """An object; an empty one where it is missing and need not be there."""
    value = obj.get(key)
    if isinstance(value, dict):
        return value
    if value is not None:
        refuse(join(where, key), f"an object is expected, got {shown(value)}")
    if required:
        refuse(join(where, key), "missing")
    return {}


def strings(values: Object) -> dict[str, str]:
    """Members of any kind as strings; what is no string, as JSON."""
    return {clean(k): clean(v) if isinstance(v, str) else _dumped(k, v) for k, v in values.items() if v is not None}


def _dumped(key: str, value: object) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, ValueError):
        refuse(key, "nested too deeply, or a number too long")


def payload(obj: Object, key: str, where: str) -> bytes:
    """Base64 data."""
    value = obj.get(key)
    if not isinstance(value, str):
        refuse(join(where, key), "missing" if value is None else f"base64 is expected, got {shown(value)}")
    try:
        return base64_decode(value)
    except FormatError as problem:
        refuse(join(where, key), str(problem))


def digit(value: str, path: str) -> str:
    """A key of a telephone."""
    key = value.upper()
    if len(value) != 1 or key not in KEYS:
        refuse(path, f"one of 0-9 * # A-D is expected, got {shown(value)}")
    return key


def codec_of(name: str) -> tuple[str, int | None]:
    """Codec, and the rate that its name may contain, of "audio/x-l16;rate=8000", "PCMU", "slin16" …"""
    base, *parameters = name.strip().lower().split(";")
    base = base.strip().removeprefix("audio/").removeprefix("x-")
    rate = None
    for parameter in parameters:
        key, _, value = parameter.strip().partition("=")
        if key == "rate" and _INTEGER.fullmatch(value):
            rate = int(value)
    slin = _SLIN.fullmatch(base)
    if slin:
        base, rate = "slin", {44: 44100}.get(int(slin[1]), 1000 * int(slin[1]))
    return _CODECS.get(base, base), rate


def wire(encoding: str, rate_hz: int | None, path: str, *, byte_order: str = "little", default_hz: int = 8000) -> Wire:
    """A wire from a provider's words."""
    codec, named = codec_of(encoding)
    rate = rate_hz if rate_hz is not None else named if named is not None else default_hz
    if not codec:
        refuse(path, "no codec")
    if not 8000 <= rate <= 192000:
        refuse(path, f"a sample rate of 8000 to 192000 Hz is expected, got {shown(rate)}")
    return Wire(codec, rate, byte_order if codec == "l16" else "")
