"""WAV files: whatever telephony tools write, in; mono int16, out. Whole, or piece by piece."""

import os
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt
import soxr

from talkpath import g711
from talkpath._core import whole
from talkpath._types import Samples
from talkpath.errors import ConfigError, FormatError

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview

PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_NAMES = {PCM: "PCM", FLOAT: "float", ALAW: "A-law", ULAW: "µ-law"}
LOWEST_HZ, HIGHEST_HZ = 4000, 384_000
_OTHER_CHUNKS = (
    b"LIST",
    b"fact",
    b"cue ",
    b"smpl",
    b"inst",
    b"bext",
    b"iXML",
    b"id3 ",
    b"ID3 ",
    b"JUNK",
    b"PEAK",
    b"PAD ",
)
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


def _parse_format(chunk: bytes, offset: int) -> WavFormat:
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


class _Bytes:
    """Bytes in memory, or of a file: read, not mapped, so that a file cut short while it plays is a short read and no fault."""

    def __init__(self, source: Source | IO[bytes]) -> None:
        self._file: IO[bytes] | None = None
        self._is_ours = isinstance(source, str | os.PathLike)
        if isinstance(source, bytes | bytearray | memoryview):
            self._memory = memoryview(source).cast("B")
            self.size = len(self._memory)
        elif not isinstance(source, str | os.PathLike):
            self._file = source
            self.size = source.seek(0, os.SEEK_END)
        else:
            self._file = open(source, "rb")  # noqa: SIM115 (open as long as it plays)
            self.size = os.fstat(self._file.fileno()).st_size

    def read(self, start: int, stop: int) -> bytes:
        """At most stop - start bytes."""
        if self._file is None:
            return bytes(self._memory[start:stop])
        self._file.seek(start)
        return self._file.read(max(0, stop - start))

    def close(self) -> None:
        """The file is not needed any more; one that somebody else has opened is left open."""
        if self._file is not None and self._is_ours:
            self._file.close()


def _is_followed(data: _Bytes, at: int) -> bool:
    """True: at this offset, behind an empty 'data' chunk, other chunks follow. False: sound does, whose size was never written."""
    for _ in range(_MAX_CHUNKS):
        head = data.read(at, at + 8)
        if len(head) < 8:
            return not any(head)  # a pad byte or two
        name, size = struct.unpack("<4sI", head)
        if name in _OTHER_CHUNKS:
            return True
        if not all(0x20 <= letter < 0x7F for letter in name):
            return False
        at += 8 + size + size % 2
        if at >= data.size:
            return bool(at - data.size <= size % 2)
    return False


def _data_bytes(data: _Bytes, start: int, size: int, long_bytes: int | None) -> int:
    """How many bytes of the 'data' chunk there are, whatever its size says: what writes to a pipe cannot go back and write it."""
    left = data.size - start
    if size == 0xFFFFFFFF and long_bytes is not None:
        size = long_bytes
    if size == 0 and left and not _is_followed(data, start):
        return left
    return min(size, left)


def _locate(data: _Bytes) -> tuple[WavFormat, int, int]:
    """The format, and where the bytes of the samples begin and end."""
    head = data.read(0, 12)
    kind = head[:4]
    if len(head) < 12 or kind not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        raise FormatError("not a WAV file: no 'RIFF' … 'WAVE' at byte offset 0")
    form: WavFormat | None = None
    long_bytes: int | None = None
    at = 12
    for _ in range(_MAX_CHUNKS):
        if at + 8 > data.size:
            missing = "'fmt ' chunk" if form is None else "'data' chunk"
            raise FormatError(f"no {missing} before the end at byte offset {data.size}")
        name, size = struct.unpack("<4sI", data.read(at, at + 8).ljust(8, b"\0"))
        start, left = at + 8, data.size - at - 8
        if name == b"data":
            if form is None:
                raise FormatError(f"'data' chunk at byte offset {at} comes before any 'fmt ' chunk")
            return form, start, start + _data_bytes(data, start, size, long_bytes)
        if size > left:
            raise FormatError(f"chunk {name!r} at byte offset {at} says {size} bytes, the file has {left}")
        if name == b"fmt " and form is None:
            form = _parse_format(data.read(start, start + min(size, 64)), start)
        elif name == b"ds64" and kind != b"RIFF" and size >= 16:
            long_bytes = struct.unpack("<Q", data.read(start + 8, start + 16).ljust(8, b"\0"))[0]
        at = start + size + size % 2
    raise FormatError(f"more than {_MAX_CHUNKS} chunks before byte offset {at}")


def _decode(raw: bytes, form: WavFormat) -> npt.NDArray[np.float32]:
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


