"""The edge: many simulated calls on one loop, each on its own grid. The only place with a clock."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import heapq
import logging
import math
import time
from collections.abc import Callable, Mapping

from talkpath.errors import ConfigError
from talkpath.phone.caller import prepare
from talkpath.phone.grid import FRAME_MS
from talkpath.phone.links import Link, Refused, choose_transport, connect
from talkpath.phone.plan import CallPlan
from talkpath.phone.result import CallResult, refused
from talkpath.phone.simulated_call import SimulatedCall
from talkpath.streams import DIALECTS

log = logging.getLogger("talkpath.phone")

TOGETHER_S = 0.001  # what is due within that of a wake-up goes together
PHASE = (math.sqrt(5) - 1) / 2  # spreads any number of calls evenly over the 20 ms
LINGER_S = 2.0
SCHEMES = ("ws://", "wss://", "audiosocket://", "tcp://")

Headers = Callable[[int], Mapping[str, str]]
OnEnd = Callable[[SimulatedCall], None]


class _Line:
    """A call and its connection."""

    __slots__ = ("at", "call", "closed", "link", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.call: SimulatedCall | None = None
        self.link: Link | None = None
        self.at = math.inf
        self.closed = ""  # why the connection is gone


class Dialer:
    """Dials calls, and takes them to their end.

    Parameters
    ----------
    url : str
        ws://, wss://, or audiosocket://HOST:PORT.
    plan : CallPlan
    calls : int
    ramp : float
        So many begin a second.
    transport : {"auto", "websockets", "picows"}
    headers : callable, optional
        Header fields of the upgrade of a call, from its number.
    seed : int
    timeout_s : float
        So long a connection may take.
    on_end : callable, optional
        Is told when a call is over.

    Attributes
    ----------
    calls : list of SimulatedCall
        Those that came about, in the order of their ends.
    cpu_s, wall_s : float
        What `run` took of a core's time, connecting included, and how long it was.
    """

    def __init__(
        self,
        url: str,
        plan: CallPlan,
        *,
        calls: int = 1,
        ramp: float = 10.0,
        transport: str = "auto",
        headers: Headers | None = None,
        seed: int = 1,
        timeout_s: float = 10.0,
        on_end: OnEnd | None = None,
    ) -> None:
        if calls < 1:
            raise ConfigError(f"calls must be 1 or more (got {calls!r})")
        if not ramp > 0:
            raise ConfigError(f"ramp must be above 0 (got {ramp!r})")
        if not 0 < timeout_s < math.inf:
            raise ConfigError(f"timeout_s must be above 0 (got {timeout_s!r})")
        if not url.startswith(SCHEMES):
            raise ConfigError(f"an address of {', '.join(SCHEMES[:3])} is expected (got {url!r})")
        is_tcp = url.startswith(("audiosocket://", "tcp://"))
        if is_tcp is not plan.is_tcp:
            wanted = "audiosocket://HOST:PORT" if plan.is_tcp else "ws:// or wss://"
            raise ConfigError(f"{plan.provider} goes to {wanted} (got {url!r})")
        self._url, self._plan, self._count, self._ramp = url, plan, calls, ramp
        self.transport = "tcp" if is_tcp else choose_transport(transport)
        self._headers = headers or (lambda number: {})
        self._seed, self._timeout_s, self._on_end = seed, timeout_s, on_end
        self._lines: dict[int, _Line] = {}
        self._heap: list[tuple[float, int]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._refused: list[CallResult] = []
        self._open_links = 0
        self._stop_reason: str | None = None
        self._stopping = asyncio.Event()
        self._done = asyncio.Event()
        self.calls: list[SimulatedCall] = []
        self.cpu_s = self.wall_s = 0.0

    @property
    def active(self) -> int:
        """Calls that go on now."""
        return sum(line.call is not None for line in self._lines.values())

    async def run(self) -> list[CallResult]:
        """Dial; gives the figures of every call, in the order of their numbers."""
        rate = self._plan.wires[0].sample_rate_hz
        prepare(self._plan.caller, self._plan.line, rate, rate * FRAME_MS // 1000)
        gc.collect()
        gc.freeze()  # a collection of everything that was ever imported would make the phone late
        cpu_s, begun = time.process_time(), time.monotonic()
        try:
            tasks = await self._dial()
            await asyncio.gather(*tasks)
            while self._lines:
                self._done.clear()
                await self._done.wait()
            until = time.monotonic() + LINGER_S
            while self._open_links and time.monotonic() < until:  # the last words
                await asyncio.sleep(0.02)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            gc.unfreeze()
        self.cpu_s, self.wall_s = time.process_time() - cpu_s, time.monotonic() - begun
        results = [call.result() for call in self.calls] + self._refused
        return sorted(results, key=lambda result: result.number)

    def stop(self, reason: str = "interrupted") -> None:
        """Hang up all calls, and begin no more."""
        self._stop_reason = reason
        self._stopping.set()
        now = time.monotonic()
        for line in list(self._lines.values()):
            if line.call is not None:
                line.call.hang_up(reason, now)
                self._settle(line)

    # --- connections ------------------------------------------------------------------------------------------------------------

    async def _dial(self) -> list[asyncio.Task[None]]:
        begun = time.monotonic()
        tasks: list[asyncio.Task[None]] = []
        for i in range(self._count):
            wait_s = begun + i / self._ramp - time.monotonic()
            if wait_s > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait_s)
            if self._stop_reason is not None:
                break
            tasks.append(asyncio.create_task(self._begin(i + 1)))
        return tasks

    async def _begin(self, number: int) -> None:
        line = self._lines[number] = _Line(number)
        early: list[str | bytes] = []  # what comes before the call has its link

        def on_message(data: str | bytes) -> None:
            if line.call is None:
                early.append(data)
            else:
                self._receive(line, data)

        def on_close(reason: str) -> None:
            self._open_links -= 1
            line.closed = reason
            if line.call is not None:
                line.call.closed(reason, time.monotonic())
                self._settle(line)

        self._open_links += 1
        try:
            link = await connect(
                self._url, on_message, on_close, transport=self.transport, headers=self._headers(number),
                subprotocols=DIALECTS[self._plan.provider].subprotocols, timeout_s=self._timeout_s,
            )  # fmt: skip
        except Refused as problem:
            if not line.closed:
                self._open_links -= 1
            start = self._plan.start(number, self._seed)
            self._refused.append(refused(number, self._plan.provider, start.call_id, str(problem)))
            self._forget(line)
            return
        line.link = link
        now = time.monotonic()
        line.call = SimulatedCall(self._plan, now=now, number=number, seed=self._seed, phase=(number * PHASE) % 1.0)
        for data in early:
            self._receive(line, data)
        if line.closed:
            line.call.closed(line.closed, now)
        elif self._stop_reason is not None:
            line.call.hang_up(self._stop_reason, now)
        self._settle(line)

    def _receive(self, line: _Line, data: str | bytes) -> None:
        call = line.call
        assert call is not None
        try:
            call.receive(data, time.monotonic())
        except Exception as problem:
            self._failed(call, problem)
        if call.has_news:
            self._settle(line)

    @staticmethod
    def _failed(call: SimulatedCall, problem: Exception) -> None:
        log.error("call %d failed", call.number, exc_info=problem)
        call.closed(f"the phone failed: {problem}", time.monotonic())

    def _settle(self, line: _Line) -> None:
        """Send what there is to send; see to the end, or to the next deadline."""
        call, link = line.call, line.link
        assert call is not None
        assert link is not None
        for data in call.data_to_send():
            link.send(data)
        at = call.next_deadline()
        if at is None:
            if line.number in self._lines:
                link.close()
                self.calls.append(call)
                self._forget(line)
                if self._on_end is not None:
                    self._on_end(call)
        elif at != line.at:
            line.at = at
            heapq.heappush(self._heap, (at, line.number))
            if self._timer is None or self._heap[0][0] == at:
                self._arm()

    def _forget(self, line: _Line) -> None:
        del self._lines[line.number]
        if not self._lines:
            self._done.set()

    # --- time -------------------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._ticking:
            return
        if self._timer is not None:
            self._timer.cancel()
        wait_s = max(TOGETHER_S, self._heap[0][0] - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._tick)

    _ticking = False

    def _tick(self) -> None:
        self._timer = None
        self._ticking = True
        heap, lines = self._heap, self._lines
        now = time.monotonic()
        try:
            while heap and heap[0][0] <= now:
                at, number = heapq.heappop(heap)
                line = lines.get(number)
                if line is None or line.at != at:  # over, or for another time
                    continue
                call = line.call
                assert call is not None
                try:
                    call.tick(now)
                except Exception as problem:
                    self._failed(call, problem)
                self._settle(line)
                now = time.monotonic()
        finally:
            self._ticking = False
            if heap:
                self._arm()
