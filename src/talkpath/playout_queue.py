"""What the agent says, in order: speech that streams in, files, DTMF keys, silence; one frame out for every frame of time."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from talkpath import dtmf
from talkpath._core import Resampler, _PlayoutQueue
from talkpath._types import Buffer, Samples
from talkpath.errors import ConfigError, FormatError, LengthError
from talkpath.results import PlayoutEvent
from talkpath.wav import Source as WavSource
from talkpath.wav import WavStream

_ENDS = frozenset(("completed", "interrupted", "dropped", "checkpoint"))
_FILE_CHUNK_MS = 200
_RING_MS = 1000
_FRAME_MS = (10, 20, 30, 40, 60)


@dataclass
class _Item:
    """One source or checkpoint."""

    kind: str
    name: str
    interruptible: bool = True
    rate_hz: int = 0  # of a source of samples
    delay_s: float = 0.0  # of its resampler
    taken: int = 0  # samples at rate_hz that speak() accepted
    chunks: deque[Samples] = field(default_factory=deque)  # converted, not yet in the ring
    more: Iterator[Samples] | None = None  # a file's next chunks
    final: bool = False
    keys: bytes = b""
    samples: int = 0  # of silence
    resampler: Resampler | None = None

    def waiting(self) -> int:
        """Samples that are not yet in the ring."""
        return sum(map(len, self.chunks)) + self.samples


class Sources:
    """Feeds a C queue: gives numbers to names, converts rates, keeps what does not fit into the ring yet.

    The ring holds a second; everything behind it waits here, `max_queued_ms` at most, so a call's memory stays small however
    fast a synthesiser is.
    """

    def __init__(self, core: _PlayoutQueue, sample_rate: int, max_queued_ms: int) -> None:
        if not 100 <= max_queued_ms <= 600_000:
            raise ConfigError(f"max_queued_ms must be 100 to 600000 (got {max_queued_ms!r})")
        self._core, self._rate_hz, self._max_samples = core, sample_rate, max_queued_ms * sample_rate // 1000
        self.clear_all()

    def clear_all(self) -> None:
        """Forget everything, as if new."""
        self._items: dict[int, _Item] = {}
        self._next_id = 1
        self.pending: deque[int] = deque()  # items not yet wholly in the C queue, in order
        self._begun: int | None = None  # the one of them whose beginning is
        self._open: int | None = None  # the newest item, when it is speech that goes on
        self._discarded: str | None = None  # an utterance that was cleared while it streamed in
        self._told: list[PlayoutEvent] = []  # events that the C queue knows nothing of

    # --- in ---------------------------------------------------------------------------------------------------------------

    def _add(self, item: _Item) -> int:
        self.end_open()
        number, self._next_id = self._next_id, self._next_id + 1
        self._items[number] = item
        self.pending.append(number)
        return number

    def end_open(self) -> None:
        """The newest utterance, if it goes on, is complete."""
        if self._open is None:
            return
        item, self._open = self._items[self._open], None
        if item.resampler is not None:
            item.chunks.append(item.resampler.flush())
        item.final = True

    def speak(self, pcm: Buffer, sample_rate: int, utterance: str, final: bool, interruptible: bool) -> int:
        """See `PlayoutQueue.speak`."""
        if not isinstance(pcm, np.ndarray) and (odd := memoryview(pcm).nbytes) % 2:
            raise LengthError(f"odd number of bytes ({odd}): the last int16 sample is cut short; nothing was queued")
        samples = np.ascontiguousarray(pcm) if isinstance(pcm, np.ndarray) else np.frombuffer(pcm, np.int16)
        if samples.dtype != np.int16 or samples.ndim != 1:
            raise FormatError(
                f"expected mono int16 samples, got {samples.dtype} of {samples.ndim} dimensions; nothing was queued"
            )
        item = self._items[self._open] if self._open is not None else None
        if item is not None and item.name != utterance:
            item = None
        if item is not None and item.rate_hz != sample_rate:
            raise ConfigError(f"sample_rate is {item.rate_hz} in this utterance (got {sample_rate!r})")
        if utterance and utterance == self._discarded:
            if final:
                self._discarded = None
            return len(samples)
        if item is None:
            resampler = Resampler(sample_rate, self._rate_hz) if sample_rate != self._rate_hz else None
            item = _Item("speech", utterance, interruptible, sample_rate, resampler=resampler)
            item.delay_s = resampler.delay_ms / 1000 if resampler is not None else 0.0
            self._open = self._add(item)
        self._discarded = None
        room = max(0, self._max_samples - self.queued) * sample_rate // self._rate_hz
        taken = samples[:room]
        if len(taken):
            item.taken += len(taken)
            item.chunks.append(item.resampler.process(taken) if item.resampler is not None else taken.copy())
        if final and len(taken) == len(samples):
            self.end_open()
        self.feed()
        return len(taken)

    def play(self, source: WavSource, name: str, interruptible: bool) -> None:
        """See `PlayoutQueue.play`."""
        stream = WavStream(source, self._rate_hz)
        more = stream.chunks(self._rate_hz * _FILE_CHUNK_MS // 1000)
        self._add(_Item("play", name, interruptible, self._rate_hz, more=more, final=True))
        self.feed()

    def send_dtmf(self, digits: str, interruptible: bool) -> None:
        """See `PlayoutQueue.send_dtmf`."""
        dtmf.check(digits)
        self._add(_Item("dtmf", digits, interruptible, keys=digits.encode("ascii"), final=True))
        self.feed()

    def silence(self, ms: float, interruptible: bool) -> None:
        """See `PlayoutQueue.silence`."""
        if not 0 <= ms <= 600_000:
            raise ConfigError(f"ms must be 0 to 600000 (got {ms!r})")
        samples = round(ms * self._rate_hz / 1000)
        self._add(_Item("silence", "", interruptible, samples=samples, final=True))
        self.feed()

    def checkpoint(self, name: str) -> None:
        """See `PlayoutQueue.checkpoint`."""
        self._add(_Item("checkpoint", name, final=True))
        self.feed()

    # --- on to the C queue --------------------------------------------------------------------------------------------------

    def feed(self) -> None:
        """Give the C queue what it has room for."""
        while self.pending:
            number = self.pending[0]
            item = self._items[number]
            if self._begun != number:
                if not self._core.free_sources or not self._begin(number, item):
                    return
                self._collect()  # the C queue keeps the events of what its table holds, no more
                self._begun = number
            if not self._pour(item) or not item.final:
                return
            if item.rate_hz:
                self._core.finish()
            self.pending.popleft()
            self._begun = None

    def _begin(self, number: int, item: _Item) -> bool:
        """False: there is no room yet."""
        if item.kind == "dtmf":
            if self._core.room < len(item.keys):
                return False
            self._core.dtmf(number, item.interruptible, item.keys)
        elif item.kind == "silence":
            self._core.silence(number, item.interruptible, item.samples)
            item.samples = 0
        elif item.kind == "checkpoint":
            self._core.checkpoint(number)
        else:
            self._core.begin(number, item.interruptible)
        return True

    def _pour(self, item: _Item) -> bool:
        """Writes chunks into the ring. True: all that there were."""
        while True:
            while item.chunks:
                chunk = item.chunks[0]
                written = self._core.write(chunk)
                if written < len(chunk):
                    item.chunks[0] = chunk[written:]
                    return False
                item.chunks.popleft()
            if item.more is None:
                return True
            try:
                item.chunks.append(next(item.more))
            except StopIteration:
                item.more = None
                return True

    # --- out --------------------------------------------------------------------------------------------------------------

    def drop(self, everything: bool, dropped: bool = False) -> list[_Item]:
        """Drops what the C queue knows nothing of yet; without `everything`, what must not be interrupted stays.

        `dropped`: something before it was dropped, so checkpoints go too.
        """
        kept: list[int] = []
        gone: list[_Item] = []
        if self._open is not None and (everything or self._items[self._open].interruptible):
            self._discarded, self._open = self._items[self._open].name, None
        for number in self.pending:
            item = self._items[number]
            if not everything and (not dropped if item.kind == "checkpoint" else not item.interruptible):
                kept.append(number)
                continue
            gone.append(item)
            dropped = True
            if number == self._begun:  # the C queue tells of this one
                self._begun = None
                gone.pop()
            else:
                del self._items[number]
        self.pending = deque(kept)
        return gone

    def clear(self, everything: bool) -> None:
        """Drops what is queued, here and in the C queue."""
        current = self._core.current()
        gone = self.drop(everything, dropped=current is not None and current[2])
        self._core.clear(everything)
        self._collect()
        at_ms = self._core.now * 1000 / self._rate_hz
        self._told += [PlayoutEvent("dropped", item.kind, item.name, at_ms, 0, 0.0) for item in gone]
        self.feed()

    def _position_s(self, item: _Item, played: int, ended: bool) -> float:
        """Seconds of the source that were heard."""
        if ended and item.kind == "speech":
            return item.taken / item.rate_hz
        return max(0.0, played / self._rate_hz - item.delay_s)

    def describe(self, kind: str, number: int, at_ms: float, played: int) -> PlayoutEvent:
        """An event of the C queue with names for its numbers."""
        item = self._items.get(number)
        if item is None:  # a pause of nothing
            return PlayoutEvent(kind, "", "", at_ms, 0, 0.0)
        if kind in _ENDS:
            del self._items[number]
        return PlayoutEvent(
            kind, item.kind, item.name, at_ms, played, self._position_s(item, played, kind == "completed")
        )

    def _collect(self) -> None:
        for kind, number, at, played in self._core.events():
            self._told.append(self.describe(kind, number, at * 1000 / self._rate_hz, played))

    def events(self) -> list[PlayoutEvent]:
        """What happened since the last call, oldest first."""
        self._collect()
        told, self._told = self._told, []
        return told

    @property
    def queued(self) -> int:
        """Samples still to be played at the line's rate; of files, what has been read of them."""
        return self._core.queued + sum(self._items[number].waiting() for number in self.pending)


