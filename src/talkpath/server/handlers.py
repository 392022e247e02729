"""The handlers' side: a task for every call, fed with the news of its line."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

from talkpath.call.config import CallConfig
from talkpath.call.pipeline import CallPipeline
from talkpath.server.lines import CallEnded, News
from talkpath.server.phone_call import PhoneCall
from talkpath.server.results import Began, ConfigWanted, Ended
from talkpath.streams import Start

Handler: TypeAlias = Callable[[PhoneCall], Awaitable[None]]
Choose: TypeAlias = Callable[[Start], CallConfig | Awaitable[CallConfig]]
AskLine: TypeAlias = Callable[..., Awaitable[Any]]  # (number, command, *args, **kwargs)
TellLine: TypeAlias = Callable[..., None]  # (number, command, *args)

log = logging.getLogger("talkpath.server")

_LEFT = ("connection closed", "stop", "the server stops")  # before a call began: nothing to be told
AFTER_END_S = 5.0  # so long a handler may go on after its call is over


def checked(config: CallConfig | None) -> CallConfig:
    """What all calls have; None: the default.

    Raises
    ------
    TalkpathError
        No call can be made of it: better said now than to every caller. (Its background's file is not there, say.)
    """
    config = config or CallConfig()
    CallPipeline(config)
    return config


class Handlers:
    """All calls of one process of audio.

    Parameters
    ----------
    answer : coroutine function
    choose : callable or None
        Gives a call's configuration from its start; may be a coroutine function.
    ask : callable
        Has a command done on a line.
    tell : callable, optional
        The same, and nobody waits for what comes of it.
    """

    def __init__(self, answer: Handler, choose: Choose | None, ask: AskLine, tell: TellLine | None = None) -> None:
        self._answer, self._choose, self._ask, self._tell = answer, choose, ask, tell
        self._calls: dict[int, PhoneCall] = {}
        self._choosing: dict[int, asyncio.Task[None]] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    def news(self, batch: list[News]) -> None:
        """What happened on some lines."""
        for number, events, audio in batch:
            call = self._calls.get(number)
            if call is None:
                call = self._first(number, events)
            if call is not None:
                call.deliver(events, audio)
                if call.ended is not None:
                    self._calls.pop(number, None)

    def end_all(self, reason: str) -> None:
        """The lines are gone, all at once."""
        for call in self._calls.values():
            call.deliver([Ended(reason)], [])
        self._calls.clear()
        for task in self._choosing.values():
            task.cancel()

    async def drain(self, timeout_s: float) -> None:
        """Let the calls end by themselves for so long."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=timeout_s)

    async def cancel(self) -> None:
        """End the handlers that are left."""
        for task in self.tasks:
            task.cancel()
        await self.drain(AFTER_END_S)

    def _first(self, number: int, events: list[Any]) -> PhoneCall | None:
        """A line that has no call yet: its question, or its beginning."""
        for event in events:
            if isinstance(event, ConfigWanted):
                self._choosing[number] = task = self._spawn(self._configure(number, event.start))
                task.add_done_callback(lambda _: self._choosing.pop(number, None))
            elif isinstance(event, Began):
                tell = None if self._tell is None else partial(self._tell, number)
                call = PhoneCall(event, partial(self._ask, number), (self, number), tell)
                self._calls[number] = call
                self._spawn(self._handle(call))
                return call
            elif isinstance(event, Ended):  # nobody waits for its configuration any more
                if (waits := self._choosing.get(number)) is not None:
                    waits.cancel()
                if event.reason not in _LEFT:
                    log.warning(json.dumps({"event": "call_not_begun", "reason": event.reason}))
        return None

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def _configure(self, number: int, start: Start) -> None:
        assert self._choose is not None
        try:
            try:
                config = self._choose(start)
                if inspect.isawaitable(config):
                    config = await config
                if not isinstance(config, CallConfig):
                    raise TypeError(f"config must give a CallConfig (got {type(config).__name__})")
                await self._ask(number, "configure", config)
            except CallEnded:
                raise
            except Exception as problem:
                log.error("no configuration for a call", exc_info=problem)
                await self._ask(number, "fail", f"{type(problem).__name__}: {problem}")
        except CallEnded:
            pass

    async def _answered(self, call: PhoneCall) -> None:
        """What is no coroutine function fails as one that raises."""
        answering = self._answer(call)
        if not inspect.isawaitable(answering):
            raise TypeError(
                f"the handler must be a coroutine function (async def); it returned {type(answering).__name__}"
            )
        await answering

    async def _handle(self, call: PhoneCall) -> None:
        start = call.start
        who = {"dialect": start.dialect, "call_id": start.call_id, "from": start.from_number, "to": start.to_number}
        log.info(json.dumps({"event": "call_started", **who}))
        problem = None
        work = asyncio.ensure_future(self._answered(call))
        watch = asyncio.ensure_future(call.wait_ended())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await asyncio.wait({work}, timeout=AFTER_END_S)
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=AFTER_END_S)
        finally:
            watch.cancel()
            work.cancel()
        if work.done() and not work.cancelled():
            problem = work.exception()
            if isinstance(problem, CallEnded):
                problem = None
        if problem is not None:
            log.error("the handler of a call failed", exc_info=problem)
        await call.hangup(after_speech=problem is None)
        await call.wait_ended()
        await call.recorded()
        counters = {} if call.last_counters is None else {n: v for n, v in call.last_counters.items() if v}
        log.info(json.dumps({"event": "call_ended", **who, "reason": call.ended or "hangup", **counters}))
