"""WAV files: whatever telephony tools write, in; mono int16, out."""

import os
import struct
import wave
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
    if channels == 0 or rate == 0:
        raise FormatError(f"'fmt ' chunk at byte offset {offset} says {channels} channels at {rate} Hz")
    return WavFormat(tag, channels, rate, bits)


def _chunks(data: memoryview) -> dict[bytes, tuple[int, memoryview]]:
    """The first chunk of each name: (offset of its content, content). A last chunk cut short is taken as far as it goes."""
    if len(data) < 12 or bytes(data[:4]) not in (b"RIFF", b"RF64") or bytes(data[8:12]) != b"WAVE":
        raise FormatError("not a WAV file: no 'RIFF' … 'WAVE' at byte offset 0")
    found: dict[bytes, tuple[int, memoryview]] = {}
    at = 12
    while at + 8 <= len(data):
        name, size = bytes(data[at : at + 4]), struct.unpack_from("<I", data, at + 4)[0]
        if (
            size == 0xFFFFFFFF and name == b"data"
        ):  # RF64: the real size is in ds64; streams write it when they don't know
            size = len(data) - at - 8
        found.setdefault(name, (at + 8, data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def _decode(data: memoryview, form: WavFormat) -> npt.NDArray[np.float32]:
    """Samples in ±1.0, shape (frames, channels)."""
    width = form.bits // 8
    raw = data[: len(data) // (width * form.channels) * width * form.channels]
    if form.tag in (ALAW, ULAW):
        decode = g711.alaw_decode if form.tag == ALAW else g711.ulaw_decode
        samples = decode(raw).astype(np.float32) / np.float32(32768)
    elif form.tag == FLOAT:
        samples = np.nan_to_num(np.frombuffer(raw, f"<f{width}").astype(np.float32), posinf=1.0, neginf=-1.0)
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


def read_wav_channels(source: Source, sample_rate: int = 16000) -> list[Samples]:
    """Read a WAV file, one array a channel.

    Parameters
    ----------
    source : path or bytes
        PCM 8/16/24/32 bit, float 32/64 bit, µ-law or A-law; WAVE_FORMAT_EXTENSIBLE too; any rate and channel count.
    sample_rate : int
        Hz of the result, 1000-384000; converted with soxr (VHQ, the whole file at once, no delay).

    Returns
    -------
    list of ndarray[int16], shape (n,) each

    Raises
    ------
    FormatError
        Not a WAV file, or a format that is not listed; the message gives the byte offset.
    OSError
        The file cannot be read.
    """
    if not 1000 <= sample_rate <= 384000:
        raise ConfigError(f"sample_rate must be 1000 to 384000 (got {sample_rate!r})")
    data = memoryview(source if isinstance(source, bytes | bytearray | memoryview) else Path(source).read_bytes())
    chunks = _chunks(data)
    if b"fmt " not in chunks:
        raise FormatError(f"no 'fmt ' chunk in {len(data)} bytes")
    form = _parse_format(chunks[b"fmt "][1], chunks[b"fmt "][0])
    if b"data" not in chunks:
        raise FormatError(f"no 'data' chunk in {len(data)} bytes")
    samples = _decode(chunks[b"data"][1], form)
    if form.sample_rate_hz != sample_rate:
        if not 1000 <= form.sample_rate_hz <= 384000:
            raise FormatError(f"a sampling rate of {form.sample_rate_hz} Hz (byte offset {chunks[b'fmt '][0] + 4})")
        samples = soxr.resample(samples, form.sample_rate_hz, sample_rate, quality="VHQ")
    return [_to_int16(np.ascontiguousarray(samples[:, c])) for c in range(form.channels)]


def read_wav(source: Source, sample_rate: int = 16000) -> Samples:
    """Read a WAV file as mono: the mean of its channels. Parameters and errors as for `read_wav_channels`.

    Returns
    -------
    ndarray[int16], shape (n,)
    """
    channels = read_wav_channels(source, sample_rate)
    if len(channels) == 1:
        return channels[0]
    mono: Samples = np.rint(np.mean(channels, axis=0)).astype(np.int16)
    return mono


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