class PlayoutQueue:
    """What the caller hears, in order, without a click, and exactly how far it got.

    Parameters
    ----------
    sample_rate : {8000, 16000, 24000, 48000}
        Hz, of the line.
    frame_ms : {20, 10, 30, 40, 60}
        What `read` returns at a time.
    max_queued_ms : int
        How much speech may wait, 100 to 600000; `speak` takes no more than that.

    Raises
    ------
    ConfigError
        A value out of its range.

    Notes
    -----
    Every sample of a source is played exactly once. `pause` and `resume` fade over 10 ms, `clear` over 5 ms; a source that begins
    or ends off zero is bent there. Speech that runs dry before its end is concealed for 60 ms and fades. Method, limits and
    cost: csrc/include/talkpath/playout_queue.h. Not picklable as a stream; it pickles its configuration. One object belongs to one
    call and one thread at a time.

    Examples
    --------
    >>> queue = talkpath.PlayoutQueue()
    >>> queue.speak(bytes(320), 8000, "hello", final=True)
    160
    >>> len(queue.read())
    160
    >>> [event.kind for event in queue.events()]
    ['started', 'completed']
    """

    delay_ms = 0.0

    def __init__(self, sample_rate: int = 8000, frame_ms: int = 20, max_queued_ms: int = 60_000) -> None:
        if frame_ms not in _FRAME_MS:
            raise ConfigError(f"frame_ms must be one of {', '.join(map(str, _FRAME_MS))} (got {frame_ms!r})")
        self._core = _PlayoutQueue(sample_rate, _RING_MS)
        self._sources = Sources(self._core, sample_rate, max_queued_ms)
        self.sample_rate, self.frame_ms, self.max_queued_ms = sample_rate, frame_ms, max_queued_ms
        self._frame_samples = sample_rate * frame_ms // 1000

    # --- sources ------------------------------------------------------------------------------------------------------------

    def speak(
        self,
        pcm: Buffer,
        sample_rate: int,
        utterance: str = "",
        final: bool = False,
        allow_interruption: bool = True,
    ) -> int:
        """Queue speech as it comes from a synthesiser.

        Parameters
        ----------
        pcm : int16 buffer, shape (n,)
            Any chunk of a stream; n may be 0. It leaves as soon as 10 ms are there.
        sample_rate : int
            Hz, any rate of `Resampler`; the same for all chunks of an utterance.
        utterance : str
            Its name, a new one for each: chunks with the name of the newest one continue it. Chunks of an utterance that was
            cleared are dropped, until its final one or another name comes.
        final : bool
            The utterance is complete.
        allow_interruption : bool
            False: `pause` and `clear` leave it alone. The first chunk decides.

        Returns
        -------
        int
            How many samples were accepted: fewer than n when more than `max_queued_ms` would wait. Give the rest later;
            `final` counts only with the whole chunk.
        """
        return self._sources.speak(pcm, sample_rate, utterance, final, allow_interruption)

    def play(self, source: WavSource, name: str = "", allow_interruption: bool = True) -> None:
        """Queue a WAV file (path or bytes), mixed to mono; it is read piece by piece while it plays.

        Raises
        ------
        FormatError
            Not a WAV file, or a format that `read_wav` does not know.
        """
        self._sources.play(source, name, allow_interruption)

    def send_dtmf(self, digits: str, allow_interruption: bool = False) -> None:
        """Queue key presses: 100 ms tone, 100 ms gap each, -10 dBov.

        Raises
        ------
        FormatError
            A character that is no key.
        """
        self._sources.send_dtmf(digits, allow_interruption)

    def silence(self, ms: float, allow_interruption: bool = True) -> None:
        """Queue silence, 0 to 600000 ms."""
        self._sources.silence(ms, allow_interruption)

    def checkpoint(self, name: str) -> None:
        """Queue a mark: a "checkpoint" event comes when everything before it was played; a `clear` drops it."""
        self._sources.checkpoint(name)

    # --- control ------------------------------------------------------------------------------------------------------------

    def pause(self) -> bool:
        """Fade out over 10 ms and stand still. False: the present source must not be interrupted, and plays on."""
        return self._core.pause()

    def resume(self) -> None:
        """Go on where `pause` stopped, fading in over 10 ms."""
        self._core.resume()

    def clear(self, everything: bool = True) -> None:
        """Forget what is queued, with a fade of 5 ms. `everything=False` keeps what must not be interrupted. Ends a pause."""
        self._sources.clear(everything)

    def reset(self) -> None:
        """Forget everything at once: the object is as new."""
        self._core.reset()
        self._sources.clear_all()

    # --- out ------------------------------------------------------------------------------------------------------------------

    def read(self, *, out: Buffer | None = None) -> Samples | int:
        """Produce the next frame: always exactly one; zeros where nothing plays.

        Parameters
        ----------
        out : writable int16 buffer, optional
            Takes the frame; any length.

        Returns
        -------
        ndarray[int16], shape (frame,), or int
            The frame; with `out`, how many of its samples came from sources.
        """
        self._sources.feed()
        if out is not None:
            return self._core.read(out)
        frame = np.empty(self._frame_samples, np.int16)
        self._core.read(frame)
        return frame

    def events(self) -> list[PlayoutEvent]:
        """What happened since the last call, oldest first."""
        return self._sources.events()

    @property
    def queued_ms(self) -> float:
        """How much is still to be played; of files, what has been read of them."""
        return self._sources.queued * 1000 / self.sample_rate

    @property
    def paused(self) -> bool:
        """Between `pause` and `resume`."""
        return self._core.paused

    @property
    def underruns(self) -> int:
        """How often speech ran dry before its end."""
        return self._core.underruns

    def __reduce__(self) -> tuple[type["PlayoutQueue"], tuple[int, int, int]]:
        return type(self), (self.sample_rate, self.frame_ms, self.max_queued_ms)

    def __repr__(self) -> str:
        return f"PlayoutQueue(sample_rate={self.sample_rate}, frame_ms={self.frame_ms}, max_queued_ms={self.max_queued_ms})"
