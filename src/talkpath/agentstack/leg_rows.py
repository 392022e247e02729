"""What is kept of legs that are no calls of their own: those of a hunt, and of a transfer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.legs import Leg
from talkpath.agentstack.records import CallRecord, Sessions


class LegRows:
    """Writes a row for each leg.

    Parameters
    ----------
    sessions : Sessions
    now : callable
        ISO 8601.
    spawn : callable
        Does a coroutine beside all else.
    """

    def __init__(
        self,
        sessions: Sessions,
        now: Callable[[], str],
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        self._sessions, self._now, self._spawn = sessions, now, spawn
        self._last: dict[str, asyncio.Task[None]] = {}  # write of each leg
        self._answered_at: dict[str, float] = {}

    def observe(self, leg: Leg, what: str, agent: Agent | None) -> None:
        """See `Legs.observe`; nothing for a leg whose placing was not told. `agent`: whose call it is for."""
        if what != "placed" and leg.call_uuid not in self._last:
            return
        now, sessions, clock = self._now(), self._sessions, asyncio.get_running_loop().time
        if what == "placed":
            agent_uuid = None if agent is None else agent.agent_uuid
            record = CallRecord(leg.call_uuid, "outbound", leg.from_number, leg.to, agent_uuid, now, {})
            self._write(leg, sessions.call_began(record))
        elif what == "answered":
            self._answered_at[leg.call_uuid] = clock()
            self._write(leg, sessions.call_answered(leg.call_uuid, now))
        elif what == "over":
            answered_at = self._answered_at.pop(leg.call_uuid, None)
            duration_s = 0 if answered_at is None else max(0, round(clock() - answered_at))
            self._write(leg, sessions.call_ended(leg.call_uuid, now, duration_s, leg.cause or "failed"))
            del self._last[leg.call_uuid]

    def _write(self, leg: Leg, write: Coroutine[Any, Any, None]) -> None:
        """After the leg's last one."""
        before = self._last.get(leg.call_uuid)

        async def work() -> None:
            if before is not None:
                await asyncio.wait({before})
            await write

        self._last[leg.call_uuid] = self._spawn(work())
