"""Samples to and from what lies on the wire."""

from __future__ import annotations

from collections.abc import Callable

from talkpath import g711, l16
from talkpath._types import Samples
from talkpath.errors import ConfigError
from talkpath.streams import Wire

Encode = Callable[[Samples], bytes]
Decode = Callable[[bytes], Samples]


def encoder(wire: Wire) -> Encode:
    """For µ-law, A-law and L16; ConfigError for another codec."""
    if wire.codec == "mulaw":
        return g711.ulaw_encode
    if wire.codec == "alaw":
        return g711.alaw_encode
    if wire.codec == "l16":
        return lambda pcm: l16.encode(pcm, "big" if wire.byte_order == "big" else "little")
    raise ConfigError(f"the phone carries mulaw, alaw and l16 (got {wire.codec!r})")


def decoder(wire: Wire) -> Decode:
    """For µ-law, A-law and L16; ConfigError for another codec."""
    if wire.codec == "mulaw":
        return g711.ulaw_decode
    if wire.codec == "alaw":
        return g711.alaw_decode
    if wire.codec == "l16":
        return lambda data: l16.decode(data, "big" if wire.byte_order == "big" else "little")
    raise ConfigError(f"the phone carries mulaw, alaw and l16 (got {wire.codec!r})")
