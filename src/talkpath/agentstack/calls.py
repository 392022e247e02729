"""Every call of the server, from its beginning to its callbacks: those that come in, those that REST asks for, those rung for another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.agent_tools.privacy import PRIVATE_TYPES
from talkpath.agentstack.call_logs import CallLogs
from talkpath.agentstack.call_setup import call_config
from talkpath.agentstack.hunting import Target, new_uuid
from talkpath.agentstack.leg import cause_of
from talkpath.agentstack.leg_rows import LegRows
from talkpath.agentstack.legs import Leg, LegFailed, Legs
from talkpath.agentstack.live_call import AgentOnCall, LiveCall
from talkpath.agentstack.recordings import Recordings
from talkpath.agentstack.records import Callbacks, Sessions
from talkpath.agentstack.rest.control import ControlError, DialMore, NewCall
from talkpath.agentstack.session import Party
from talkpath.agentstack.wire_events import iso
from talkpath.server import PhoneCall

log = logging.getLogger("talkpath.agentstack")

HOLD_S = 20.0  # so long a call that has no agent waits for one (R7)
STOP_S = 10.0  # so long the end of all calls may take when the server stops


class Calls:
    """All calls. It is REST's `CallControl`.

    Parameters
    ----------
    legs : Legs
        Its `observe` is taken.
    sessions : Sessions
    callbacks : Callbacks
    recordings : Recordings or None
        None: nothing is recorded, whatever agents ask for.
    session_of : callable
        Makes an agent's session of a call.
    max_calls : int
        So many at once; REST begins no more.
    logs : CallLogs, optional
        Of every leg.
    utc_now : callable
    """

    def __init__(
        self,
        legs: Legs,
        sessions: Sessions,
        callbacks: Callbacks,
        recordings: Recordings | None,
        session_of: Callable[[PhoneCall, Agent, Party], AgentOnCall],
        *,
        max_calls: int = 500,
        logs: CallLogs | None = None,
        utc_now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._legs, self._sessions, self._callbacks = legs, sessions, callbacks
        self._recordings, self._session_of = recordings, session_of
        self._max_calls, self._utc_now, self._logs = max_calls, utc_now, logs
        legs.observe = self._observe
        self._live: dict[str, LiveCall] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rows, self._is_stopping = LegRows(sessions, self._now, self._spawn), False

    # --- calls that come in ---------------------------------------------------------------------------------------------------------

    async def inbound(self, call: PhoneCall, agent: Agent | None, from_number: str, to_number: str) -> None:
        """The whole life of a call that came in; returns when it is over. Without an agent it waits for one (R7), not for long."""
        call_uuid = call.start.call_id
        if not call_uuid or call_uuid in self._live:
            call_uuid = new_uuid()
        live = LiveCall(call_uuid, "inbound", from_number, to_number, agent)
        live.call = call
        self._live[call_uuid] = live
        await self._sessions.call_began(live.record(self._now()))
        live.has_rung = True
        self._send(live, "ring", {**live.who, "direction": live.direction})
        live.work = self._spawn(self._talk(live))
        try:
            await asyncio.shield(live.work)
        except asyncio.CancelledError:  # the server stops; the end of the call is told all the same
            await call.hangup(after_speech=False)
            raise

    # --- what REST asks for ----------------------------------------------------------------------------------------------------------

    async def initiate(self, call: NewCall) -> str:
        """See `CallControl.initiate`."""
        if self._is_stopping or len(self._live) >= self._max_calls:
            raise ControlError(503, "no more calls are taken now")
        live = LiveCall(new_uuid(), "outbound", call.from_number, call.to[0], call.agent)
        live.detection_method = call.detection_method
        self._live[live.call_uuid] = live
        try:
            await self._sessions.call_began(live.record(self._now()))
        except BaseException:
            del self._live[live.call_uuid]
            raise
        live.work = self._spawn(self._dial_out(live, call))
        return live.call_uuid

    async def connect(self, call_uuid: str, agent: Agent) -> str:
        """See `CallControl.connect`."""
        live = self._answered(call_uuid)
        if live.agent is not None or live.person is not None or live.is_handed_over:
            raise ControlError(409, "somebody is already on the call")
        assert live.call is not None
        live.agent = agent
        live.session = self._session_of(live.call, agent, live.party)
        live.news.set()
        return live.session.id

    async def dial(self, call_uuid: str, more: DialMore) -> None:
        """See `CallControl.dial`."""
        live = self._answered(call_uuid)
        if live.is_dialling or live.is_handed_over:
            raise ControlError(409, "somebody is being rung for the call, or is already on it")
        live.is_dialling = True
        self._spawn(self._dial_more(live, more))

    def _answered(self, call_uuid: str) -> LiveCall:
        live = self._live.get(call_uuid)
        if live is None:
            raise ControlError(404, "there is no such call")
        if live.call is None or live.call.ended is not None:
            raise ControlError(409, "the call is not answered yet" if live.call is None else "the call is over")
        return live

    # --- a life ------------------------------------------------------------------------------------------------------------------------

    async def _dial_out(self, live: LiveCall, new: NewCall) -> None:
        config = call_config(new.agent, new.detection_method)
        try:
            if len(new.to) == 1:
                live.leg = await self._legs.place(
                    live.call_uuid, new.to[0], new.from_number, new.ring_timeout_s, new.send_digits, config=config
                )
                live.call = await live.leg.answered()
            else:
                targets = [Target(number, new.send_digits) for number in new.to]
                live.leg, live.call = await self._legs.hunt(
                    targets, new.from_number, new.dial_mode, new.ring_timeout_s, config=config, owner=live.call_uuid
                )
        except LegFailed as problem:
            await self._over(live, problem.cause, 0)
            return
        except BaseException as problem:
            await self._over(live, "cancelled" if isinstance(problem, asyncio.CancelledError) else "server_error", 0)
            raise
        live.to_number = live.leg.to
        if new.time_limit_s is not None:
            asyncio.get_running_loop().call_later(new.time_limit_s, self._time_is_up, live)
        await self._sessions.call_answered(live.call_uuid, self._now())
        await self._talk(live)

    async def _talk(self, live: LiveCall) -> None:
        """From the answer to the callbacks."""
        call, loop = live.call, asyncio.get_running_loop()
        assert call is not None
        answered_at = loop.time()
        recording = None
        try:
            if self._logs is not None and not has_private(live.agent):
                await self._logs.begin(call, live.call_uuid)
            if self._recordings is not None and live.callback("recording") is not None:
                recording = await self._recordings.begin(call)
            if live.agent is not None and live.session is None:
                live.session = self._session_of(call, live.agent, live.party)
                live.session.record_url = None if recording is None else recording.url
            presence = self._spawn(self._keep_company(live, call))
            reason = await call.wait_ended()
        except BaseException as problem:  # nothing may keep a call from its end
            if not isinstance(problem, asyncio.CancelledError):
                log.error("a call failed", exc_info=problem)
            await call.hangup(after_speech=False)
            presence, reason = None, "Error"
        cause = (live.leg.cause if live.leg is not None else None) or cause_of(reason)
        cause = "server_error" if live.session is not None and live.session.has_failed else cause
        await self._over(live, cause, max(0, round(loop.time() - answered_at)))
        if recording is not None and (url := await recording.stop()) is not None:
            self._send(live, "recording", {**live.who, "recording_url": url, "duration": recording.duration_s})
        if presence is not None:
            await asyncio.wait({presence}, timeout=STOP_S)

    async def _keep_company(self, live: LiveCall, call: PhoneCall) -> None:
        """Whoever is on the call; then it is hung up."""
        try:
            if live.session is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(HOLD_S):
                        await live.news.wait()
            if live.person is not None:
                await self._legs.bridge(call, live.person)
            elif live.session is not None:
                await live.session.run()
        except Exception as problem:
            log.error("an agent's session failed", exc_info=problem)
        finally:
            await call.hangup(after_speech=False)

    async def _dial_more(self, live: LiveCall, more: DialMore) -> None:
        """R8."""
        call = live.call
        assert call is not None
        hunt = self._spawn_hunt(live, more)
        gone = asyncio.ensure_future(call.wait_ended())
        try:
            await asyncio.wait({hunt, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not hunt.done():
                hunt.cancel()
                return
            leg, person = hunt.result()
        except LegFailed as problem:
            log.info("nobody came to a call: %s", problem.cause)
            return
        finally:
            gone.cancel()
            live.is_dialling = False
        if call.ended is not None:
            await leg.end()
            return
        live.is_handed_over = True
        if more.time_limit_s is not None:
            asyncio.get_running_loop().call_later(more.time_limit_s, self._time_is_up, live)
        if live.session is not None:
            live.session.hand_over(leg, person)
        else:
            live.person = person
            live.news.set()

    def _spawn_hunt(self, live: LiveCall, more: DialMore) -> asyncio.Task[tuple[Leg, PhoneCall]]:
        own_number = live.to_number if live.direction == "inbound" else live.from_number
        targets = [Target(found.number, found.send_digits) for found in more.targets]
        return asyncio.ensure_future(
            self._legs.hunt(
                targets, more.caller_id or own_number, more.dial_mode, more.ring_timeout_s, owner=live.call_uuid
            )
        )

    async def _over(self, live: LiveCall, cause: str, duration_s: int) -> None:
        self._live.pop(live.call_uuid, None)
        body = {**live.who, "duration": duration_s, "hangup_cause": cause, "direction": live.direction}
        self._send(live, "hangup", body)
        await self._sessions.call_ended(live.call_uuid, self._now(), duration_s, cause)

    def _time_is_up(self, live: LiveCall) -> None:
        if live.call_uuid not in self._live:
            return
        if live.session is not None and not live.is_handed_over:
            live.session.leave("time_limit")
        elif live.call is not None:
            self._spawn(live.call.hangup(after_speech=False))

    def _observe(self, leg: Leg, what: str) -> None:
        """What happens to legs."""
        live = self._live.get(leg.owner)
        if what == "ringing" and live is not None and live.call is None and not live.has_rung:
            live.has_rung = True
            self._send(live, "ring", {**live.who, "direction": live.direction})
        if (
            what == "answered"
            and live is not None
            and live.call is not None
            and leg.call is not None
            and self._logs
            and not has_private(live.agent)
        ):
            self._spawn(self._logs.begin(leg.call, leg.call_uuid))  # the call's own is begun when it is talked on
        if what != "placed" or leg.owner != leg.call_uuid or live is None:  # else its row is the call's own
            self._rows.observe(leg, what, None if live is None else live.agent)

    # --- the end -------------------------------------------------------------------------------------------------------------------------

    def refuse(self) -> None:
        """REST begins no more calls; those that there are go on."""
        self._is_stopping = True

    async def aclose(self) -> None:
        """End all calls and legs, and see their callbacks on their way."""
        self._is_stopping = True
        for live in list(self._live.values()):
            if live.session is not None and not live.is_handed_over:
                live.session.leave("server_error")
            elif live.call is not None:
                self._spawn(live.call.hangup(after_speech=False))
        await self._legs.aclose()
        until = asyncio.get_running_loop().time() + STOP_S
        while self._tasks and asyncio.get_running_loop().time() < until:
            await asyncio.wait(self._tasks, timeout=until - asyncio.get_running_loop().time())
        for task in self._tasks:
            task.cancel()

    def _send(self, live: LiveCall, kind: str, body: Mapping[str, Any]) -> None:
        self._callbacks.send(live.call_uuid, kind, body, live.callback(kind))

    def _now(self) -> str:
        return iso(self._utc_now())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("a call's work failed", exc_info=problem)


def has_private(agent: Agent | None) -> bool:
    """It may hear what must not be kept. A recording can be masked; a log, which must play again bit for bit, cannot."""
    return agent is not None and any(tool["type"] in PRIVATE_TYPES for tool in agent.agent_tools)
