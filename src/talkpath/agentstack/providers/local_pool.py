"""The processes of the embedded default, from the server's side: started at first use, shared by all calls, ended with the server."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from talkpath.agentstack.providers.base import ProviderError
from talkpath.server.link import Link

log = logging.getLogger("talkpath.agentstack")

START_TIMEOUT_S = 60.0  # a machine at its limit loads models slowly
STOP_TIMEOUT_S = 5.0
MAX_HEARING = 4
_MODULE = "talkpath.agentstack.providers.local_worker"


class LocalProcess:
    """One worker.

    Parameters
    ----------
    kind : {"hear", "speak"}
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.users: dict[int, Callable[[tuple[Any, ...]], None]] = {}  # stream or job -> its news
        self.problem: str | None = None  # why it is over
        self._link = Link(self._receive, self._lost)
        self._unsent: list[Any] | None = []  # until it is there
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        self._starting = asyncio.create_task(self._start())

    async def _start(self) -> None:
        ours, its = socket.socketpair()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", _MODULE, self.kind, str(its.fileno())]
        try:
            with its:
                self._process = await asyncio.to_thread(
                    subprocess.Popen, command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL, env=environment
                )
            await asyncio.get_running_loop().create_connection(lambda: self._link, sock=ours)
            unsent, self._unsent = self._unsent or [], None
            for message in unsent:
                self._link.send(message)
            await asyncio.wait_for(asyncio.shield(self._ready), START_TIMEOUT_S)
        except (OSError, TimeoutError) as problem:
            self._fail(str(problem) or "it did not begin in time")

    async def ready(self) -> None:
        """Wait until its models are loaded. Raises `ProviderError`."""
        await asyncio.shield(self._ready)
        if self.problem is not None:
            raise ProviderError(self.problem, provider="local")

    def send(self, message: tuple[Any, ...]) -> None:
        """Never waits."""
        if self._unsent is not None:
            self._unsent.append(message)
        else:
            self._link.send(message)

    async def aclose(self) -> None:
        """End it."""
        self.problem = self.problem or "the server stops"
        self._link.close()
        self._starting.cancel()
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)

    def _receive(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("ready",):
                if not self._ready.done():
                    self._ready.set_result(None)
            case ("failed", text):
                self._fail(text)
            case (_, number, *_):
                if (user := self.users.get(number)) is not None:
                    user(message)

    def _lost(self) -> None:
        self._fail("its process has ended")

    def _fail(self, text: str) -> None:
        if self.problem is None:
            self.problem = f"the embedded default ({self.kind}): {text}"
            log.error("%s", self.problem)
        self._unsent = self._unsent if self._unsent is None else []
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if not self._ready.done():
            self._ready.set_result(None)
        for number, user in list(self.users.items()):
            user(("broken", number, self.problem))


class LocalPool:
    """All workers of one loop."""

    def __init__(self) -> None:
        self._processes: dict[str, list[LocalProcess]] = {"hear": [], "speak": []}
        self._most = {"hear": min(MAX_HEARING, max(1, (os.cpu_count() or 1) - 1)), "speak": 1}
        self._numbers = count(1)

    def number(self) -> int:
        """Of a new stream or job."""
        return next(self._numbers)

    def process(self, kind: str) -> LocalProcess:
        """The one with the fewest users; another where all have some and there may be more. What has failed is begun anew."""
        running = self._processes[kind] = [found for found in self._processes[kind] if found.problem is None]
        least = min(running, key=lambda found: len(found.users), default=None)
        if least is None or (least.users and len(running) < self._most[kind]):
            least = LocalProcess(kind)
            running.append(least)
        self._processes[kind] = running
        return least

    async def aclose(self) -> None:
        """End them all."""
        found = [process for kind in self._processes.values() for process in kind]
        self._processes = {"hear": [], "speak": []}
        await asyncio.gather(*(process.aclose() for process in found))


_POOLS: WeakKeyDictionary[asyncio.AbstractEventLoop, LocalPool] = WeakKeyDictionary()


def local_pool() -> LocalPool:
    """Of the running loop."""
    loop = asyncio.get_running_loop()
    if loop not in _POOLS:
        _POOLS[loop] = LocalPool()
    return _POOLS[loop]


async def close_local() -> None:
    """End the processes of the running loop, if there are any. They end by themselves with the server's process."""
    pool = _POOLS.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        await pool.aclose()
