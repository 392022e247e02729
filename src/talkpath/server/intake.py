"""The caller's direction: what comes, in order, on the call's wire, as frames; and how many of them are owed."""

from __future__ import annotations

from collections.abc import Iterable

from talkpath.server.convert import Converter, silence, wire_of
from talkpath.server.framing import Framer
from talkpath.server.results import Counters, Limits
from talkpath.server.sequence import Sequencer
from talkpath.streams import Media, Wire

FORGIVEN_TICKS = 50  # frames have come one a tick for so long: what is owed will not come
SHORT_S = 0.06  # the patience with a provider that leaves frames out


class Intake:
    """Media messages in, at most a few frames a tick out.

    Parameters
    ----------
    wire : Wire
        What the start promised.
    stream : str
        The call's.
    frame_s : float
    limits : Limits
    counters : Counters
        Are kept up to date.

    Notes
    -----
    Over TCP audio is late, hardly ever lost. So a tick that finds no frame waits (one frame is owed) and what comes late is taken at
    once: nothing is thrown away and no delay is left, and the engine still knows the echo in it. Only what is owed beyond `wait_s` is
    concealed, so that time goes on for the call. A provider that sends nothing where there is nothing to hear shows in what is never
    paid: with it patience is short, until something does come late.
    """

    def __init__(self, wire: Wire, stream: str, frame_s: float, limits: Limits, counters: Counters) -> None:
        self._promised = self._wire = wire
        self._own = wire_of(stream)
        self._converter = Converter(wire, self._own)
        frame_bytes = self._own.frame_bytes(round(1000 * frame_s))
        assert frame_bytes is not None
        self._framer = Framer(frame_bytes, max(2, round(limits.max_waiting_s / frame_s)), silence(stream))
        self._sequencer: Sequencer[Media] = Sequencer(limits.reorder_s)
        self._patience = self._longest = round(limits.wait_s / frame_s)
        self._shortest = min(self._longest, round(SHORT_S / frame_s))
        self._counters = counters
        self._message_bytes = frame_bytes
        self._s_per_byte = frame_s / frame_bytes
        self._owed = self._even = self._concealed = 0
        self.audio_bytes = 0

    @property
    def audio_s(self) -> float:
        """All that came, and what is known to be lost."""
        return self.audio_bytes * self._s_per_byte

    @property
    def waiting_frames(self) -> int:
        """That have come and were not taken."""
        return len(self._framer)

    @property
    def deadline(self) -> float | None:
        """When a missing message is given up."""
        return self._sequencer.deadline

    def put(self, media: Media, now: float) -> None:
        """A message came."""
        if self._sequencer.passes(media.sequence):  # as nearly all
            self._take(media)
        else:
            self._pass(self._sequencer.put(media.sequence, media, now))

    def pass_time(self, now: float) -> None:
        """Give up what was waited for too long."""
        if self._sequencer.deadline is not None:
            self._pass(self._sequencer.due(now))

    def finish(self) -> list[bytes | None]:
        """The stream is over: all that is left."""
        self._pass(self._sequencer.flush())
        self._framer.finish()
        return [self._framer.take() for _ in range(len(self._framer))]

    def put_back(self, frames: list[bytes | None]) -> None:
        """Frames of the last tick that could not be used."""
        for frame in reversed(frames):
            self._framer.put_back(frame)

    def tick(self, missed: int) -> list[bytes | None]:
        """The frames for a tick, `missed` others having passed before it: none, to wait; more than one, to catch up. None: conceal."""
        self._owed += missed
        ready = len(self._framer)
        if not ready:
            self._even = 0
            self._owed += 1
            if self._owed <= self._patience:
                return []
            self._owed = self._patience
            self._concealed += 1
            self._counters.starved += 1
            return [None]
        more = min(ready - 1, self._owed + 1)
        paid = min(more, self._owed)
        self._owed = min(self._owed - paid, self._patience)
        if more > paid and self._concealed:
            self._concealed -= 1
            self._counters.late += 1
            self._patience = self._longest
        self._even = self._even + 1 if more == 0 else 0
        if self._even >= FORGIVEN_TICKS:
            if self._owed > self._shortest:
                self._patience = self._shortest
            self._owed = self._concealed = 0
        return [self._framer.take() for _ in range(1 + more)]

    def _pass(self, items: Iterable[Media | int]) -> None:
        for item in items:
            if isinstance(item, int):
                self._converter.lost()
                self._concealed -= self._framer.lost(item * self._message_bytes, self._concealed)
                self.audio_bytes += item * self._message_bytes
            else:
                self._take(item)
        self._count()

    def _count(self) -> None:
        seen, counters = self._sequencer, self._counters
        counters.lost, counters.reordered, counters.duplicate = seen.lost, seen.reordered, seen.duplicate
        counters.dropped = self._framer.dropped

    def _take(self, media: Media) -> None:
        wire = media.wire or self._promised
        if wire is not self._wire and wire != self._wire:
            self._converter = Converter(wire, self._own)
            self._wire = wire
        data = self._converter.convert(media.payload)
        if data:
            self._message_bytes = len(data)
            self.audio_bytes += len(data)
            if not self._framer.put(data):
                self._count()
