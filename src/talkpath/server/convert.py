"""From a provider's wire to a call's, and back: byte order, codec, rate. Nothing is touched where they are the same."""

from __future__ import annotations

from talkpath import Resampler, g711, l16
from talkpath.call.config import WIRE_FORMATS
from talkpath.errors import ConfigError
from talkpath.streams import Wire

_CODECS = ("mulaw", "alaw", "l16")
_SILENCE = {"mulaw": b"\xff", "alaw": b"\xd5", "l16": b"\x00\x00"}


def call_stream(wire: Wire) -> str:
    """What `CallConfig.stream` should be for a caller's wire: itself, or L16 at the rate that loses least.

    Raises
    ------
    ConfigError
        A codec that the engine does not know.
    """
    check(wire)
    if same(wire, own := wire.content_type):
        return own
    if wire.codec != "l16" and wire.sample_rate_hz == 8000:
        return own
    return f"audio/x-l16;rate={8000 if wire.sample_rate_hz <= 8000 else 16000}"


def check(wire: Wire) -> None:
    """ConfigError for a wire that cannot be converted."""
    if wire.codec not in _CODECS:
        raise ConfigError(f"codec {wire.codec!r} is not supported; the engine takes {', '.join(_CODECS)}")


def same(wire: Wire, stream: str) -> bool:
    """True where the bytes of both are the same."""
    return stream in WIRE_FORMATS and wire.content_type == stream and wire.byte_order in ("", "little")


def silence(stream: str) -> bytes:
    """One sample of it on a call's wire."""
    return _SILENCE[wire_of(stream).codec]


def wire_of(stream: str) -> Wire:
    """A call's wire in the streams' words."""
    form = WIRE_FORMATS[stream]
    codec = "mulaw" if form.codec == "ulaw" else form.codec
    return Wire(codec, form.sample_rate_hz, "little" if codec == "l16" else "")


class Converter:
    """One direction of a stream.

    Parameters
    ----------
    source, target : Wire
        What comes, what is wanted.

    Raises
    ------
    ConfigError
        A codec that the engine does not know.
    """

    def __init__(self, source: Wire, target: Wire) -> None:
        check(source)
        check(target)
        self._source, self._target = source, target
        self._is_same = source == target
        self._width = 2 if source.codec == "l16" else 1
        self._rest = b""
        self._resampler: Resampler | None = None
        if source.sample_rate_hz != target.sample_rate_hz:
            self._resampler = Resampler(source.sample_rate_hz, target.sample_rate_hz)

    def convert(self, data: bytes) -> bytes:
        """The next bytes; half a sample at the end waits for its other half."""
        if self._is_same:
            return data
        if self._rest:
            data, self._rest = self._rest + data, b""
        if len(data) % self._width:
            data, self._rest = data[:-1], data[-1:]
        source, target = self._source, self._target
        if source.codec == "l16":
            pcm = l16.decode(data, "big" if source.byte_order == "big" else "little")
        else:
            pcm = g711.ulaw_decode(data) if source.codec == "mulaw" else g711.alaw_decode(data)
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        if target.codec == "l16":
            return l16.encode(pcm, "big" if target.byte_order == "big" else "little")
        return g711.ulaw_encode(pcm) if target.codec == "mulaw" else g711.alaw_encode(pcm)

    def lost(self) -> None:
        """What comes next does not continue what came before."""
        self._rest = b""
