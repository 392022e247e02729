"""What goes into a playout queue: names for its numbers, rates converted, files read; the core keeps the order and the sound."""

import math
import numbers
import os
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np

from talkpath import dtmf
from talkpath._core import Resampler, _PlayoutQueue
from talkpath._types import Buffer, Samples
from talkpath.errors import ConfigError, FormatError, LengthError, StateError
from talkpath.results import PlayoutEvent
from talkpath.wav import Source as WavSource
from talkpath.wav import WavStream

_FILE_CHUNK_MS = 200
_MAX_FILES = 256
_SPARE_SAMPLES = 16  # a conversion may give one or two more than it should
_MAX_INTERRUPTED = 64
_INT16_FORMATS = frozenset(("h", "@h", "=h", "<h" if sys.byteorder == "little" else ">h"))
_ENDS = frozenset(("completed", "interrupted", "dropped", "checkpoint"))


class _Label:
    """What the core knows by its number."""

    __slots__ = ("delay_s", "final", "kind", "name", "rate_hz", "resampler", "taken")

    def __init__(self, kind: str, name: str, rate_hz: int = 0, resampler: Resampler | None = None) -> None:
        self.kind, self.name, self.rate_hz, self.resampler = kind, name, rate_hz, resampler
        self.delay_s = resampler.delay_ms / 1000 if resampler is not None else 0.0
        self.taken = 0  # samples at rate_hz that speak() accepted
        self.final = False  # its final chunk has come


