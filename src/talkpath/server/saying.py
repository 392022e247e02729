"""What is being said on a call, one after the other, and how much of it was heard. It runs on the handlers' loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from talkpath._types import Buffer, Samples
from talkpath.call.events import AgentSpeechCompleted, AgentSpeechDiscarded, AgentSpeechInterrupted, AudioCleared
from talkpath.playout_sources import int16_samples
from talkpath.server.lines import CallEnded
from talkpath.server.results import PlayoutCleared

log = logging.getLogger("talkpath.server")

Give = Callable[[Samples], Awaitable[None]]

CLOSE_S = 1.0  # so long an iterator may take to close; it goes on by itself then

_closing: set[asyncio.Task[None]] = set()  # iterators that take longer


class Saying:
    """One `say`, until it was heard or cut.

    Attributes
    ----------
    name : str
        Of the utterance.
    given_samples : int
        That the call has taken.
    cut_ms : float or None
        So much was heard of what was interrupted.
    halted : future
        Is done as soon as no more of it will be heard: it was interrupted, or the call is over.
    offered : future
        Is done when the next one may begin.
    """

    def __init__(self, name: str, sample_rate_hz: int, before: Saying | None) -> None:
        loop = asyncio.get_running_loop()
        self.name = name
        self.given_samples = 0
        self._rate_hz = sample_rate_hz
        self.cut_ms: float | None = None
        self.is_complete = False  # all of it has left the call
        self._before = before
        self.halted: asyncio.Future[None] = loop.create_future()
        self.offered: asyncio.Future[None] = loop.create_future()

    @property
    def given_ms(self) -> float:
        """That the call has taken."""
        return 1000 * self.given_samples / self._rate_hz

    def cut(self, heard_ms: float) -> None:
        """It was interrupted."""
        self.cut_ms = heard_ms
        self.halt()

    def halt(self) -> None:
        """No more of it will be heard."""
        _finish(self.halted)

    def leave(self) -> None:
        """Nothing more will be given: the next one may begin."""
        _finish(self.offered)
        self._before = None

    async def turn(self) -> None:
        """Wait until the one before has been given."""
        if self._before is not None:
            await self.unless_halted(self._before.offered)
            self._before = None

    async def unless_halted(self, work: asyncio.Future[Any]) -> None:
        """Wait for it, or for the halt."""
        await asyncio.wait({work, self.halted}, return_when=asyncio.FIRST_COMPLETED)

    async def run(self, speech: Buffer | AsyncIterable[Buffer], give: Give) -> None:
        """Give all of it, to its end or to the halt, whatever the iterator waits for; it is closed then.

        The whole iteration is one task, for what an iterator holds open (a time-out, a connection) belongs to the task that opened it.
        """
        if self.halted.done():  # before its turn
            await _close(speech)
            return
        task = asyncio.get_running_loop().create_task(_give_all(speech, give))
        try:
            await self.unless_halted(task)
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=CLOSE_S)
            if not task.done():
                _closing.add(task)
                task.add_done_callback(_closed)
        if not self.halted.done():
            task.result()
        elif task.done():
            _tell(task)


async def _give_all(speech: Buffer | AsyncIterable[Buffer], give: Give) -> None:
    if not isinstance(speech, AsyncIterable):
        await give(int16_samples(speech))
        return
    chunks = aiter(speech)
    try:
        async for chunk in chunks:
            await give(int16_samples(chunk))
    finally:
        await _close(chunks)


async def _close(chunks: object) -> None:
    close = getattr(chunks, "aclose", None)  # a generator that is left would be closed at some time, by somebody
    if close is not None:
        await close()


def _closed(task: asyncio.Task[None]) -> None:
    _closing.discard(task)
    _tell(task)


def _tell(task: asyncio.Task[None]) -> None:
    """Nobody waits for it any more."""
    if not task.cancelled() and task.exception() is not None and not isinstance(task.exception(), CallEnded):
        log.warning("an iterator of speech failed as it was closed", exc_info=task.exception())


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Sayings:
    """All that wait, in their order; events say what becomes of them."""

    def __init__(self) -> None:
        self._all: list[Saying] = []

    def begin(self, name: str, sample_rate_hz: int) -> Saying:
        """Behind all others."""
        saying = Saying(name, sample_rate_hz, self._all[-1] if self._all else None)
        self._all.append(saying)
        return saying

    def end(self, saying: Saying) -> None:
        """It was heard, or given up."""
        saying.leave()
        self._all.remove(saying)

    def halt(self) -> None:
        """The line is gone."""
        for saying in self._all:
            saying.halt()

    def note(self, event: object) -> None:
        """An interruption cuts all that was asked for before it."""
        match event:
            case AgentSpeechCompleted():
                found = self._named(event.utterance)
                if found is not None:
                    found.is_complete = True
            case AgentSpeechInterrupted():
                found = self._named(event.utterance)
                for saying in self._all:
                    if not saying.is_complete and saying.cut_ms is None:
                        saying.cut(1000 * event.playback_position_s if saying is found else 0.0)
            case AgentSpeechDiscarded():  # it was cut before its first frame
                found = self._named(event.utterance)
                if found is not None:
                    found.cut(0.0)
            case AudioCleared():
                for saying in self._all:
                    if not saying.is_complete and saying.cut_ms is None:
                        saying.cut(0.0)
            case PlayoutCleared():
                self._take_back(event.unheard_ms)

    def _named(self, name: str) -> Saying | None:
        return next((s for s in self._all if s.name == name and not s.is_complete and s.cut_ms is None), None)

    def _take_back(self, unheard_ms: float) -> None:
        """The provider has thrown away the last of what had left."""
        for saying in reversed(self._all):
            if saying.is_complete or saying.cut_ms:
                left_ms = saying.given_ms if saying.cut_ms is None else saying.cut_ms
                taken_ms = min(unheard_ms, left_ms)
                unheard_ms -= taken_ms
                saying.cut(left_ms - taken_ms)
