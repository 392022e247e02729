"""Recordings as people have them: WAV of any kind, and what soundfile reads (FLAC, Ogg, MP3, …); who is on which channel."""

import os
from collections.abc import Iterator, Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import soxr

from talkpath._types import Samples
from talkpath.errors import FormatError
from talkpath.wav import HIGHEST_HZ, LOWEST_HZ, Source, WavStream, to_int16

CHANNELS = ("auto", "caller-agent", "agent-caller", "left", "right", "mixed")
EXTENSIONS = frozenset(
    (".wav", ".wave", ".wav49", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd",
     ".w64", ".rf64", ".caf")
)  # fmt: skip
MAX_CHANNELS = 32
_BLOCK_SAMPLES = 1 << 16
# Two channels are one sound when their levels are so close, and so little is left of one without the other.
_SAME_LEVEL_DB, _SAME_REST_DB = 1.0, -20.0


class Recording:
    """A recording, opened.

    Parameters
    ----------
    source : path, bytes or binary file
        A file is closed with the recording. WAV by `talkpath.wav`, anything else by soundfile (`pip install 'talkpath[scan]'`).

    Attributes
    ----------
    sample_rate_hz, channels : int
        Of the file.
    duration_s : float
        What its header says, or its size.
    encoding : str
        "PCM 16 bit", "µ-law", "MP3", "FLAC PCM_16", …

    Raises
    ------
    FormatError
        Nothing that can be read.
    OSError
        The file cannot be opened.
    """

    def __init__(self, source: Source | IO[bytes]) -> None:
        self._wav: WavStream | None = None
        self._sound: Any = None
        self._file = None if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) else source
        try:
            self._read_head(source)
        except BaseException:
            self.close()
            raise

    def _read_head(self, source: Source | IO[bytes]) -> None:
        try:
            self._wav = WavStream(source, None)
        except FormatError as problem:
            # A WAV file with a codec that only soundfile knows (GSM 6.10, ADPCM), or no WAV file at all.
            self._sound = _soundfile(source, _head(source), problem)
            self.sample_rate_hz, self.channels = int(self._sound.samplerate), int(self._sound.channels)
            self.duration_s = self._sound.frames / self.sample_rate_hz
            kind, coded = str(self._sound.format), str(self._sound.subtype)
            self.encoding = coded if kind in ("OGG", "MPEG", "MP3") else f"{kind} {coded}"
        else:
            self.sample_rate_hz, self.channels = self._wav.sample_rate, self._wav.channels
            self.duration_s, self.encoding = self._wav.duration_s, self._wav.encoding
        if self.channels > MAX_CHANNELS or not LOWEST_HZ <= self.sample_rate_hz <= HIGHEST_HZ:
            raise FormatError(f"{self.channels} channels at {self.sample_rate_hz} Hz")

    def close(self) -> None:
        """The file is not needed any more."""
        if self._wav is not None:
            self._wav.close()
        if self._sound is not None:
            self._sound.close()
        if self._file is not None:
            self._file.close()

    def blocks(self) -> Iterator[npt.NDArray[np.float32]]:
        """The samples in ±1.0 at the file's own rate, shape (n, channels)."""
        if self._wav is not None:
            yield from self._wav.blocks()
            return
        frames = max(1, _BLOCK_SAMPLES // self.channels)
        try:
            while len(block := self._sound.read(frames, dtype="float32", always_2d=True)):
                yield block
        except (RuntimeError, ValueError) as problem:  # LibsndfileError is a RuntimeError
            raise FormatError(f"broken sound: {problem}") from problem
        finally:
            self._sound.close()

    def converter(self, rate_hz: int) -> "Converter":
        """What brings its blocks to another rate."""
        return Converter(self.sample_rate_hz, rate_hz, self.channels)


class Converter:
    """Blocks of ±1.0 to int16 at another rate (soxr VHQ, no delay)."""

    def __init__(self, rate_hz: int, wanted_hz: int, channels: int) -> None:
        self._stream: soxr.ResampleStream | None = None
        if rate_hz != wanted_hz:
            self._stream = soxr.ResampleStream(rate_hz, wanted_hz, channels, dtype="float32", quality="VHQ")
        self._channels = channels

    def process(self, block: npt.NDArray[np.float32], last: bool = False) -> Samples:
        """Shape (n, channels) in and out; `last` gives what is left inside."""
        if self._stream is not None:
            block = self._stream.resample_chunk(np.ascontiguousarray(block), last=last).reshape(-1, self._channels)
        return to_int16(block)


def _head(source: Source | IO[bytes]) -> bytes:
    """Its first bytes."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(memoryview(source).cast("B")[:12])
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return file.read(12)
    file_object: IO[bytes] = source
    file_object.seek(0)
    return file_object.read(12)


def _soundfile(source: Source | IO[bytes], head: bytes, problem: FormatError) -> Any:
    """The source as soundfile reads it."""
    if not any(head):
        raise FormatError("empty file" if not head else "no sound: the file begins with zeros") from None
    try:
        import soundfile
    except ImportError:
        raise FormatError(f"{problem}; other kinds of files need soundfile: pip install 'talkpath[scan]'") from None
    if isinstance(source, bytes | bytearray | memoryview):
        import io

        source = io.BytesIO(source)
    elif not isinstance(source, str | os.PathLike):
        source.seek(0)
    try:
        return soundfile.SoundFile(source)
    except (RuntimeError, TypeError, ValueError) as unread:
        wav = head[:4] in (b"RIFF", b"RF64", b"BW64")
        reason = str(problem) if wav else f"not a sound file ({str(unread).rsplit(': ', 1)[-1].strip()})"
        raise FormatError(reason) from None


def are_equal(left: Samples, right: Samples) -> bool:
    """Is that one sound on two channels? Their levels agree, and little is left of one without the other: codecs leave something."""
    n = min(len(left), len(right))
    a, b = left[:n].astype(np.float32), right[:n].astype(np.float32)
    power_a, power_b, rest = (float(np.vdot(x, x)) for x in (a, b, a - b))
    if rest == 0.0:
        return True
    if power_a == 0.0 or power_b == 0.0:
        return False
    alike = abs(10 * np.log10(power_a / power_b)) <= _SAME_LEVEL_DB
    return bool(alike and rest <= min(power_a, power_b) * 10 ** (_SAME_REST_DB / 10))


def sides(channels: Sequence[Samples], how: str = "auto") -> list[Samples]:
    """The caller, and the agent if it is there.

    Parameters
    ----------
    channels : sequence of ndarray[int16]
        As read.
    how : {"auto", "caller-agent", "agent-caller", "left", "right", "mixed"}
        "auto": one channel is the caller; two that are equal are one caller; two others are the caller and the agent. "left",
        "right": the caller is there, nobody else counts. "mixed": the caller is the mean of all channels.

    Raises
    ------
    FormatError
        More channels than a call has, or fewer than `how` asks for.
    """
    chosen = chosen_sides(len(channels), how, lambda: are_equal(channels[0], channels[1]))
    return [to_mono(channels) if c < 0 else channels[c] for c in chosen]


def chosen_sides(channels: int, how: str, equal: Any) -> list[int]:
    """Which channel is the caller, and which the agent; -1: the mean of all. `equal()` is asked only where it matters."""
    if how not in CHANNELS:
        raise FormatError(f"channels must be one of {', '.join(CHANNELS)} (got {how!r})")
    if how == "mixed":
        return [-1]
    if how == "left" or (how == "auto" and channels == 1):
        return [0]
    if how == "auto":
        if channels > 2:
            raise FormatError(
                f"{channels} channels; a call has one or two (left, right or mixed takes one caller of them)"
            )
        return [0] if equal() else [0, 1]
    if channels < 2:
        raise FormatError(f"channels is {how!r}, and there is one channel")
    if how == "right":
        return [1]
    return [0, 1] if how == "caller-agent" else [1, 0]


def to_mono(channels: Sequence[Samples]) -> Samples:
    """The mean of channels of the same length."""
    mean: Samples = np.rint(np.mean(np.stack(channels), axis=0)).astype(np.int16)
    return mean


def read_recording(source: Source | IO[bytes], rate_hz: int) -> list[Samples]:
    """The whole of it, an array a channel. Errors as of `Recording`."""
    recording = Recording(source)
    converter = recording.converter(rate_hz)
    blocks = [converter.process(block) for block in recording.blocks()]
    blocks.append(converter.process(np.zeros((0, recording.channels), np.float32), last=True))
    samples = np.concatenate(blocks)
    return [np.ascontiguousarray(samples[:, c]) for c in range(recording.channels)]
