"""Samples to and from what lies on the wire."""

from __future__ import annotations

from collections.abc import Callable

from talkpath import Resampler, g711, l16
from talkpath._types import Samples
from talkpath.errors import ConfigError
from talkpath.streams import Media, Wire

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


class Intake:
    """The server's payloads as samples at the caller's rate.

    Parameters
    ----------
    wire : Wire
        What was agreed on; a message may say that it is in another form.
    sample_rate : int
    """

    def __init__(self, wire: Wire, sample_rate: int) -> None:
        self._decode = decoder(wire)
        self._rate = sample_rate
        self._resample = Resampler(wire.sample_rate_hz, sample_rate) if wire.sample_rate_hz != sample_rate else None
        self._is_plain = wire.codec != "l16" and self._resample is None
        self._odd = b""  # half a sample of L16, which may be cut anywhere

    def samples(self, media: Media) -> Samples:
        """The samples of a message."""
        wire, data = media.wire, media.payload
        if wire is None and self._is_plain:
            return self._decode(data)
        if wire is not None:
            pcm = decoder(wire)(data)
            return pcm if wire.sample_rate_hz == self._rate else Resampler(wire.sample_rate_hz, self._rate).process(pcm)
        if self._odd or len(data) & 1:
            data = self._odd + data
            whole = len(data) & ~1
            data, self._odd = data[:whole], data[whole:]
        pcm = self._decode(data)
        return pcm if self._resample is None else self._resample.process(pcm)
