"""What the agent says, in order: speech that streams in, files, DTMF keys, silence; one frame out for every frame of time."""

from typing import Any

import numpy as np

from talkpath._core import _PlayoutQueue, owned, whole
from talkpath._types import Buffer, Samples
from talkpath.errors import ConfigError, StateError
from talkpath.playout_sources import Sources
from talkpath.results import PlayoutEvent
from talkpath.wav import Source as WavSource

_FRAME_MS = (10, 20, 30, 40, 60)


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
    call; whoever enters it while another thread is inside gets a StateError.

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
        if whole(frame_ms) not in _FRAME_MS:
            raise ConfigError(f"frame_ms must be one of {', '.join(map(str, _FRAME_MS))} (got {frame_ms!r})")
        self._core = _PlayoutQueue(sample_rate)
        sample_rate, frame_ms = int(sample_rate), int(frame_ms)
        self._sources = Sources(self._core, sample_rate, max_queued_ms)
        self.sample_rate, self.frame_ms, self.max_queued_ms = sample_rate, frame_ms, max_queued_ms
        self._frame_samples = sample_rate * frame_ms // 1000
        self._events: list[PlayoutEvent] = []

    # --- sources ------------------------------------------------------------------------------------------------------------

    @owned
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
            Its name, which is for one utterance: chunks with the name of the newest one continue it. Late chunks of an utterance
            that was cleared are dropped until its final one has come; a "discarded" event says so once. A name whose final chunk
            has come may be used again.
        final : bool
            The utterance is complete.
        allow_interruption : bool
            False: `pause` and `clear` leave it alone. The first chunk decides.

        Returns
        -------
        int
            How many samples were accepted: fewer than n when more than `max_queued_ms` would wait. Give the rest later;
            `final` counts only with the whole chunk. Of late chunks that are dropped: n, so that nobody tries again.

        Raises
        ------
        FormatError
            Not mono int16 in the machine's byte order (LengthError: half a sample). Nothing was queued.
        ConfigError
            A rate that `Resampler` does not know, or another one within an utterance.
        StateError
            32768 sources and checkpoints wait already.
        """
        self._collect()
        taken = self._sources.speak(pcm, sample_rate, utterance, final, allow_interruption)
        if self._sources.late is not None and self._sources.late[1]:
            at_ms = self._core.now * 1000 / self.sample_rate
            self._events.append(PlayoutEvent("discarded", "speech", utterance, at_ms, 0, 0.0))
        return taken

    @owned
    def play(self, source: WavSource, name: str = "", allow_interruption: bool = True) -> None:
        """Queue a WAV file (path or bytes), mixed to mono. It is read now, and converted piece by piece while it plays.

        Raises
        ------
        FormatError
            Not a WAV file, or a format that `read_wav` does not know.
        OSError
            The file cannot be read.
        StateError
            256 files wait already.
        """
        self._sources.play(source, name, allow_interruption)

    @owned
    def send_dtmf(self, digits: str, allow_interruption: bool = False) -> None:
        """Queue key presses: 100 ms tone, 100 ms gap each, -10 dBov.

        Raises
        ------
        FormatError
            A character that is no key.
        """
        self._sources.send_dtmf(digits, allow_interruption)

    @owned
    def silence(self, ms: float, allow_interruption: bool = True) -> None:
        """Queue silence, 0 to 600000 ms."""
        self._sources.silence(ms, allow_interruption)

    @owned
    def checkpoint(self, name: str) -> None:
        """Queue a mark: a "checkpoint" event comes when everything before it was played; a `clear` drops it.

        Within speech that goes on it stands where the speech has got to, and does not touch it. Where speech runs dry at a mark,
        the event comes once its concealment has faded.
        """
        self._sources.checkpoint(name)

    # --- control ------------------------------------------------------------------------------------------------------------

    @owned
    def pause(self) -> bool:
        """Fade out over 10 ms and stand still. False: the present source must not be interrupted, and plays on."""
        return self._core.pause()

    @owned
    def resume(self) -> None:
        """Go on where `pause` stopped, fading in over 10 ms."""
        self._core.resume()

    @owned
    def clear(self, everything: bool = True) -> None:
        """Forget what is queued, with a fade of 5 ms. `everything=False` keeps what must not be interrupted. Ends a pause."""
        self._core.clear(everything)
        self._collect()

    @owned
    def reset(self) -> None:
        """Forget everything at once: the object is as new."""
        self._core.reset()
        self._sources.clear_all()
        self._events.clear()

    # --- out ------------------------------------------------------------------------------------------------------------------

    @owned
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
        if self._sources.pending:
            self._sources.feed()
        if self._core.crowded:
            self._collect()
        if out is not None:
            return self._core.read(out)
        frame = np.empty(self._frame_samples, np.int16)
        self._core.read(frame)
        return frame

    @owned
    def events(self) -> list[PlayoutEvent]:
        """What happened since the last call, oldest first."""
        self._collect()
        events, self._events = self._events, []
        return events

    def _collect(self) -> None:
        """Out of the core, before too many wait there; numbers become names."""
        for kind, number, at, played in self._core.events():
            event = self._sources.describe(kind, number, at * 1000 / self.sample_rate, played)
            if event.kind != "cleared":
                self._events.append(event)

    @property
    @owned
    def queued_ms(self) -> float:
        """How much is still to be played."""
        return self._sources.queued * 1000 / self.sample_rate

    @property
    @owned
    def paused(self) -> bool:
        """Between `pause` and `resume`."""
        return self._core.paused

    @property
    @owned
    def underruns(self) -> int:
        """How often speech ran dry before its end."""
        return self._core.underruns

    def __reduce__(self) -> tuple[type["PlayoutQueue"], tuple[int, int, int]]:
        return type(self), (self.sample_rate, self.frame_ms, self.max_queued_ms)

    def __copy__(self) -> "PlayoutQueue":
        raise StateError("a PlayoutQueue cannot be copied; make a new one")

    def __deepcopy__(self, memo: dict[int, Any]) -> "PlayoutQueue":
        raise StateError("a PlayoutQueue cannot be copied; make a new one")

    def __repr__(self) -> str:
        return f"PlayoutQueue(sample_rate={self.sample_rate}, frame_ms={self.frame_ms}, max_queued_ms={self.max_queued_ms})"
