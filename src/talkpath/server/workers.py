"""Starts the processes of audio and speaks with them, from the loop of the handlers."""

from __future__ import annotations

import asyncio
import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from typing import Any

from talkpath.errors import ConfigError, StateError
from talkpath.server.audio_worker import NO_ANSWER, Setup
from talkpath.server.lines import CallEnded, News
from talkpath.server.link import Link, pack, unpack
from talkpath.server.metrics import Snapshot

log = logging.getLogger("talkpath.server")

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class Worker:
    """One process of audio.

    Parameters
    ----------
    setup : Setup
    died : callable
        It has ended without being asked to.
    measured : callable
        There is a new `snapshot`.

    Attributes
    ----------
    news : callable
        Gets what happened on its lines.
    snapshot : Snapshot
        What it has measured, a second ago at most.
    """

    def __init__(self, setup: Setup, died: Callable[[], None], measured: Callable[[], None]) -> None:
        self._setup = setup
        self._measured = measured
        self.snapshot = Snapshot()
        self.news: Callable[[list[News]], None] = lambda _: None
        self._died = died
        self._requests = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ready: asyncio.Future[None]
        self._process: subprocess.Popen[bytes]
        self._is_stopping = False
        self._link = Link(self._receive, self._lost)
        self._gone = asyncio.Event()

    async def start(self) -> None:
        """Returns when it listens.

        Raises
        ------
        StateError
            It could not begin.
        """
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        ours, its = socket.socketpair()
        setup = self._setup
        fds = [its.fileno(), setup.websocket_fd, setup.counts_fd]
        fds += [] if setup.audiosocket_fd is None else [setup.audiosocket_fd]
        command = [sys.executable, "-m", "talkpath.server.audio_worker", str(its.fileno())]
        with its:
            self._process = subprocess.Popen(command, pass_fds=fds, stdin=subprocess.DEVNULL)
        await loop.create_connection(lambda: self._link, sock=ours)
        self._link.send(("setup", pack(setup)))
        try:
            await asyncio.wait_for(self._ready, START_TIMEOUT_S)
        except BaseException:
            self._is_stopping = True
            self._process.kill()
            raise

    def drain(self) -> None:
        """Refuse new calls."""
        self._link.send(("drain",))

    def tell_others(self, others: Snapshot) -> None:
        """What the other processes have measured."""
        self._link.send(("others", others.values))

    async def stop(self) -> None:
        """Hang up what there is, and wait for its end."""
        self._is_stopping = True
        self._link.send(("stop", "the server stops"))
        try:
            await asyncio.wait_for(self._gone.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self._process.kill()
        await asyncio.to_thread(self._process.wait)

    async def ask(self, number: int, name: str, *args: Any, **kwargs: Any) -> Any:
        """Have a command done on a line: what it returns, or raises."""
        packed = self._packed(name, args, kwargs)
        request = next(self._requests)
        self._waiting[request] = future = asyncio.get_running_loop().create_future()
        self._link.send(("do", request, number, name, packed))
        try:
            return await future
        finally:
            self._waiting.pop(request, None)

    def tell(self, number: int, name: str, *args: Any) -> None:
        """The same, without an answer: what it raises there is logged there."""
        self._link.send(("do", NO_ANSWER, number, name, self._packed(name, args, {})))

    def _packed(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        if self._gone.is_set():
            raise CallEnded("the line is gone")
        try:
            return pack((args, kwargs))
        except Exception as problem:
            raise ConfigError(
                f"{name}: what was given cannot be carried to the process of audio ({problem})"
            ) from problem

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def _receive(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("news", news):
                self.news(news)
            case ("done", request, packed):
                future = self._waiting.get(request)
                if future is not None and not future.done():
                    self._answer(future, packed)
            case ("measured", values):
                self.snapshot = Snapshot(values)
                self._measured()
            case ("log", level, text):
                log.log(level, text)
            case ("ready",):
                self._ready.set_result(None)
            case ("failed", text):
                self._ready.set_exception(StateError(f"the process of audio could not begin: {text}"))

    @staticmethod
    def _answer(future: asyncio.Future[Any], packed: bytes) -> None:
        try:
            value, problem = unpack(packed)
        except Exception as error:
            value, problem = None, error
        if problem is None:
            future.set_result(value)
        else:
            future.set_exception(problem)

    def _lost(self) -> None:
        self._gone.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(CallEnded("the process of audio has ended"))
        if not self._ready.done():
            self._ready.set_exception(StateError("the process of audio could not begin"))
        elif not self._is_stopping:
            log.error("a process of audio has ended (exit status %s)", self._process.poll())
            self._died()
