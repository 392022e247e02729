"""The agent's floor: what is to be said, played, pressed and done comes one after the other.

An interruption throws away what may be interrupted; what must happen (a hang-up, a transfer, keys, a protected sound) stays, in its order.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from talkpath.agentstack.conversation.floor_items import Deed, Gathered, Item, Keys, Sound, Speech, Spoken
from talkpath.agentstack.conversation.utterance import Segment, Utterance
from talkpath.agentstack.hunting import PAUSES_S
from talkpath.agentstack.providers.base import ProviderError, TextToSpeech
from talkpath.errors import TalkpathError

_SAMPLE_BYTES = 2
_LONGEST_S, _LONGEST_CHARACTER_S = 10.0, 1.0  # of a sentence's audio: no voice is so slow
_KEYS = re.compile("[wW]|[^wW]+")
_MOST_ITEMS = 1000  # that wait: more is an app that has lost count
_MOST_SOUND_BYTES = 128 * 1024 * 1024


class Line(Protocol):
    """What the floor needs of a `PhoneCall`."""

    async def say(self, speech: AsyncIterator[bytes], sample_rate: int, utterance: str | None = None) -> float: ...
    async def play(self, source: bytes, allow_interruption: bool = True, name: str | None = None) -> None: ...
    async def played(self) -> bool: ...
    async def send_dtmf(self, digits: str) -> None: ...


class Floor:
    """One call's.

    Parameters
    ----------
    line : Line
    voice : callable
        Gives the voice of now.
    on_voice_done : callable
        (utterance, voice, what it took), after each sentence.
    on_problem : callable
        (code, message): what could not be said or played.
    clock : callable
        Seconds.
    on_fault : callable
        (what, exception): what must not happen.
    """

    def __init__(
        self,
        line: Line,
        voice: Callable[[], TextToSpeech | None],
        on_voice_done: Callable[[Utterance, TextToSpeech, Spoken], None],
        on_problem: Callable[[str, str], None],
        clock: Callable[[], float],
        on_fault: Callable[[str, BaseException], None],
    ) -> None:
        self._line, self._voice, self._clock = line, voice, clock
        self._on_voice_done, self._on_problem, self._on_fault = on_voice_done, on_problem, on_fault
        self._items: deque[Item] = deque()
        self._has_more = asyncio.Event()
        self.now: Item | None = None

    @property
    def is_idle(self) -> bool:
        """Nothing is said and nothing waits."""
        return self.now is None and not self._items

    @property
    def has_deed(self) -> bool:
        """A hang-up or a transfer waits."""
        return any(isinstance(item, Deed) for item in self._items)

    @property
    def is_full(self) -> bool:
        """So much waits that the app is told to stop."""
        sounds = sum(len(item.audio) for item in self._items if isinstance(item, Sound))
        return len(self._items) >= _MOST_ITEMS or sounds > _MOST_SOUND_BYTES

    def add(self, item: Item) -> None:
        """When all before it was heard."""
        self._items.append(item)
        self._has_more.set()

    def interrupted(self) -> list[Speech]:
        """The caller has the floor: what may be interrupted is gone, also what is being said. The speeches among it."""
        kept: deque[Item] = deque()
        gone: list[Item] = []
        for item in self._items:
            is_cut = isinstance(item, Speech) or (isinstance(item, Sound) and item.allow_interruption)
            (gone if is_cut else kept).append(item)
        self._items = kept
        cut = [i for i in gone if isinstance(i, Speech)]
        for speech in cut:
            self._drop(speech)
        if isinstance(self.now, Speech):
            self.now.cancel()
            cut.insert(0, self.now)
        return cut

    def drop(self, speech: Speech) -> bool:
        """Take back what has not begun to be said. False: it has."""
        if speech in self._items:
            self._items.remove(speech)
            self._drop(speech)
            return True
        if self.now is speech and not speech.released.is_set():
            speech.cancel()
            return True
        return False

    def _drop(self, speech: Speech) -> None:
        speech.cancel()
        speech.utterance.is_cut = True
        if not speech.over.done():
            speech.over.set_result(speech.utterance)

    async def run(self) -> None:
        """Until cancelled, or the line is gone (`CallEnded`)."""
        try:
            while True:
                while not self._items:
                    self._has_more.clear()
                    await self._has_more.wait()
                self.now = self._items.popleft()
                try:
                    await self._do(self.now)
                except Exception as problem:
                    if _is_gone(problem):
                        raise
                    self._on_fault("what was to be said or done", problem)  # what follows it is still said and done
                finally:
                    self.now = None
        finally:
            for item in self._items:
                if isinstance(item, Speech):
                    self._drop(item)

    async def _do(self, item: Item) -> None:
        match item:
            case Speech():
                await self._speak(item)
            case Sound():
                try:
                    await self._line.play(item.audio, item.allow_interruption, item.name)
                    await self._line.played()
                except TalkpathError as problem:
                    if _is_gone(problem):
                        raise
                    self._on_problem("play_error", str(problem))
            case Keys():
                await self._press(item.digits)
            case Deed():
                await item.do()

    async def _press(self, digits: str) -> None:
        for part in _KEYS.findall(digits):
            if part in PAUSES_S:
                await asyncio.sleep(PAUSES_S[part])
            else:
                await self._line.send_dtmf(part)
                await self._line.played()

    async def _speak(self, speech: Speech) -> None:
        utterance, voice = speech.utterance, self._voice()
        if speech.sound is None:
            assert voice is not None  # nobody gives words to an agent without a voice
            pieces, rate_hz = self._audio(speech, voice), voice.sample_rate_hz
        else:
            pieces, rate_hz = self._sound(speech, speech.sound), speech.sample_rate_hz
        begun_at: float | None = None
        try:
            async with contextlib.aclosing(pieces) as audio:  # type: ignore[type-var]
                first = await _first(speech, audio)  # nothing is begun for an utterance without a sound
                await speech.released.wait()
                if first is None or speech.cancelled:
                    utterance.is_cut = True  # not a word was heard
                else:
                    speech.begun, begun_at = True, self._clock()
                    heard_ms = await self._line.say(_after(first, audio), rate_hz, utterance.name)
                    utterance.heard_s = heard_ms / 1000
                    utterance.is_cut = speech.cancelled or utterance.heard_s < utterance.duration_s - 0.05
        except BaseException:  # the caller has hung up, or the agent leaves: the rest was not heard
            if not utterance.is_cut:  # and nobody has said how much was heard
                utterance.heard_s = 0.0 if begun_at is None else min(utterance.duration_s, self._clock() - begun_at)
            utterance.is_cut = True
            raise
        finally:
            if not speech.over.done():
                speech.over.set_result(utterance)
        if speech.problem is not None:
            self._on_problem("tts_error", str(speech.problem))

    async def _audio(self, speech: Speech, voice: TextToSpeech) -> AsyncIterator[bytes]:
        bytes_a_s = voice.sample_rate_hz * _SAMPLE_BYTES
        is_first, pieces_of = True, Gathered(bytes_a_s, self._clock)
        while not speech.cancelled:
            sentence = await speech.sentences.get()
            if sentence is None or speech.cancelled:
                return
            segment = Segment(sentence)
            speech.utterance.segments.append(segment)
            began = self._clock()
            spoken = Spoken(characters=len(sentence), asked_at=began)
            try:
                async with contextlib.aclosing(voice.speech(sentence)) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        if is_first and spoken.ttfb_s is None:
                            spoken.ttfb_s = self._clock() - began
                        spoken.work_s = self._clock() - began
                        spoken.audio_s += len(piece) / bytes_a_s
                        segment.duration_s += len(piece) / bytes_a_s
                        if segment.duration_s > _LONGEST_S + _LONGEST_CHARACTER_S * len(sentence):
                            raise ProviderError(f"{voice.provider}: the audio has no end", provider=voice.provider)
                        if given := pieces_of.add(piece):
                            yield given
                        if speech.cancelled:
                            return
                segment.is_whole = True
                if given := pieces_of.rest():
                    yield given
            except ProviderError as problem:
                speech.problem = problem
            finally:
                is_first = False
                self._on_voice_done(speech.utterance, voice, spoken)
            if speech.problem is not None:
                if given := pieces_of.rest():  # what there is of it is said
                    yield given
                return

    async def _sound(self, speech: Speech, sound: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
        """What a model says itself; its words come beside it."""
        bytes_a_s = speech.sample_rate_hz * _SAMPLE_BYTES
        if not speech.utterance.segments:
            speech.utterance.segments.append(Segment(""))
        segment, pieces_of = speech.utterance.segments[0], Gathered(bytes_a_s, self._clock)
        speech.begin()
        while not speech.cancelled and (piece := await sound.get()) is not None:
            segment.duration_s += len(piece) / bytes_a_s
            if given := pieces_of.add(piece):
                yield given
        segment.is_whole = not speech.cancelled
        if not speech.cancelled and (given := pieces_of.rest()):
            yield given


async def _first(speech: Speech, audio: AsyncIterator[bytes]) -> bytes | None:
    """Its first piece. None: there is none, or nobody wants it any more; a voice that is slow is not waited for then."""

    async def fetch() -> bytes | None:
        return await anext(audio, None)

    fetching, stopped = asyncio.create_task(fetch()), asyncio.create_task(speech.stopped.wait())
    try:
        await asyncio.wait({fetching, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return fetching.result() if fetching.done() else None
    finally:
        for task in (fetching, stopped):
            task.cancel()
        await asyncio.wait({fetching, stopped})


async def _after(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _is_gone(problem: Exception) -> bool:
    from talkpath.server import CallEnded

    return isinstance(problem, CallEnded)
