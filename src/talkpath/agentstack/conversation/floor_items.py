"""What lies on an agent's floor: speech, sounds, keys and deeds; and pieces of a voice on their way to the line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from talkpath.agentstack.conversation.utterance import Segment, Utterance
from talkpath.agentstack.providers.base import ProviderError

AHEAD_S, GATHERED_S = 0.5, 0.25


@dataclass(eq=False)
class Speech:
    """An utterance whose sentences come one by one; None is the end.

    Attributes
    ----------
    over : future
        The utterance, when it was heard or cut.
    released : event
        Not a sample is said before.
    stopped : event
        Set as it is cancelled.
    sound : queue, optional
        Of a model that speaks: its sound, piece by piece, None at the end; no voice is asked then. `begin` is called when its turn has come.
    sample_rate_hz : int
        Of `sound`.
    """

    utterance: Utterance
    sentences: asyncio.Queue[str | None] = field(default_factory=asyncio.Queue)
    over: asyncio.Future[Utterance] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    released: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    begun: bool = False  # its first sentence is with the voice
    cancelled: bool = False
    problem: ProviderError | None = None
    sound: asyncio.Queue[bytes | None] | None = None
    sample_rate_hz: int = 0
    begin: Callable[[], None] = lambda: None

    def say_all(self, sentences: Sequence[str]) -> None:
        """More of it."""
        for sentence in sentences:
            self.sentences.put_nowait(sentence)

    def hear(self, pcm: bytes) -> None:
        """More of its sound."""
        if self.sound is not None:
            self.sound.put_nowait(pcm)

    def words(self, text: str) -> None:
        """More of what its sound says."""
        if not self.utterance.segments:
            self.utterance.segments.append(Segment(""))
        self.utterance.segments[0].text += text

    def end(self) -> None:
        """No more."""
        self.sentences.put_nowait(None)
        if self.sound is not None:
            self.sound.put_nowait(None)

    def cancel(self) -> None:
        """Say no more of it."""
        self.cancelled = True
        self.stopped.set()
        if not self.begun:
            self.utterance.is_cut = True  # not a word of it was heard
        self.released.set()
        self.end()


@dataclass(eq=False)
class Sound:
    """A file."""

    audio: bytes
    allow_interruption: bool
    name: str


@dataclass(eq=False)
class Keys:
    """Tones."""

    digits: str


@dataclass(eq=False)
class Deed:
    """Something else that waits for its turn: a transfer, a hang-up."""

    do: Callable[[], Awaitable[None]]


Item: TypeAlias = Speech | Sound | Keys | Deed


@dataclass
class Spoken:
    """What a voice was asked for, and how it did."""

    ttfb_s: float | None = None  # of the first sentence
    asked_at: float | None = None  # when the voice was given the text
    work_s: float = 0.0
    audio_s: float = 0.0
    characters: int = 0


class Gathered:
    """Pieces of a voice on their way to the line: small ones are joined once enough waits to be said, for each is a message of its own."""

    def __init__(self, bytes_a_s: int, clock: Callable[[], float]) -> None:
        self._bytes_a_s, self._clock = bytes_a_s, clock
        self._held = bytearray()
        self._given = 0
        self._since: float | None = None

    def add(self, piece: bytes) -> bytes:
        """What goes on now; nothing while more is gathered."""
        self._held += piece
        now = self._clock()
        ahead_s = 0.0 if self._since is None else self._given / self._bytes_a_s - (now - self._since)
        if ahead_s > AHEAD_S and len(self._held) < GATHERED_S * self._bytes_a_s:
            return b""
        self._since = now if self._since is None else self._since
        return self.rest()

    def rest(self) -> bytes:
        """What was held back."""
        given = bytes(self._held)
        self._held.clear()
        self._given += len(given)
        return given
