"""The simulated carrier's phones, in a process of their own.

python -m talkpath.agentstack.carriers.phones FD     # FD: the link to the process of the carrier, which says the rest
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from talkpath.phone import CallPlan, CallResult, Dialer, SimulatedCall
from talkpath.phone.caller import prepare
from talkpath.phone.grid import FRAME_MS
from talkpath.server.link import Link, pack, unpack
from talkpath.wav import write_wav

log = logging.getLogger("talkpath.agentstack")

START_TIMEOUT_S, STOP_TIMEOUT_S = 30.0, 5.0


class PhoneProcess:
    """See `simulated.Phones`: this process' side. `record`: where each phone leaves what it heard and sent."""

    def __init__(self, record: Path | None = None) -> None:
        self.ended: Callable[[str, str, bool], None] = lambda phone_id, reason, was_connected: None
        self._record = record
        self._link: Link | None = None
        self._process: subprocess.Popen[bytes]
        self._starting = asyncio.Lock()
        self._ready: asyncio.Future[None]
        self._active: set[str] = set()

    async def start(self, plans: list[CallPlan]) -> None:
        """See `Phones.start`."""
        async with self._starting:
            if self._link is not None:
                return
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            ours, its = socket.socketpair()
            command = [sys.executable, "-m", __name__, str(its.fileno())]
            with its:
                self._process = await asyncio.to_thread(
                    lambda: subprocess.Popen(command, pass_fds=[its.fileno()], stdin=subprocess.DEVNULL)
                )
            link = Link(self._receive, self._lost)
            await loop.create_connection(lambda: link, sock=ours)
            link.send(("prepare", pack(plans)))
            try:
                await asyncio.wait_for(asyncio.shield(self._ready), START_TIMEOUT_S)
            except BaseException:
                self._process.kill()
                raise
            self._link = link

    def dial(self, phone_id: str, url: str, plan: CallPlan, name: str) -> None:
        """See `Phones.dial`."""
        if self._link is None:
            self.ended(phone_id, "the phones are gone", False)
            return
        self._active.add(phone_id)
        where = None if self._record is None else self._record / name
        self._link.send(("dial", phone_id, url, pack(plan), where))

    def hang_up(self, phone_id: str) -> None:
        """See `Phones.hang_up`."""
        if self._link is not None:
            self._link.send(("hang_up", phone_id))

    async def aclose(self) -> None:
        """See `Phones.aclose`."""
        async with self._starting:
            link, self._link = self._link, None
            if link is not None:
                link.send(("stop",))
                await asyncio.to_thread(self._wait)
                link.close()

    def _wait(self) -> None:
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("ended", phone_id, reason, was_connected):
                self._active.discard(phone_id)
                self.ended(phone_id, reason, was_connected)
            case ("ready",):
                self._ready.set_result(None)

    def _lost(self) -> None:
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("the process of the phones could not begin"))
        if self._link is not None:
            log.error("the process of the phones has ended")
        self._link = None
        for phone_id in list(self._active):
            self._active.discard(phone_id)
            self.ended(phone_id, "the process of the phones has ended", True)


# --- the other process --------------------------------------------------------------------------------------------------------------


class _Phones:
    def __init__(self) -> None:
        self.link = Link(self._receive, self._lost)
        self.stopped = asyncio.Event()
        self._dialers: dict[str, Dialer] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def _receive(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("prepare", packed):
                for plan in unpack(packed):  # what is said: there is no time for that while calls go on
                    rate_hz = plan.wires[0].sample_rate_hz
                    prepare(plan.caller, plan.line, rate_hz, rate_hz * FRAME_MS // 1000)
                self.link.send(("ready",))
            case ("dial", phone_id, url, packed, where):
                self._spawn(self._call(phone_id, url, unpack(packed), where))
            case ("hang_up", phone_id):
                dialer = self._dialers.get(phone_id)
                if dialer is not None:
                    dialer.stop("the other side has hung up")
            case ("stop",):
                self._lost()

    def _lost(self) -> None:
        self._spawn(self._stop())

    async def _stop(self) -> None:
        for dialer in list(self._dialers.values()):
            dialer.stop("the carrier stops")
        others = self._tasks - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=STOP_TIMEOUT_S / 2)
        self.stopped.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _call(self, phone_id: str, url: str, plan: CallPlan, where: Path | None) -> None:
        reason, is_connected = "the phone failed", False
        try:
            plan = replace(plan, record=where is not None)
            dialer = self._dialers[phone_id] = Dialer(url, plan, seed=secrets.randbits(31))
            results = await dialer.run()
            is_connected = bool(dialer.calls)
            reason = results[0].ended if results else "hung up"
            if where is not None and dialer.calls:
                await asyncio.to_thread(_write, where, results[0], dialer.calls[0])
        except Exception as problem:
            log.error("a phone failed", exc_info=problem)
        finally:
            self._dialers.pop(phone_id, None)
            self.link.send(("ended", phone_id, reason, is_connected))


def _write(where: Path, result: CallResult, call: SimulatedCall) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    write_wav(where.with_name(where.name + ".heard.wav"), call.heard, call.sample_rate_hz)
    write_wav(where.with_name(where.name + ".sent.wav"), call.sent, call.sample_rate_hz)
    text = json.dumps(result.to_dict(), indent=1) + "\n"
    where.with_name(where.name + ".json").write_text(text, encoding="utf-8")


async def _run(fd: int) -> None:
    phones = _Phones()
    await asyncio.get_running_loop().create_connection(lambda: phones.link, sock=socket.socket(fileno=fd))
    await phones.stopped.wait()
    phones.link.close()
    await asyncio.sleep(0)


def main() -> None:
    """Until the other process says so, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # that process decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(int(sys.argv[1])))


if __name__ == "__main__":
    main()
