"""WAV files: whatever telephony tools write, in; mono int16, out. Whole, or piece by piece."""

import mmap
import os
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from talkpath import g711
from talkpath._types import Samples
from talkpath.errors import ConfigError, FormatError

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview

PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_NAMES = {PCM: "PCM", FLOAT: "float", ALAW: "A-law", ULAW: "µ-law"}
LOWEST_HZ, HIGHEST_HZ = 4000, 384_000
_UNKNOWN_BYTES = 0x7FFFF000  # what streams write as a size that they don't know is this or more
_MAX_CHUNKS = 10_000
_MAX_SEPARATE_CHANNELS = 32
_BLOCK_SAMPLES = 1 << 16
_BITS = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), ALAW: (8,), ULAW: (8,)}


@dataclass(frozen=True)
class WavFormat:
    """The `fmt ` chunk, EXTENSIBLE resolved."""

    tag: int
    channels: int
    sample_rate_hz: int
    bits: int


def _parse_format(chunk: memoryview, offset: int) -> WavFormat:
    if len(chunk) < 16:
        raise FormatError(f"'fmt ' chunk at byte offset {offset} has {len(chunk)} bytes, 16 are needed")
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == EXTENSIBLE:
        if len(chunk) < 40:
            raise FormatError(f"extensible 'fmt ' chunk at byte offset {offset} has {len(chunk)} bytes, 40 are needed")
        tag = struct.unpack_from("<H", chunk, 24)[0]
    if bits not in _BITS.get(tag, ()):
        name = _NAMES.get(tag, f"format tag 0x{tag:04x}")
        raise FormatError(
            f"{bits} bit {name} (byte offset {offset}) is not supported; PCM 8-32, float 32/64, µ-law, A-law are"
        )
    if channels == 0 or not LOWEST_HZ <= rate <= HIGHEST_HZ:
        raise FormatError(f"'fmt ' chunk at byte offset {offset} says {channels} channels at {rate} Hz")
    return WavFormat(tag, channels, rate, bits)


def _locate(data: memoryview) -> tuple[WavFormat, memoryview]:
    """The format, and the bytes of the samples."""
    kind = bytes(data[:4])
    if len(data) < 12 or kind not in (b"RIFF", b"RF64", b"BW64") or bytes(data[8:12]) != b"WAVE":
        raise FormatError("not a WAV file: no 'RIFF' … 'WAVE' at byte offset 0")
    form: WavFormat | None = None
    long_bytes: int | None = None
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            missing = "'fmt ' chunk" if form is None else "'data' chunk"
            raise FormatError(f"no {missing} before the end at byte offset {len(data)}")
        name, size = bytes(data[at : at + 4]), struct.unpack_from("<I", data, at + 4)[0]
        start, left = at + 8, len(data) - at - 8
        if name == b"data":
            if form is None:
                raise FormatError(f"'data' chunk at byte offset {at} comes before any 'fmt ' chunk")
            if size == 0xFFFFFFFF and long_bytes is not None:
                size = long_bytes
            elif size >= _UNKNOWN_BYTES and size > left:
                size = left
            if size > left:
                raise FormatError(f"'data' chunk at byte offset {at} says {size} bytes, the file has {left}")
            return form, data[start : start + size]
        if size > left:
            raise FormatError(f"chunk {name!r} at byte offset {at} says {size} bytes, the file has {left}")
        if name == b"fmt " and form is None:
            form = _parse_format(data[start : start + size], start)
        elif name == b"ds64" and kind != b"RIFF":
            if size < 16:
                raise FormatError(f"'ds64' chunk at byte offset {at} has {size} bytes, 16 are needed")
            long_bytes = struct.unpack_from("<Q", data, start + 8)[0]
        at = start + size + size % 2
    raise FormatError(f"more than {_MAX_CHUNKS} chunks before byte offset {at}")


