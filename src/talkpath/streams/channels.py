"""One party out of several channels."""

from __future__ import annotations

from talkpath.errors import FormatError


def first_channel(data: bytes, width: int, channel: int = 0, channels: int = 2) -> bytes:
    """Samples of `width` bytes of one of `channels` interleaved channels."""
    if len(data) % (width * channels):
        raise FormatError(f"message: {len(data)} bytes are no whole samples of {channels} channels")
    if width == 1:
        return data[channel::channels]
    return memoryview(data).cast("H")[channel::channels].tobytes()
