"""Tools that the customer's program runs: called, waited for, given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from talkpath.agentstack.providers.base import ToolCall


class Outcome(NamedTuple):
    """What a tool gave. `is_late`: nothing, in its time."""

    result: Any
    is_error: bool = False
    is_late: bool = False


class AppTools:
    """Calls that are out.

    Parameters
    ----------
    send : callable
        To the app.
    """

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._send = send
        self._waiting: dict[str, asyncio.Future[Outcome]] = {}

    @property
    def is_waiting(self) -> bool:
        """Something is out."""
        return any(not waits.done() for waits in self._waiting.values())

    async def call(self, calls: Sequence[ToolCall], timeout_s: float) -> dict[str, Outcome]:
        """Have all of them run at once, each at most `timeout_s`. What each gave, by its id."""
        loop = asyncio.get_running_loop()
        for call in calls:
            self._waiting[call.id] = loop.create_future()
            self._send({"type": "tool.called", "id": call.id, "name": call.name, "arguments": dict(call.arguments)})
        try:
            await asyncio.wait([self._waiting[call.id] for call in calls], timeout=timeout_s)
            late = Outcome({"error": f"the tool gave no answer within {timeout_s:g} s"}, True, True)
            return {
                call.id: self._waiting[call.id].result() if self._waiting[call.id].done() else late for call in calls
            }
        finally:
            for call in calls:
                self._waiting.pop(call.id, None)

    def answer(self, call_id: str, result: Any, error: str | None) -> bool:
        """The app's answer. False: nobody waits for it."""
        waits = self._waiting.get(call_id)
        if waits is None or waits.done():
            return False
        waits.set_result(Outcome(result) if error is None else Outcome({"error": error}, True))
        return True

    def regard_as_answered(self, status: str) -> None:
        """The app did something else instead (a transfer): its tools are done."""
        for waits in self._waiting.values():
            if not waits.done():
                waits.set_result(Outcome({"status": status}))