def to_int16(samples: npt.NDArray[np.float32]) -> Samples:
    """±1.0, rounded and clipped."""
    clipped: Samples = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    return clipped


class WavStream:
    """A WAV file, piece by piece: never held as a whole.

    Parameters
    ----------
    source : path, bytes or binary file
        As for `read_wav`; who opened a file closes it.
    sample_rate : int, optional
        Hz of the result, 1000 to 384000; converted with soxr (VHQ, no delay). None: the file's own.

    Attributes
    ----------
    sample_rate, channels : int
        Of the file.
    encoding : str
        "PCM 16 bit", "float 32 bit", "µ-law", "A-law", …
    duration_s : float
        Its length.

    Raises
    ------
    FormatError, ConfigError, OSError
        As for `read_wav`.
    """

    def __init__(self, source: Source | IO[bytes], sample_rate: int | None = 16000) -> None:
        rate = whole(sample_rate)
        if sample_rate is not None and (rate is None or not 1000 <= rate <= HIGHEST_HZ):
            raise ConfigError(f"sample_rate must be 1000 to {HIGHEST_HZ} (got {sample_rate!r})")
        self._bytes = _Bytes(source)
        try:
            self._form, self._start, end = _locate(self._bytes)
        except FormatError:
            self._bytes.close()
            raise
        self._frame_bytes = self._form.bits // 8 * self._form.channels
        self._end = self._start + (end - self._start) // self._frame_bytes * self._frame_bytes
        self.sample_rate, self.channels = self._form.sample_rate_hz, self._form.channels
        self.encoding = _NAMES[self._form.tag] + (f" {self._form.bits} bit" if self._form.tag in (PCM, FLOAT) else "")
        self._rate_hz = self.sample_rate if rate is None else rate
        self.duration_s = (self._end - self._start) / self._frame_bytes / self.sample_rate

    def chunks(self, samples: int = _BLOCK_SAMPLES) -> Iterator[Samples]:
        """The file as mono (the mean of its channels), in arrays of about so many samples of the result."""
        for block in self.blocks(samples, mono=True):
            yield to_int16(block[:, 0])

    def close(self) -> None:
        """The file is not needed any more; reading to the end closes it too."""
        self._bytes.close()

    def blocks(self, samples: int = _BLOCK_SAMPLES, mono: bool = False) -> Iterator[npt.NDArray[np.float32]]:
        """The file in ±1.0, in blocks of shape (n, channels) or (n, 1), at the rate of the result."""
        frames = max(1, min(samples * self.sample_rate // self._rate_hz, _BLOCK_SAMPLES // self.channels))
        convert, kept = None, 1 if mono else self.channels
        if self.sample_rate != self._rate_hz:
            convert = soxr.ResampleStream(self.sample_rate, self._rate_hz, kept, dtype="float32", quality="VHQ")
        step = frames * self._frame_bytes
        for at in range(self._start, self._end, step):
            raw = self._bytes.read(at, min(at + step, self._end))
            last = at + step >= self._end or len(raw) < step  # a file that was cut short meanwhile ends here
            block = _decode(raw[: len(raw) // self._frame_bytes * self._frame_bytes], self._form)
            if mono and self.channels > 1:
                block = block.mean(axis=1, dtype=np.float32, keepdims=True)
            if convert is not None:
                block = convert.resample_chunk(np.ascontiguousarray(block), last=last)
                block = block.reshape(-1, kept)
            if len(block):
                yield block
            if last:
                break
        self._bytes.close()


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
        Not a WAV file, cut short before its samples begin, or a format that is not listed; the message gives the byte offset.
    ConfigError
        `sample_rate` out of its range.
    OSError
        The file cannot be read.

    Notes
    -----
    What is there is read, whatever the sizes in the headers say: a file that was cut short, or that was written to a pipe and has
    placeholders for its sizes (0, 0x7FFFFFFF, anything above what is there), gives its samples up to the end. A sample frame that
    is cut is left out.

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
    blocks = [to_int16(block) for block in stream.blocks()]
    samples = np.concatenate(blocks) if blocks else np.zeros((0, stream.channels), np.int16)
    return [np.ascontiguousarray(samples[:, c]) for c in range(stream.channels)]


def write_wav(path: str | os.PathLike[str], pcm: Samples, sample_rate: int) -> None:
    """Write mono int16 PCM; a FormatError for anything else."""
    if not isinstance(pcm, np.ndarray) or pcm.dtype != np.int16 or pcm.ndim != 1:
        form = f"{pcm.dtype} of {pcm.ndim} dimensions" if isinstance(pcm, np.ndarray) else type(pcm).__name__
        raise FormatError(f"expected mono int16 samples, got {form}")
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
