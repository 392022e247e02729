"""Phone calls over the network: audio in processes of its own, handlers in this one."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import signal
import socket
from types import TracebackType
from typing import Any, Self

from talkpath.call.config import CallConfig
from talkpath.errors import ConfigError, StateError
from talkpath.server.audio_worker import Setup
from talkpath.server.authentication import Authentication
from talkpath.server.counts import Counts
from talkpath.server.handlers import Choose, Handler, Handlers, checked
from talkpath.server.metrics import Snapshot, merged
from talkpath.server.results import Limits
from talkpath.server.workers import Worker

log = logging.getLogger("talkpath.server")

TRANSPORTS = ("websockets", "picows")
MAX_WORKERS = 256  # processes: a number that was mistyped must not take the machine down
RESTART_S = 1.0  # so long after its death another process of audio takes the place of one


class MediaServer:
    """Answers phone calls that come as media streams.

    Parameters
    ----------
    answer : coroutine function
        Is called with a `PhoneCall` for every call; its return ends the call, after what is being said. An exception in it ends that call
        only.
    config : CallConfig or callable, optional
        Of every call; or what gives it, from `Start` (a coroutine function may).
    host : str
    port : int
        Of the WebSocket; 0: any (`server.port` then).
    audiosocket_port : int, optional
        Of AudioSocket over TCP; 0: any.
    max_calls : int
        More are refused with 503, before the upgrade.
    token : str, optional
        Short for `authentication=Authentication(token=…)`.
    authentication : Authentication, optional
        What proves that a call may come in: tokens, passwords, providers' signatures. AudioSocket has none: keep that port to yourself.
    limits : Limits, optional
    drain_s : float
        So long calls may go on after SIGTERM; new ones are refused.
    workers : int
        Processes of audio, on one port. One for each core that calls may have; the handlers are all here.
    transport : str
        "websockets", or "picows" (extra `fast`), which takes half the time a message.
    logs : bool
        Calls may be logged (`PhoneCall.log`): the first 10 s of each are kept until its handler has said so.

    Raises
    ------
    ConfigError
        A value out of its range.
    """

    def __init__(
        self,
        answer: Handler,
        *,
        config: CallConfig | Choose | None = None,
        host: str = "127.0.0.1",
        port: int = 8080,
        audiosocket_port: int | None = None,
        max_calls: int = 500,
        token: str | None = None,
        authentication: Authentication | None = None,
        limits: Limits | None = None,
        drain_s: float = 30.0,
        workers: int = 1,
        transport: str = "websockets",
        logs: bool = False,
    ) -> None:
        if max_calls < 1:
            raise ConfigError(f"max_calls must be 1 or more (got {max_calls!r})")
        if not 1 <= workers <= MAX_WORKERS:
            raise ConfigError(f"workers must be 1 to {MAX_WORKERS} (got {workers!r})")
        if drain_s < 0:
            raise ConfigError(f"drain_s must not be below 0 (got {drain_s!r})")
        if token is not None:
            if authentication is not None:
                raise ConfigError("token is short for authentication=Authentication(token=…): give one of them")
            authentication = Authentication(token=token)
        if transport not in TRANSPORTS:
            raise ConfigError(f"transport must be one of {', '.join(TRANSPORTS)} (got {transport!r})")
        if importlib.util.find_spec(transport) is None:
            extra = "fast" if transport == "picows" else "server"
            raise ImportError(f"{transport} is not installed: pip install 'talkpath[{extra}]'")
        if os.name != "posix":
            raise ConfigError("MediaServer needs Linux, macOS or another POSIX system; Session works anywhere")
        self._answer = answer
        self._choose = config if callable(config) else None
        self._config = None if callable(config) else checked(config)
        self._host, self.port, self.audiosocket_port = host, port, audiosocket_port
        self._max_calls, self._authentication, self._limits = max_calls, authentication, limits or Limits()
        self._drain_s, self._transport, self._size, self._logs = drain_s, transport, workers, bool(logs)
        self._counts: Counts | None = None
        self._listeners: list[socket.socket] = []
        self._workers: dict[int, tuple[Worker, Handlers]] = {}  # by slot
        self._old: list[Handlers] = []  # of processes that have died
        self._restarts: set[asyncio.Task[None]] = set()
        self._is_stopping = False
        self._hurry = asyncio.Event()
        self._gone = Snapshot()  # what processes that have died had measured

    @property
    def calls(self) -> int:
        """How many there are."""
        return 0 if self._counts is None else self._counts.total()

    @property
    def worker_pids(self) -> list[int]:
        """The processes of audio."""
        return [worker.pid for worker, _ in self._workers.values()]

    # --- life -----------------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second one ends the drain."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: self._hurry.set() if stopped.is_set() else stopped.set())
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
        self._is_stopping = False
        self._counts = Counts(self._size)
        try:
            self.port = self._listen(self.port)
            if self.audiosocket_port is not None:
                self.audiosocket_port = self._listen(self.audiosocket_port)
            begun = await asyncio.gather(
                *(self._start_worker(slot) for slot in range(self._size)), return_exceptions=True
            )
            for problem in begun:  # when all have begun or failed: none may be left behind
                if problem is not None:
                    raise problem
        except BaseException:
            await self.stop(0)
            raise

    async def stop(self, drain_s: float | None = None) -> None:
        """Refuse new calls, let the old ones end by themselves for `drain_s`, then hang them up."""
        self._is_stopping = True
        for task in self._restarts:
            task.cancel()
        workers = list(self._workers.values())
        for worker, _ in workers:
            worker.drain()
        timeout_s = self._drain_s if drain_s is None else drain_s
        handlers = [found for _, found in workers] + self._old
        waits: list[asyncio.Future[Any]] = [
            asyncio.gather(*(found.drain(timeout_s) for found in handlers)),
            asyncio.ensure_future(self._hurry.wait()),
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*(worker.stop() for worker, _ in workers))
        for found in handlers:
            found.end_all("the server stops")
        await asyncio.gather(*(found.cancel() for found in handlers))
        self._workers.clear()
        self._old.clear()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._counts is not None:
            self._counts.close()
            self._counts = None

    def _listen(self, port: int) -> int:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.create_server((self._host, port), family=family, backlog=1024)
        self._listeners.append(listener)
        return int(listener.getsockname()[1])

    # --- processes of audio -----------------------------------------------------------------------------------------------------

    async def _start_worker(self, slot: int) -> None:
        assert self._counts is not None
        setup = Setup(
            slot=slot, workers=self._size, websocket_fd=self._listeners[0].fileno(),
            audiosocket_fd=None if self.audiosocket_port is None else self._listeners[1].fileno(),
            counts_fd=self._counts.fd, transport=self._transport, config=self._config, limits=self._limits,
            max_calls=self._max_calls, authentication=self._authentication, logs=self._logs,
        )  # fmt: skip
        worker = Worker(setup, lambda: self._died(slot), lambda: self._measured(slot))
        worker.news = (handlers := Handlers(self._answer, self._choose, worker.ask, worker.tell)).news
        await worker.start()
        self._workers[slot] = worker, handlers

    def _measured(self, slot: int) -> None:
        """A process that says what it has measured is told what the others have: any of them may be asked for all."""
        if slot in self._workers:
            others = [found.snapshot for other, (found, _) in self._workers.items() if other != slot]
            self._workers[slot][0].tell_others(merged([self._gone, *others]))

    def _died(self, slot: int) -> None:
        """Its calls are over, and another takes its place."""
        worker, handlers = self._workers.pop(slot)
        self._gone += worker.snapshot.ended()
        handlers.end_all("the process of audio has ended")
        self._old.append(handlers)
        assert self._counts is not None
        self._counts.set(0, slot)
        if not self._is_stopping:
            task = asyncio.get_running_loop().create_task(self._restart(slot))
            self._restarts.add(task)
            task.add_done_callback(self._restarts.discard)

    async def _restart(self, slot: int) -> None:
        while not self._is_stopping:
            await asyncio.sleep(RESTART_S)
            try:
                await self._start_worker(slot)
                return
            except (StateError, TimeoutError, OSError) as problem:
                log.error("%s", problem)
