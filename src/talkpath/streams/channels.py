"""One party out of several channels."""

from __future__ import annotations

from typing import Any

from talkpath.errors import FormatError
from talkpath.streams import base, fields


def first_channel(data: bytes, width: int, channel: int = 0, channels: int = 2) -> bytes:
    """Samples of `width` bytes of one of `channels` interleaved channels."""
    if len(data) % (width * channels):
        raise FormatError(f"message: {len(data)} bytes are no whole samples of {channels} channels")
    if width == 1:
        return data[channel::channels]
    return memoryview(data).cast("H")[channel::channels].tobytes()


def choose_offer(offers: list[Any], wanted: str) -> dict[str, Any] | None:
    """Of AudioHook's offers of media, the one in µ-law at 8 kHz with the wanted channel and the fewest others."""
    found: dict[str, Any] | None = None
    for offer in offers:
        if (
            not isinstance(offer, dict)
            or offer.get("format") != "PCMU"
            or offer.get("rate") not in (8000, "8000", None)
        ):
            continue
        channels = offer.get("channels")
        if not isinstance(channels, list) or wanted not in channels or len(channels) > 2:
            continue
        if found is None or len(channels) < len(found["channels"]):
            found = offer
    if found is not None:
        try:
            base.dumps(found)
        except RecursionError:
            fields.refuse("parameters.media", "nested too deeply")
    return found
