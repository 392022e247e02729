"""A call on a framework's WebSocket: a `Session`, the task that keeps its time and sends, and how much of the agent was heard."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from talkpath.call.events import Event
from talkpath.call.pipeline import CallPipeline
from talkpath.integrations.pipecat.heard import AgentHeard, Heard
from talkpath.integrations.pipecat.speech import Speech
from talkpath.server import Session, SessionEvent

MAX_EARLY = 250  # chunks that may be said before the provider's start has come


class Socket(Protocol):
    """What Starlette's WebSocket has."""

    async def send_text(self, data: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...
    async def close(self) -> None: ...


class CallLine:
    """One call. Whoever made it calls `receive` with what comes, and has `run` in a task; all of it is one loop's."""

    def __init__(self, session: Session, socket: Socket, clock: Callable[[], float]) -> None:
        self.session = session
        self._socket = socket
        self._clock = clock
        self._time = clock()
        self._sending = asyncio.Lock()
        self._wake = asyncio.Event()
        self._audio: list[bytes] = []
        self._events: list[Event | SessionEvent | AgentHeard] = []
        self._early: list[tuple[bytes, int]] = []
        self._speech = Speech()
        self._heard = Heard()

    @property
    def call(self) -> CallPipeline | None:
        """From the provider's start on, to the end."""
        return None if self.session.ended is not None else self.session.call

    def _now(self) -> float:
        self._time = max(self._time, self._clock())  # a tick may have been ahead of its time
        return self._time

    # --- the caller ---------------------------------------------------------------------------------------------------------------

    def receive(self, data: str | bytes) -> None:
        """Take what came. The frame that is due next is not waited for: it is what has just come."""
        now = self._now()
        self.session.receive(data, now)
        deadline = self.session.next_deadline()
        if self.session.call is not None and deadline is not None and deadline < now + 0.019:
            self._time = max(now, deadline)
            self._tick(self._time)
        self._settle(now)

    @property
    def has_audio(self) -> bool:
        """`take` would give some; events wait for it."""
        return bool(self._audio)

    def take(self) -> tuple[bytes, list[Event | SessionEvent | AgentHeard]]:
        """The caller's audio, and what happened; each is given once."""
        audio, self._audio, events, self._events = b"".join(self._audio), [], self._events, []
        return audio, events

    # --- the agent ----------------------------------------------------------------------------------------------------------------

    def speak(self, pcm: bytes, rate_hz: int) -> None:
        """A chunk of what the agent says, in its time."""
        if self.session.call is None:
            self._early = [*self._early[1 - MAX_EARLY :], (pcm, rate_hz)]
        elif self.call is not None:
            self._speech.speak(self.call, pcm, rate_hz, self._now())

    def interrupt(self) -> None:
        """Cut what is being said, here and at the provider."""
        self._early.clear()
        if self.call is not None:
            self._speech.interrupt(self.call)

    async def hang_up(self) -> None:
        """The end, from this side."""
        self.session.hangup(self._now())
        self._settle(self._now())
        await self.send()
        self._wake.set()

    # --- time -----------------------------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """A frame, where one is due."""
        now = self._now()
        deadline = self.session.next_deadline()
        if deadline is not None and now >= deadline:
            self._tick(now)
            self._settle(now)

    def _tick(self, now: float) -> None:
        self.session.is_blocked = self._sending.locked()  # the client does not read
        if self.call is not None:
            self._speech.before_tick(self.call, self._clock())
        self.session.tick(now)

    async def run(self) -> None:
        """Keep time and send, to the end of the call; then close."""
        loop = asyncio.get_running_loop()
        while not self.session.is_over:
            await self.send()
            deadline = self.session.next_deadline()
            timer = loop.call_later(1.0 if deadline is None else max(deadline - self._clock(), 0.0), self._wake.set)
            await self._wake.wait()
            timer.cancel()
            self._wake.clear()
            self.tick()
        await self.send()
        with contextlib.suppress(Exception):  # closed already
            await self._socket.close()

    async def send(self) -> None:
        """What there is to say, in order."""
        async with self._sending:
            try:
                for data in self.session.data_to_send():
                    await (self._socket.send_text(data) if isinstance(data, str) else self._socket.send_bytes(data))
            except Exception:  # what servers raise where the client has gone is not agreed on
                self.session.closed(self._now())

    # --- what comes of it -----------------------------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        if self.session.call is not None and self._early:
            early, self._early = self._early, []
            for chunk in early:
                self.speak(*chunk)
        self._audio += [pcm.tobytes() for pcm in self.session.audio()]
        self._events += (events := self.session.events())
        heard = self._heard.follow(events, now, self.session.unheard_ms(now) / 1000)
        if heard is not None:
            self._speech.was_cut(heard.utterance)
            self._events.append(replace(heard, heard_s=heard.heard_s + self._speech.said_before_s))
        self._wake.set()