def _decode(raw: memoryview, form: WavFormat) -> npt.NDArray[np.float32]:
    """Whole sample frames in ±1.0, shape (frames, channels)."""
    width = form.bits // 8
    if form.tag in (ALAW, ULAW):
        decode = g711.alaw_decode if form.tag == ALAW else g711.ulaw_decode
        samples = decode(raw).astype(np.float32) / np.float32(32768)
    elif form.tag == FLOAT:
        wide_samples = np.nan_to_num(np.frombuffer(raw, f"<f{width}"), posinf=1.0, neginf=-1.0)
        samples = np.clip(wide_samples, -16.0, 16.0).astype(np.float32)
    elif width == 1:
        samples = (np.frombuffer(raw, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    elif width == 3:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2.0**31)
    else:
        samples = np.frombuffer(raw, f"<i{width}").astype(np.float32) / np.float32(2.0 ** (form.bits - 1))
    return samples.reshape(-1, form.channels)


def _to_int16(samples: npt.NDArray[np.float32]) -> Samples:
    clipped: Samples = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return clipped


class WavStream:
    """A WAV file, piece by piece: the file is mapped, not read, and never held as a whole.

    Parameters
    ----------
    source : path or bytes
        As for `read_wav`.
    sample_rate : int
        Hz of the result, 1000 to 384000; converted with soxr (VHQ, no delay).

    Attributes
    ----------
    sample_rate, channels : int
        Of the file.
    duration_s : float
        Its length.

    Raises
    ------
    FormatError, ConfigError, OSError
        As for `read_wav`.
    """

    def __init__(self, source: Source, sample_rate: int = 16000) -> None:
        if not 1000 <= sample_rate <= HIGHEST_HZ:
            raise ConfigError(f"sample_rate must be 1000 to {HIGHEST_HZ} (got {sample_rate!r})")
        self._rate_hz = sample_rate
        self._form, data = _locate(memoryview(_bytes_of(source)).cast("B"))
        self._frame_bytes = self._form.bits // 8 * self._form.channels
        self._data = data[: len(data) // self._frame_bytes * self._frame_bytes]
        self.sample_rate, self.channels = self._form.sample_rate_hz, self._form.channels
        self.duration_s = len(self._data) / self._frame_bytes / self.sample_rate

    def chunks(self, samples: int = _BLOCK_SAMPLES) -> Iterator[Samples]:
        """The file as mono (the mean of its channels), in arrays of about so many samples of the result."""
        for block in self._blocks(samples, mono=True):
            yield _to_int16(block[:, 0])

    def _blocks(self, samples: int, mono: bool) -> Iterator[npt.NDArray[np.float32]]:
        """Blocks of shape (n, channels) or (n, 1), at the rate of the result."""
        frames = max(1, min(samples * self.sample_rate // self._rate_hz, _BLOCK_SAMPLES // self.channels))
        convert, kept = None, 1 if mono else self.channels
        if self.sample_rate != self._rate_hz:
            convert = soxr.ResampleStream(self.sample_rate, self._rate_hz, kept, dtype="float32", quality="VHQ")
        step = frames * self._frame_bytes
        for at in range(0, len(self._data), step):
            block = _decode(self._data[at : at + step], self._form)
            if mono and self.channels > 1:
                block = block.mean(axis=1, dtype=np.float32, keepdims=True)
            if convert is not None:
                block = convert.resample_chunk(np.ascontiguousarray(block), last=at + step >= len(self._data))
                block = block.reshape(-1, kept)
            if len(block):
                yield block


def _bytes_of(source: Source) -> bytes | bytearray | memoryview | mmap.mmap:
    if isinstance(source, bytes | bytearray | memoryview):
        return source
    with Path(source).open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def read_wav(source: Source, sample_rate: int = 16000) -> Samples:
    """Read a WAV file as mono: the mean of its channels.

    Parameters
    ----------
    source : path or bytes
        RIFF or RF64: PCM 8/16/24/32 bit, float 32/64 bit, µ-law or A-law; WAVE_FORMAT_EXTENSIBLE too; any number of channels,
        4 to 384 kHz.
    sample_rate : int
        Hz of the result, 1000 to 384000; converted with soxr (VHQ, no delay).

    Returns
    -------
    ndarray[int16], shape (n,)
        The source is read block by block: apart from the result, a megabyte is used.

    Raises
    ------
    FormatError
        Not a WAV file, cut short, or a format that is not listed; the message gives the byte offset.
    ConfigError
        `sample_rate` out of its range.
    OSError
        The file cannot be read.

    See Also
    --------
    talkpath.wav.WavStream : the same piece by piece.
    """
    chunks = list(WavStream(source, sample_rate).chunks())
    return np.concatenate(chunks) if chunks else np.zeros(0, np.int16)


def read_wav_channels(source: Source, sample_rate: int = 16000) -> list[Samples]:
    """Read a WAV file, one array a channel, 32 at most. Parameters and errors as for `read_wav`.

    Returns
    -------
    list of ndarray[int16], shape (n,) each
    """
    stream = WavStream(source, sample_rate)
    if stream.channels > _MAX_SEPARATE_CHANNELS:
        raise FormatError(f"{stream.channels} channels; {_MAX_SEPARATE_CHANNELS} can be read apart")
    blocks = [_to_int16(block) for block in stream._blocks(_BLOCK_SAMPLES, mono=False)]
    samples = np.concatenate(blocks) if blocks else np.zeros((0, stream.channels), np.int16)
    return [np.ascontiguousarray(samples[:, c]) for c in range(stream.channels)]


def write_wav(path: str | os.PathLike[str], pcm: Samples, sample_rate: int) -> None:
    """Write mono int16 PCM."""
    with wave.open(os.fspath(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(pcm.astype("<i2").tobytes())


def write_wav_coded(path: str | os.PathLike[str], codes: bytes, tag: int, sample_rate: int, channels: int = 1) -> None:
    """Write µ-law (`ULAW`) or A-law (`ALAW`) codes as they are, channels interleaved."""
    form = struct.pack("<HHIIHHH", tag, channels, sample_rate, sample_rate * channels, channels, 8, 0)
    fact = struct.pack("<I", len(codes) // channels)
    body = b"WAVE"
    for name, content in ((b"fmt ", form), (b"fact", fact), (b"data", codes)):
        body += name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
    Path(path).write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
