"""A process that does nothing but audio: sockets, sessions and their clock. Handlers are elsewhere, so that none of them can hold up a frame.

python -m talkpath.server.audio_worker FD     # FD: the link to the process of the handlers, which says the rest
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from dataclasses import dataclass
from typing import Any

from talkpath.call.config import CallConfig
from talkpath.errors import StateError
from talkpath.server import edge_audiosocket
from talkpath.server.authentication import Authentication
from talkpath.server.counts import Counts
from talkpath.server.door import Door
from talkpath.server.lines import Hub, log_unheard
from talkpath.server.link import Link, pack, unpack
from talkpath.server.loops import fastest_loop
from talkpath.server.metrics import Snapshot
from talkpath.server.results import Limits

MEASURE_S = 1.0  # so often other processes are told what was measured
NO_ANSWER = 0  # the number of a request that wants none
NICE = -10  # before everything else on the machine, where that is allowed


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process of audio is told first. `*_fd`: of sockets that listen, and of the shared counts."""

    slot: int
    workers: int
    websocket_fd: int
    audiosocket_fd: int | None
    counts_fd: int
    transport: str
    config: CallConfig | None
    limits: Limits
    max_calls: int
    authentication: Authentication | None
    logs: bool = False


class Forward(logging.Handler):
    """Log lines go to the other process."""

    def __init__(self, link: Link) -> None:
        super().__init__(logging.WARNING)
        self._link = link

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self._link.send(("log", record.levelno, self.format(record)))


class AudioWorker:
    """Runs on the loop of its process."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self.link = Link(self._receive, self._lost, self._congested)
        self._hub: Hub | None = None
        self._door: Door | None = None
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    # --- from the handlers' process -------------------------------------------------------------------------------------------

    def _receive(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("do", request, number, name, packed):
                self._do(request, number, name, packed)
            case ("setup", packed):
                self._spawn(self._open(packed))
            case ("others", values):
                if self._door is not None:
                    self._door.others = Snapshot(values)
            case ("drain",):
                if self._door is not None:
                    self._door.is_draining = True
            case ("stop", reason):
                self._spawn(self._stop(reason))

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _do(self, request: int, number: int, name: str, packed: bytes) -> None:
        assert self._hub is not None
        value, problem = None, None
        try:
            args, kwargs = unpack(packed)
            value = self._hub.perform(number, name, args, kwargs)
        except Exception as error:
            problem = error
        if request == NO_ANSWER:
            if problem is not None:
                log_unheard(name, problem)
            return
        try:
            found = pack((value, problem))
        except Exception:
            found = pack((None, StateError(f"{name}: {type(problem).__name__}: {problem}")))
        self.link.send(("done", request, found))

    async def _open(self, packed: bytes) -> None:
        logging.getLogger().addHandler(Forward(self.link))
        try:
            setup: Setup = unpack(packed)
            self._hub = Hub(
                lambda news: self.link.send(("news", news)), config=setup.config, limits=setup.limits, logs=setup.logs
            )
            counts = Counts(setup.workers, setup.slot, setup.counts_fd)
            self._door = Door(self._hub, counts, max_calls=setup.max_calls, authentication=setup.authentication)
            if setup.transport == "picows":
                from talkpath.server import edge_picows as edge
            else:
                from talkpath.server import edge_websockets as edge  # type: ignore[no-redef]
            self._servers.append(await edge.listen(self._door, _listener(setup.websocket_fd)))
            if setup.audiosocket_fd is not None:
                self._servers.append(await edge_audiosocket.listen(self._door, _listener(setup.audiosocket_fd)))
        except Exception as problem:
            self.link.send(("failed", f"{type(problem).__name__}: {problem}"))
            self.stopped.set()
            return
        gc.collect()
        gc.freeze()  # what stays for ever is not looked at again
        self.link.send(("ready",))
        self._spawn(self._measure())

    async def _measure(self) -> None:
        assert self._door is not None
        while True:
            self.link.send(("measured", self._door.snapshot().values))
            await asyncio.sleep(MEASURE_S)

    async def _stop(self, reason: str) -> None:
        """Hang up what there is, and go."""
        for server in self._servers:
            server.close()
        if self._hub is not None:
            self._hub.hang_up_all(reason)
            for _ in range(150):
                if not self._hub.calls:
                    break
                await asyncio.sleep(0.02)
            self._hub.close()
        self.link.close()
        self.stopped.set()

    def _congested(self, is_congested: bool) -> None:
        if self._hub is not None:
            self._hub.is_congested = is_congested
            if not is_congested:
                self._hub.resume()

    def _lost(self) -> None:
        self._spawn(self._stop("the server stops"))


def _listener(fd: int) -> socket.socket:
    found = socket.socket(fileno=fd)
    found.setblocking(False)
    return found


async def _run(fd: int) -> None:
    worker = AudioWorker()
    await asyncio.get_running_loop().create_connection(lambda: worker.link, sock=socket.socket(fileno=fd))
    await worker.stopped.wait()


def main() -> None:
    """Until the other process says so, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # that process decides
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        runner.run(_run(int(sys.argv[1])))


if __name__ == "__main__":
    main()
