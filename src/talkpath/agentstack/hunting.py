"""Ring several people for one call: all at once, or one after the other."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from talkpath.server import PhoneCall

T = TypeVar("T")

PAUSES_S = {"w": 0.5, "W": 1.0}  # in digits


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to be rung, and the keys that are pressed when somebody has answered."""

    number: str
    send_digits: str = ""


def new_uuid() -> str:
    """For a call."""
    return str(uuid.uuid4())


async def hunt(
    attempts: Sequence[Callable[[], Awaitable[T]]],
    mode: str,
    failure: type[Exception],
    lost: Callable[[T], None],
) -> T:
    """What the first attempt gives that does not fail.

    Parameters
    ----------
    attempts : sequence of coroutine functions
        They clean up after themselves when they are cancelled.
    mode : {"parallel", "sequential"}
    failure : exception class
        What an attempt raises that has failed; when all have, that of the last to give up is raised.
    lost : callable
        Gets what an attempt gave in the same moment, or a moment too late.
    """
    if not attempts:
        raise ValueError("somebody to be rung is expected")
    if mode == "sequential":
        for number, attempt in enumerate(attempts):
            try:
                return await attempt()
            except failure:
                if number == len(attempts) - 1:
                    raise
    tasks = [asyncio.ensure_future(attempt()) for attempt in attempts]
    waiting, winner = set(tasks), None
    problem: BaseException | None = None
    try:
        while waiting and winner is None:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in (task for task in tasks if task in done):
                if task.exception() is None:
                    winner = winner or task
                else:
                    problem = task.exception()
                    if not isinstance(problem, failure):
                        raise problem  # type: ignore[misc]
        if winner is None:
            assert problem is not None
            raise problem
        return winner.result()
    finally:
        for task in tasks:
            if task is not winner:
                task.cancel()
                task.add_done_callback(lambda task: _drop(task, lost))


def _drop(task: asyncio.Future[T], lost: Callable[[T], None]) -> None:
    if not task.cancelled() and task.exception() is None:
        lost(task.result())


async def press(call: PhoneCall, digits: str) -> None:
    """Press keys on a call; "w" and "W" wait 0.5 and 1 s."""
    keys = ""
    for key in digits:
        if key in PAUSES_S:
            if keys:
                await call.send_dtmf(keys)
            keys = ""
            await asyncio.sleep(PAUSES_S[key])
        else:
            keys += key
    if keys:
        await call.send_dtmf(keys)
