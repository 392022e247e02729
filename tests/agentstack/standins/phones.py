"""Phones in processes of their own: what a test computes meanwhile makes no call late."""

import asyncio
import itertools
import multiprocessing
import threading
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import numpy as np

from talkpath.phone import CallPlan, CallResult, Dialer, Repeat, Say, Script
from talkpath.phone.caller import prepare

PROCESSES = 2


@dataclass
class Finished:
    """A call that is over, as its process tells it. Times are those of the monotonic clock."""

    result: CallResult
    call_id: str = ""
    heard: np.ndarray | None = None
    opened_at: float = 0.0
    heard_from: float = 0.0  # when the first frame of `heard` was played
    ended_at: float = 0.0


def one_voice(script: Script, voice: int) -> Script:
    """The script with one voice for all that it says: making eight takes time."""

    def steps(found: Any) -> Any:
        return tuple(
            replace(step, steps=steps(step.steps))
            if isinstance(step, Repeat)
            else replace(step, voice=voice)
            if isinstance(step, Say) and step.voice is None and not step.files
            else step
            for step in found
        )

    return Script(steps(script.steps), script.name)


def _work(pipe: Connection) -> None:
    """A process of phones."""
    from talkpath.phone import dialer

    # A process that only rings has little to collect, and other calls are in it.
    dialer.gc = SimpleNamespace(collect=lambda: None, freeze=lambda: None, unfreeze=lambda: None)  # type: ignore[attr-defined]
    asyncio.run(_phones(pipe))


async def _phones(pipe: Connection) -> None:
    loop, inbox = asyncio.get_running_loop(), asyncio.Queue[Any]()
    ringing: dict[int, Dialer] = {}

    def read() -> None:
        try:
            while True:
                loop.call_soon_threadsafe(inbox.put_nowait, pipe.recv())
        except EOFError:
            loop.call_soon_threadsafe(inbox.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    one_at_a_time = asyncio.Lock()

    async def tell(number: int, finished: Finished) -> None:
        async with one_at_a_time:
            await asyncio.to_thread(pipe.send, (number, finished))

    async def ring(number: int, url: str, plan: CallPlan, seed: int) -> None:
        rate = plan.wires[0].sample_rate_hz
        await asyncio.to_thread(prepare, plan.caller, plan.line, rate, rate // 50)
        dialer = ringing[number] = Dialer(url, plan, transport="websockets", seed=seed)
        [result] = await dialer.run()
        del ringing[number]
        if not dialer.calls:
            await tell(number, Finished(result))
            return
        call = dialer.calls[0]
        done = Finished(result, call.start.call_id, call.heard, call._opened, call._grid.origin, call._ended_at)
        await tell(number, done)

    tasks = set()
    while (order := await inbox.get()) is not None:
        if order[0] == "ring":
            task = asyncio.create_task(ring(*order[1:]))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        elif order[1] in ringing:
            ringing[order[1]].stop(order[2])


class Phones:
    """Some processes; calls are spread over them."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._pipes: list[Connection] = []
        self._waiting: dict[int, asyncio.Future[Finished]] = {}

    def start(self) -> None:
        """Within a loop."""
        spawn = multiprocessing.get_context("spawn")
        loop = asyncio.get_running_loop()
        for _ in range(PROCESSES):
            ours, theirs = spawn.Pipe()
            spawn.Process(target=_work, args=(theirs,), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)
            threading.Thread(target=self._read, args=(loop, ours), daemon=True).start()

    def _read(self, loop: asyncio.AbstractEventLoop, pipe: Connection) -> None:
        try:
            while True:
                loop.call_soon_threadsafe(self._done, *pipe.recv())
        except (EOFError, OSError, RuntimeError):  # it is over
            pass

    def _done(self, number: int, finished: Finished) -> None:
        waiting = self._waiting.pop(number)
        if not waiting.done():
            waiting.set_result(finished)

    def ring(self, url: str, plan: CallPlan, seed: int = 1) -> tuple[int, "asyncio.Future[Finished]"]:
        """Begin a call; gives its number, and what becomes of it."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        plan = replace(plan, caller=one_voice(plan.caller, 1 + seed % 8))
        self._pipes[number % PROCESSES].send(("ring", number, url, plan, seed))
        return number, self._waiting[number]

    def stop(self, number: int, reason: str) -> None:
        """Hang up."""
        if number in self._waiting:
            self._pipes[number % PROCESSES].send(("stop", number, reason))

    def close(self) -> None:
        """The processes end."""
        for pipe in self._pipes:
            pipe.close()
