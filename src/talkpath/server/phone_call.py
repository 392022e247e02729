"""A call as a handler sees it: on the handlers' loop, while the audio's thread keeps time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from talkpath._types import Buffer, Samples
from talkpath.ambience import load
from talkpath.call.events import Event
from talkpath.errors import ConfigError, StateError, TalkpathError
from talkpath.playout_sources import _whole, int16_samples
from talkpath.server.convert import call_stream, wire_of
from talkpath.server.files import made, unmade, wav_at
from talkpath.server.lines import CallEnded, log_unheard
from talkpath.server.recording import Recording
from talkpath.server.results import Began, Ended, MarkCleared, MarkHeard, SessionEvent, Taped
from talkpath.server.saying import Saying, Sayings
from talkpath.streams import Start

Ask = Callable[..., Awaitable[Any]]  # (command, *args, **kwargs)
Tell = Callable[..., None]  # (command, *args): nobody waits for what comes of it

_RETRY_S = 0.1  # so long a full queue is waited for before more is offered
_PIECE_S = 1.0  # of speech, offered at once: what is not taken is not carried twice
_MAX_EVENTS = 4096
_MAX_AUDIO_FRAMES = 1000
_MAX_TRANSCRIPT_CHARS = 4096
_READ_ELSEWHERE = "audio() is read elsewhere now: each frame is given once"
_OWN = "talkpath.server:"  # marks of our own


class PhoneCall:
    """One phone call, for the task that handles it.

    Attributes
    ----------
    start : Start
        How it began.
    frame_ms, sample_rate_hz : int
        Of `audio()`.
    ended : str or None
        Why it is over.
    recording : Recording or None
        Since `record`.

    Notes
    -----
    All methods are for the handlers' loop. Commands are done by the process of audio, between two frames, in the order given; what
    they raise there is raised here. After the end they raise `CallEnded`.
    """

    def __init__(self, began: Began, ask: Ask, line: tuple[object, int] = (None, 0), tell: Tell | None = None) -> None:
        self.start: Start = began.start
        self.frame_ms, self.sample_rate_hz = began.frame_ms, began.sample_rate_hz
        self._line_hz = wire_of(call_stream(began.start.wire)).sample_rate_hz
        self.ended: str | None = None
        self.last_counters: dict[str, int] | None = None
        self._ask, self._line = ask, line  # whose line, and which
        self._tell = tell or self._ask_unheard
        self._told: set[asyncio.Task[None]] = set()
        self._listens: tuple[int, ...] = ()
        self._events: deque[Event | SessionEvent] = deque(maxlen=_MAX_EVENTS)
        self._audio: deque[bytes] = deque(maxlen=_MAX_AUDIO_FRAMES)
        self._heard, self._happened = asyncio.Event(), asyncio.Event()
        self._events_reader: object = None
        self._audio_reader: object = None
        self._take: Callable[[bytes], None] | None = None  # of `hear`
        self._taken: asyncio.Future[None] | None = None
        self._over = asyncio.Event()
        self._marks: dict[str, asyncio.Future[bool]] = {}
        self._sayings = Sayings()
        self.recording: Recording | None = None
        self._count = 0

    async def counters(self) -> dict[str, int]:
        """What happened on the line so far."""
        if self.last_counters is None:
            return asdict(await self._run("counters"))
        return self.last_counters

    async def record(self, path: str | os.PathLike[str]) -> None:
        """Write both directions into a WAV file, from now to the end of the call.

        Left is the caller, as received; right is the agent, as heard: what was cleared before the provider had played it is not there.
        The file is whole at any time, to the last three seconds; `recorded` waits for its end. OSError where it cannot be written;
        StateError where the call is recorded already.
        """
        self._check()
        if self.recording is not None:
            raise StateError("the call is recorded already")
        self.recording = recording = Recording(path, self._line_hz)
        try:
            await recording.open()
            await self._run("record")
        except BaseException:
            recording.close()
            if self.ended is None:
                self.recording = None
            raise

    async def log(self, path: str | os.PathLike[str]) -> None:
        """Have the process of audio write a log of the call, from its first frame to its end: `talkpath replay` and `report` read it.

        The file grows by a second at a time. OSError where it cannot be written; StateError without `MediaServer(logs=True)`, a second
        time, or after the call's first 10 s.
        """
        self._check()
        found = await asyncio.to_thread(made, path)
        try:
            await self._run("log", found)
        except BaseException:
            unmade(found)
            raise

    async def mask_recording(self, on: bool = True) -> None:
        """Leave both voices out of the recording (silence in their place) until it is called with False: for what must not be kept.

        Nothing where the call is not recorded. It does not reach `log`.
        """
        await self._run("mask", on)

    async def recorded(self) -> None:
        """Wait until the recording is whole on the disk, after the end of the call. Nothing where there is none."""
        if self.recording is not None:
            await self.recording.closed()

    async def wait_ended(self) -> str:
        """Wait for the end of the call: why it is over."""
        await self._over.wait()
        return self.ended or ""

    # --- from the process of audio -------------------------------------------------------------------------------------------

    def deliver(self, events: list[Event | SessionEvent], audio: list[bytes]) -> None:
        """What happened."""
        if audio:
            self._audio.extend(audio)
            self._heard_more()
        for event in events:
            if isinstance(event, Taped):
                if self.recording is not None:
                    self.recording.put(event)
                continue
            self._sayings.note(event)
            match event:
                case MarkHeard() | MarkCleared():
                    waits = self._marks.pop(event.name, None)
                    if waits is not None and not waits.done():
                        waits.set_result(isinstance(event, MarkHeard))
                case Ended():
                    self.ended = event.reason
                    self.last_counters = asdict(event.counters) if event.counters is not None else {}
            if not getattr(event, "name", "").startswith(_OWN):
                self._events.append(event)
        if self.ended is not None:
            for waits in self._marks.values():
                if not waits.done():
                    waits.set_exception(CallEnded(self.ended))
            self._marks.clear()
            self._sayings.halt()
            if self.recording is not None:
                self.recording.close()
            self._over.set()
            self._heard_more()
            if self._taken is not None and not self._taken.done():
                self._taken.set_result(None)
        if events:
            self._happened.set()

    # --- what comes ------------------------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[Event | SessionEvent]:
        """What happens, to the end of the call. Each is given once; the last 4,096 wait.

        There is one reader: who begins after another takes over, and the other gets a StateError.
        """
        mine = self._events_reader = object()
        self._happened.set()
        while True:
            if self._events_reader is not mine:
                raise StateError("events() is read elsewhere now: each event is given once")
            if self._events:
                yield self._events.popleft()
            elif self.ended is not None:
                return
            else:
                self._happened.clear()
                await self._happened.wait()

    async def audio(self, chunk_ms: int = 20) -> AsyncIterator[Samples]:
        """The caller, cleaned, to the end of the call. Each is given once; the last 1,000 frames wait, from the beginning on.

        There is one reader, as of `events`.

        Parameters
        ----------
        chunk_ms : int
            At least so much is given at once: 100 costs a fifth of what 20 does, and most recognisers want no less.
        """
        frames = self._frames(chunk_ms)
        mine = self._audio_reader = self._new_reader()
        await self._listen(frames)
        while True:
            if self._audio_reader is not mine:
                raise StateError(_READ_ELSEWHERE)
            if len(self._audio) >= frames or (self._audio and self.ended is not None):
                count = min(frames, len(self._audio))
                yield np.frombuffer(b"".join([self._audio.popleft() for _ in range(count)]), np.int16).copy()
            elif self.ended is not None:
                return
            else:
                self._heard.clear()
                await self._heard.wait()

    async def hear(self, take: Callable[[bytes], None], chunk_ms: int = 20, quiet_ms: int | None = None) -> None:
        """As `audio`, but for a function, which is called with each piece (int16) as it comes: no task is woken for it.

        Returns at the end of the call, and raises what `take` raises. There is one reader, of this or of `audio`.

        Parameters
        ----------
        take : callable
        chunk_ms : int
            At least so much is given at once.
        quiet_ms : int, optional
            And so much while the engine hears no speech. What waits is given before any event, so that nothing before it is missing.
        """
        frames = self._frames(chunk_ms)
        quiet = () if quiet_ms is None else (self._frames(quiet_ms),)
        mine = self._audio_reader = self._new_reader()
        taken = self._taken = asyncio.get_running_loop().create_future()
        await self._listen(frames, *quiet)
        if self._audio_reader is not mine:
            await taken  # it says so
        self._take = take
        try:
            self._heard_more()
            if self.ended is None:
                await taken
            elif taken.done():
                taken.result()
        finally:
            if self._audio_reader is mine:
                self._take = self._taken = None

    def _frames(self, chunk_ms: int) -> int:
        most_ms = _MAX_AUDIO_FRAMES // 2 * self.frame_ms  # more than waits would never come together
        if not 0 < chunk_ms <= most_ms:
            raise ConfigError(f"chunk_ms must be above 0, and {most_ms} at most (got {chunk_ms!r})")
        return max(1, round(chunk_ms / self.frame_ms))

    def _new_reader(self) -> object:
        """The one before is told."""
        if self._taken is not None and not self._taken.done():
            self._taken.set_exception(StateError(_READ_ELSEWHERE))
        self._take = self._taken = None
        self._heard.set()
        return object()

    async def _listen(self, *frames: int) -> None:
        if self._listens != frames and self.ended is None:
            self._listens = frames
            with contextlib.suppress(CallEnded):
                await self._run("listen", *frames)

    def _heard_more(self) -> None:
        if self._take is None:
            self._heard.set()
        elif self._audio:
            pcm = b"".join(self._audio)
            self._audio.clear()
            try:
                self._take(pcm)
            except Exception as problem:
                self._take = None
                if self._taken is not None and not self._taken.done():
                    self._taken.set_exception(problem)

    # --- what is said ------------------------------------------------------------------------------------------------------------

    async def say(
        self, speech: Buffer | AsyncIterable[Buffer], sample_rate: int, utterance: str | None = None
    ) -> float:
        """Say it, and wait until it was heard or interrupted.

        Parameters
        ----------
        speech : int16 buffer, or asynchronous iterable of such
            Not asked for more while `max_queued_ms` of speech waits. After an interruption, and at the end of the call, it is closed at
            once, whatever it waits for.
        sample_rate : int
            Hz.
        utterance : str, optional
            Its name in events.

        Returns
        -------
        float
            ms that were heard.

        Raises
        ------
        CallEnded
            The line is gone. Its `heard_ms`: what was heard until then, where it was being said.

        Notes
        -----
        Several at once are said one after the other, in the order of their calls; an interruption cuts them all. What has been given
        when the iterator raises, or the task that waits here is cancelled, is still said; `interrupt` cuts that, too.
        """
        self._check()
        self._count += 1
        saying = self._sayings.begin(utterance or f"say-{self._count}", _whole(sample_rate))
        try:
            await saying.turn()
            await self._offer(saying, speech, sample_rate)
            saying.leave()
            heard = False
            if not saying.halted.done():
                mark = await self._mark()
                await saying.unless_halted(mark)
                heard = mark.done() and mark.result()
            self._check()
        except CallEnded as gone:
            gone.heard_ms = saying.cut_ms
            raise
        finally:
            self._sayings.end(saying)
        if saying.cut_ms is not None:
            return saying.cut_ms
        return saying.given_ms if heard else 0.0  # a monitor: nobody can hear it

    async def _offer(self, saying: Saying, speech: Buffer | AsyncIterable[Buffer], sample_rate: int) -> None:
        """All of it, as there is room. However it ends, no more will come: the engine must not wait for it."""

        async def give(chunk: Samples) -> None:
            piece = max(1, round(_PIECE_S * sample_rate))
            while len(chunk):
                offered = chunk[:piece]
                taken = await self.speak(offered, sample_rate, saying.name)
                saying.given_samples += taken
                chunk = chunk[taken:]
                if taken < len(offered):
                    await asyncio.sleep(_RETRY_S)

        try:
            await saying.run(speech, give)
        except BaseException:
            if saying.given_samples:
                with contextlib.suppress(TalkpathError):
                    await self.speak(np.zeros(0, np.int16), sample_rate, saying.name, True)
            raise
        if self.ended is None and (saying.given_samples or not saying.halted.done()):
            await self.speak(np.zeros(0, np.int16), sample_rate, saying.name, True)

    async def played(self) -> bool:
        """Wait until all that is queued now was heard. False: it was cut."""
        heard = await (await self._mark())
        if not heard:
            self._check()
        return heard

    async def _mark(self) -> asyncio.Future[bool]:
        """A mark of our own behind all that is queued: whether it was heard."""
        self._check()
        self._count += 1
        name = f"{_OWN}{self._count}"
        waits: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waits.add_done_callback(lambda _: waits.cancelled() or waits.exception())  # seen, though nobody waits any more
        self._marks[name] = waits
        try:
            await self._run("checkpoint", name)
        except BaseException:
            self._marks.pop(name, None)
            raise
        return waits

    async def hangup(self, after_speech: bool = True) -> None:
        """End the call; `after_speech`: not before the line has played what is queued. Nothing where it is over."""
        try:
            if after_speech:
                await self.resume()  # what is paused would never be heard
                await self.played()
            await self._run("hangup")
        except CallEnded:
            pass

    async def join(self, other: PhoneCall) -> None:
        """Let two callers talk to each other, in the process of audio: what one says the other hears, keys too, to the end of either.

        `audio()` gives nothing more on either. Say `update(allow_interruptions=False)` first, or each interrupts the other.

        Raises
        ------
        StateError
            The two are in different processes of audio (`MediaServer(workers=…)`).
        CallEnded
            One of the lines is gone.
        """
        self._check()
        other._check()
        if self._line[0] is None or self._line[0] is not other._line[0]:
            raise StateError("join: the two calls are in different processes of audio")
        await self._run("join", other._line[1], self.sample_rate_hz)
        await other._run("join", self._line[1], other.sample_rate_hz)

    # --- commands ----------------------------------------------------------------------------------------------------------------

    async def speak(self, pcm: Buffer, sample_rate: int, utterance: str = "", final: bool = False) -> int:
        """See `CallPipeline.speak`."""
        return int(await self._run("speak", int16_samples(pcm), sample_rate, utterance, final))

    async def play(self, source: str | Path | bytes, allow_interruption: bool = True, name: str | None = None) -> None:
        """See `CallPipeline.play`. A thread of its own reads it and brings it to the line's rate: the process of audio has no time for that."""
        if not isinstance(source, bytes):
            name = str(source) if name is None else name
        wav = await asyncio.to_thread(wav_at, source, self._line_hz)
        await self._run("play", wav, allow_interruption, name)

    async def send_dtmf(self, digits: str) -> None:
        """See `CallPipeline.send_dtmf`."""
        await self._run("send_dtmf", digits)

    async def checkpoint(self, name: str) -> None:
        """See `CallPipeline.checkpoint`; `MarkHeard` or `MarkCleared` says what became of it."""
        await self._run("checkpoint", name)

    async def interrupt(self) -> None:
        """See `CallPipeline.interrupt`."""
        await self._run("interrupt")

    async def clear_audio(self) -> None:
        """See `CallPipeline.clear_audio`."""
        await self._run("clear_audio")

    async def pause(self) -> bool:
        """See `CallPipeline.pause`."""
        return bool(await self._run("pause"))

    async def resume(self) -> None:
        """See `CallPipeline.resume`."""
        await self._run("resume")

    async def transcript(self, text: str, final: bool = False) -> None:
        """See `CallPipeline.transcript`."""
        if isinstance(text, str):  # words before these change nothing, and counting them all would hold up other calls
            text = text[-_MAX_TRANSCRIPT_CHARS:]
        await self._run("transcript", text, final)

    async def turn_probability(self, p: float) -> None:
        """See `CallPipeline.turn_probability`."""
        await self._run("turn_probability", p)

    async def extend_wait(self) -> None:
        """See `CallPipeline.extend_wait`."""
        await self._run("extend_wait")

    async def listen_for_beep(self, listen: bool = True) -> None:
        """See `CallPipeline.listen_for_beep`."""
        await self._run("listen_for_beep", listen)

    async def play_background(self, sound: bytes | str | Samples, volume: float = 0.3, loop: bool = True) -> None:
        """See `CallPipeline.play_background`. It is read and made as `play` does."""
        samples = await asyncio.to_thread(load, sound, self._line_hz)
        await self._run("play_background", samples, volume, loop)

    async def stop_background(self) -> None:
        """See `CallPipeline.stop_background`."""
        await self._run("stop_background")

    async def update(self, **changes: Any) -> None:
        """See `CallPipeline.update`."""
        await self._run("update", **changes)

    def tell(self, command: str, *args: Any) -> None:
        """A command by its name, done in its order, without waiting for it: what it raises is logged. After the end: `CallEnded`."""
        self._check()
        self._tell(command, *args)

    def _ask_unheard(self, command: str, *args: Any) -> None:
        async def ask() -> None:
            try:
                await self._ask(command, *args)
            except Exception as problem:
                log_unheard(command, problem)

        task = asyncio.get_running_loop().create_task(ask())
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    def _check(self) -> None:
        if self.ended is not None:
            raise CallEnded(self.ended)

    async def _run(self, command: str, *args: Any, **kwargs: Any) -> Any:
        """By the process of audio, between two frames."""
        self._check()
        return await self._ask(command, *args, **kwargs)