class _File:
    """A file in memory, converted piece by piece into samples at the line's rate."""

    def __init__(self, source: WavSource, rate_hz: int) -> None:
        data = Path(source).read_bytes() if isinstance(source, str | os.PathLike) else bytes(source)
        stream = WavStream(data, rate_hz)
        self.length = round(stream.duration_s * rate_hz)
        # Only what is filled takes memory.
        self.samples: Samples = np.empty(self.length + _SPARE_SAMPLES, np.int16)
        self.ready = 0
        self.finished = False
        self._chunks = stream.chunks(rate_hz * _FILE_CHUNK_MS // 1000)

    def convert(self, up_to: int) -> None:
        """Have so many samples ready, or all."""
        while self.ready < up_to and not self.finished:
            chunk = next(self._chunks, None)
            if chunk is None:
                self.finished = True
                return
            n = min(len(chunk), len(self.samples) - self.ready)
            self.samples[self.ready : self.ready + n] = chunk[:n]
            self.ready += n


def int16_samples(pcm: Buffer) -> Samples:
    """Samples of speech as an array: an int16 buffer, or bytes.

    Raises
    ------
    FormatError
        Anything else: other items, another byte order, more than one dimension; LengthError for half a sample.
    """
    if isinstance(pcm, np.ndarray):
        if pcm.dtype != np.int16 or not pcm.dtype.isnative or pcm.ndim != 1:
            raise FormatError(
                f"expected mono int16 samples, got {pcm.dtype.str} of {pcm.ndim} dimensions; nothing was queued"
            )
        return _plain(pcm)
    try:
        view = memoryview(pcm)
    except TypeError as error:
        raise FormatError(f"expected int16 samples or bytes, got {type(pcm).__name__}; nothing was queued") from error
    if view.ndim != 1 or not view.c_contiguous:
        raise FormatError(f"expected mono samples in one piece, got {view.ndim} dimensions; nothing was queued")
    if view.format in ("B", "c"):
        if view.nbytes % 2:
            raise LengthError(
                f"odd number of bytes ({view.nbytes}): the last int16 sample is cut short; nothing was queued"
            )
    elif view.format not in _INT16_FORMATS:
        raise FormatError(f"expected int16 samples or bytes, got items of format {view.format!r}; nothing was queued")
    return _plain(np.frombuffer(view, np.int16))


def _plain(samples: Samples) -> Samples:
    """In one piece, at an even address."""
    return np.ascontiguousarray(samples) if samples.flags.aligned else samples.copy()


def _whole(sample_rate: object) -> int:
    """A whole number of any kind, NumPy's and 8000.0 too, as Python's int."""
    if isinstance(sample_rate, numbers.Real) and not isinstance(sample_rate, bool):
        hz = float(sample_rate)
        if hz.is_integer():
            return int(hz)
    raise ConfigError(f"sample_rate must be a whole number (got {sample_rate!r})")


def check_name(name: object) -> None:
    """Raise ConfigError for a name that is no str: it comes back in events, and goes into logs."""
    if not isinstance(name, str):
        raise ConfigError(f"a name must be a str (got {name!r})")


class Sources:
    """Feeds a C queue, which keeps everything in its order.

    Attributes
    ----------
    pending : dict
        Files that are not wholly converted, in their order; while there are any, call `feed` before what reads the queue.
    late : (int, bool) or None
        The newest chunk of speech came too late, for its utterance was interrupted: its samples, and whether it is the first such.
    """

    def __init__(self, core: _PlayoutQueue, sample_rate: int, max_queued_ms: int) -> None:
        if not 100 <= max_queued_ms <= 600_000:
            raise ConfigError(f"max_queued_ms must be 100 to 600000 (got {max_queued_ms!r})")
        self._core, self._rate_hz, self._max_samples = core, sample_rate, max_queued_ms * sample_rate // 1000
        self._file_chunk = sample_rate * _FILE_CHUNK_MS // 1000
        self.clear_all()

    def clear_all(self) -> None:
        """Forget everything, as if new."""
        self._labels: dict[int, _Label] = {}
        self._open: _Label | None = None  # speech that goes on
        # Names of utterances that were cut before their final chunk came; True: a late chunk has come already.
        self._interrupted: OrderedDict[str, bool] = OrderedDict()
        self.pending: dict[int, _File] = {}
        self.late: tuple[int, bool] | None = None

    # --- in ---------------------------------------------------------------------------------------------------------------

    def end_open(self) -> None:
        """The newest utterance, if it goes on, ends: what its conversion holds is played too."""
        if self._open is None:
            return
        label, self._open = self._open, None
        if label.resampler is not None:
            self._core.write(label.resampler.flush())
            label.resampler = None
        self._core.finish()

    def speak(self, pcm: Buffer, sample_rate: int, utterance: str, final: bool, interruptible: bool) -> int:
        """See `PlayoutQueue.speak`."""
        samples = int16_samples(pcm)
        check_name(utterance)
        self.late = None
        rate_hz = _whole(sample_rate)
        label = self._open
        if label is None or label.name != utterance:
            if utterance in self._interrupted:
                return self._discard(samples, utterance, final)
            label = self._begin(rate_hz, utterance, interruptible)
        elif label.rate_hz != rate_hz:
            raise ConfigError(f"sample_rate is {label.rate_hz} in this utterance (got {sample_rate!r})")
        waiting = self._core.capacity - self._core.room
        taken = samples[: max(0, self._max_samples - waiting) * rate_hz // self._rate_hz]
        if len(taken):
            self._core.write(label.resampler.process(taken) if label.resampler is not None else taken)
            label.taken += len(taken)
        if final and len(taken) == len(samples):
            label.final = True
            self.end_open()
        return len(taken)

    def _begin(self, rate_hz: int, utterance: str, interruptible: bool) -> _Label:
        resampler = Resampler(rate_hz, self._rate_hz) if rate_hz != self._rate_hz else None
        self._core.reserve()
        self.end_open()
        label = self._open = _Label("speech", utterance, rate_hz, resampler)
        self._labels[self._core.begin(interruptible)] = label
        return label

    def _discard(self, samples: Samples, utterance: str, final: bool) -> int:
        """A chunk of an utterance that was interrupted."""
        if len(samples):
            self.late = len(samples), not self._interrupted[utterance]
            self._interrupted[utterance] = True
        if final:
            del self._interrupted[utterance]
        return len(samples)

    def play(self, source: WavSource, name: str, interruptible: bool) -> None:
        """See `PlayoutQueue.play`."""
        check_name(name)
        if len(self.pending) >= _MAX_FILES:
            raise StateError(f"{len(self.pending)} files wait already; at most {_MAX_FILES} may")
        self._core.reserve()
        file = _File(source, self._rate_hz)
        file.convert(self._file_chunk)
        self.end_open()
        number = self._core.file(interruptible, file.samples, file.length)
        self._labels[number] = _Label("play", name, self._rate_hz)
        self._core.ready(number, file.ready, file.finished)
        if not file.finished:
            self.pending[number] = file

    def send_dtmf(self, digits: str, interruptible: bool) -> None:
        """See `PlayoutQueue.send_dtmf`."""
        dtmf.check(digits)
        self._core.reserve()
        self.end_open()
        self._labels[self._core.dtmf(interruptible, digits.encode("ascii"))] = _Label("dtmf", digits)

    def silence(self, ms: float, interruptible: bool) -> None:
        """See `PlayoutQueue.silence`."""
        if not 0 <= ms <= 600_000:
            raise ConfigError(f"ms must be 0 to 600000 (got {ms!r})")
        self._core.reserve()
        self.end_open()
        self._labels[self._core.silence(interruptible, round(ms * self._rate_hz / 1000))] = _Label("silence", "")

    def checkpoint(self, name: str) -> None:
        """See `PlayoutQueue.checkpoint`."""
        check_name(name)
        ahead = math.ceil(self._open.delay_s * self._rate_hz) if self._open is not None else 0
        self._labels[self._core.mark(ahead)] = _Label("checkpoint", name)

    def feed(self) -> None:
        """Convert what the file that plays needs next; files that wait behind it have their beginning ready."""
        playing = self._core.current()
        while self.pending:
            number, file = next(iter(self.pending.items()))
            played = playing[1] if playing is not None and playing[0] == number else 0
            if file.ready >= played + self._file_chunk:
                return
            try:
                file.convert(played + self._file_chunk)
            except BaseException:
                file.finished = True  # it ends with what there is of it
                raise
            finally:
                self._core.ready(number, file.ready, file.finished)
                if file.finished:
                    del self.pending[number]

    # --- out --------------------------------------------------------------------------------------------------------------

    def _position_s(self, label: _Label, played: int, completed: bool) -> float:
        """Seconds of the source that were heard."""
        if completed and label.kind == "speech":
            return label.taken / label.rate_hz
        return max(0.0, played / self._rate_hz - label.delay_s)

    def describe(self, kind: str, number: int, at_ms: float, played: int) -> PlayoutEvent:
        """An event of the C queue with names for its numbers."""
        label = self._labels.get(number)
        if label is None:  # a pause of nothing, a clear
            return PlayoutEvent(kind, "", "", at_ms, 0, 0.0)
        if kind in _ENDS:
            del self._labels[number]
            if kind != "completed":
                self._cut(number, label)
        position_s = self._position_s(label, played, kind == "completed")
        return PlayoutEvent(kind, label.kind, label.name, at_ms, played, position_s)

    def _cut(self, number: int, label: _Label) -> None:
        """A source was cleared: late chunks of its utterance are not wanted."""
        self.pending.pop(number, None)
        if label is self._open:
            self._open = None
        if label.kind != "speech" or label.final or not label.name:
            return
        self._interrupted.pop(label.name, None)
        self._interrupted[label.name] = False
        if len(self._interrupted) > _MAX_INTERRUPTED:
            self._interrupted.popitem(last=False)

    @property
    def queued(self) -> int:
        """Samples still to be played at the line's rate."""
        return self._core.queued
