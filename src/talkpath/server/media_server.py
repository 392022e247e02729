"""Phone calls over the network: audio in a thread of its own, handlers on another loop."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.events import Event
from talkpath.errors import ConfigError
from talkpath.server.edge_websockets import Edge, Line
from talkpath.server.phone_call import CallEnded, PhoneCall
from talkpath.server.results import Limits, SessionEvent
from talkpath.server.session import Configure

Handler = Callable[[PhoneCall], Awaitable[None]]

log = logging.getLogger("talkpath.server")

_AFTER_END_S = 5.0  # so long a handler may go on after its call is over


class MediaServer:
    """Answers phone calls that come as media streams.

    Parameters
    ----------
    answer : coroutine function
        Is called with a `PhoneCall` for every call; its return ends the call, after what is being said. An exception in it ends that call
        only.
    config : CallConfig or callable, optional
        Of every call; or what gives it, from `Start`.
    host : str
    port : int
        Of the WebSocket; 0: any (`server.port` then).
    audiosocket_port : int, optional
        Of AudioSocket over TCP; 0: any.
    max_calls : int
        More are refused with 503, before the upgrade.
    token : str, optional
        Must come as bearer, `?token=`, or password of basic authentication. AudioSocket has none: keep that port to yourself.
    limits : Limits, optional
    drain_s : float
        So long calls may go on after SIGTERM; new ones are refused.
    threads : int
        Of the exchange.

    Raises
    ------
    ConfigError
        A value out of its range.
    """

    def __init__(
        self,
        answer: Handler,
        *,
        config: CallConfig | Configure | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        audiosocket_port: int | None = None,
        max_calls: int = 500,
        token: str | None = None,
        limits: Limits | None = None,
        drain_s: float = 30.0,
        threads: int = 1,
    ) -> None:
        if max_calls < 1:
            raise ConfigError(f"max_calls must be 1 or more (got {max_calls!r})")
        if drain_s < 0:
            raise ConfigError(f"drain_s must not be below 0 (got {drain_s!r})")
        if token == "":
            raise ConfigError("token must not be empty")
        self._answer = answer
        self._drain_s = drain_s
        self._edge = Edge(
            self._begun, self._news, config=config, host=host, port=port, audiosocket_port=audiosocket_port,
            max_calls=max_calls, token=token, limits=limits or Limits(), threads=threads,
        )  # fmt: skip
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._audio_loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Where the WebSocket listens."""
        return self._edge.port

    @property
    def audiosocket_port(self) -> int | None:
        """Where AudioSocket listens."""
        return self._edge.audiosocket_port

    @property
    def calls(self) -> int:
        """How many there are."""
        return self._edge.calls

    # --- life -----------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        async with self:
            log.info(json.dumps({"event": "listening", "port": self.port, "audiosocket_port": self.audiosocket_port}))
            await stopped.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Handlers run on the loop that calls this."""
        self._loop = asyncio.get_running_loop()
        self._audio_loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_audio, name="talkpath-audio", daemon=True)
        self._thread.start()
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._edge.open(), self._audio_loop))
        except BaseException:
            await self._end_audio()
            raise

    async def stop(self, drain_s: float | None = None) -> None:
        """Refuse new calls, let the old ones end by themselves for `drain_s`, then hang them up."""
        if self._audio_loop is None:
            return
        await self._on_audio(self._edge.drain())
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._drain_s if drain_s is None else drain_s)
        await self._on_audio(self._edge.close())
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_AFTER_END_S)
        await self._end_audio()

    async def _on_audio(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._audio_loop is not None
        future: Future[None] = asyncio.run_coroutine_threadsafe(work, self._audio_loop)
        await asyncio.wrap_future(future)

    def _run_audio(self) -> None:
        assert self._audio_loop is not None
        asyncio.set_event_loop(self._audio_loop)
        self._audio_loop.run_forever()
        self._audio_loop.close()

    async def _end_audio(self) -> None:
        assert self._audio_loop is not None
        assert self._thread is not None
        self._audio_loop.call_soon_threadsafe(self._audio_loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._audio_loop = self._thread = None

    # --- from the audio's thread ----------------------------------------------------------------------------------------------

    def _begun(self, line: Line) -> None:
        """A call has begun: its handler starts on the handlers' loop."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._start_handler, line)

    def _news(self, lines: list[Line]) -> None:
        """Something happened on these lines."""
        assert self._loop is not None
        news = [(line, *line.take()) for line in lines]
        self._loop.call_soon_threadsafe(self._deliver, news)

    @staticmethod
    def _deliver(news: list[tuple[Line, list[Event | SessionEvent], list[Samples]]]) -> None:
        for line, events, audio in news:
            if line.phone_call is not None:
                line.phone_call.deliver(events, audio)

    # --- handlers -----------------------------------------------------------------------------------------------------------------

    def _start_handler(self, line: Line) -> None:
        line.phone_call = call = PhoneCall(line.session, line.post)
        task = asyncio.get_running_loop().create_task(self._handle(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, call: PhoneCall) -> None:
        start = call.start
        who = {"dialect": start.dialect, "call_id": start.call_id, "from": start.from_number, "to": start.to_number}
        log.info(json.dumps({"event": "call_started", **who}))
        problem = None
        work = asyncio.ensure_future(self._answer(call))
        watch = asyncio.ensure_future(call.wait_ended())
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await asyncio.wait({work}, timeout=_AFTER_END_S)
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=_AFTER_END_S)
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
        counters = {name: n for name, n in call.counters().items() if n}
        log.info(json.dumps({"event": "call_ended", **who, "reason": call.ended or "hangup", **counters}))
