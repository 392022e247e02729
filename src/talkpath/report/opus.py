"""Both directions as Ogg Opus, the same bytes for the same sound: the stream's random number is put right."""

from __future__ import annotations

import io
import struct

import numpy as np

from talkpath._types import Samples
from talkpath.errors import ConfigError

MOST_BYTES = 900_000
MOST_BPS, LEAST_BPS = 40_000, 12_700  # of both channels together; the least that the encoder gives
_FULL_BPS = 513_500  # what compression level 0 of libsndfile stands for
SERIAL = 0x7461_6C6B


def _crc_table() -> list[int]:
    table = []
    for i in range(256):
        value = i << 24
        for _ in range(8):
            value = (value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1
        table.append(value & 0xFFFFFFFF)
    return table


_CRC = _crc_table()


def _crc(data: bytes | bytearray) -> int:
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value


def with_serial(ogg: bytes, serial: int = SERIAL) -> bytes:
    """An Ogg stream with another serial number: libsndfile draws one by chance (RFC 3533, section 6)."""
    pages, at = [], 0
    while at < len(ogg):
        if ogg[at : at + 4] != b"OggS":
            raise ValueError(f"no Ogg page at byte offset {at}")
        segments = ogg[at + 26]
        size = 27 + segments + sum(ogg[at + 27 : at + 27 + segments])
        page = bytearray(ogg[at : at + size])
        struct.pack_into("<II", page, 14, serial, struct.unpack_from("<I", page, 18)[0])
        struct.pack_into("<I", page, 22, 0)
        struct.pack_into("<I", page, 22, _crc(page))
        pages.append(bytes(page))
        at += size
    return b"".join(pages)


def encode_opus(left: Samples, right: Samples | None, rate_hz: int) -> bytes:
    """Ogg Opus, stereo unless `right` is None, at most about 900 kB for up to nine minutes.

    Raises
    ------
    ConfigError
        soundfile (extra `report`) is not installed, or its libsndfile has no Opus.
    """
    try:
        import soundfile
    except ImportError as problem:
        raise ConfigError("sound in a report needs the [report] extra: pip install 'talkpath[report]'") from problem
    pcm = left if right is None else np.stack([left, right], axis=1)
    seconds = max(1.0, len(left) / rate_hz)
    bps = min(MOST_BPS, max(LEAST_BPS, MOST_BYTES * 8 / seconds))
    out = io.BytesIO()
    try:
        soundfile.write(out, pcm, rate_hz, format="OGG", subtype="OPUS", compression_level=1 - (bps - LEAST_BPS) / _FULL_BPS)  # fmt: skip
    except (soundfile.LibsndfileError, ValueError) as problem:
        raise ConfigError(
            f"this libsndfile cannot write Opus ({problem}); --no-audio leaves the sound out"
        ) from problem
    return with_serial(out.getvalue())
