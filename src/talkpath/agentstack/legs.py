"""Legs that the platform dials: from a carrier's request to a `PhoneCall`."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from talkpath.agentstack import hunting
from talkpath.agentstack.bridge import bridge
from talkpath.agentstack.carriers.base import Carrier, CarrierError, LegRequest, LegStatus
from talkpath.agentstack.leg import Leg, LegFailed, cause_of, cause_of_status, leg_of_path, secret_of_path, stream_url
from talkpath.call.config import CallConfig
from talkpath.errors import TalkpathError
from talkpath.server import PhoneCall
from talkpath.streams import Start

log = logging.getLogger("talkpath.agentstack")

GIVE_UP_S = 2.0  # so long after the ring time-out the carrier may still say what became of it
STREAM_WAIT_S = 10.0  # so long after "answered" the stream may take to open
KEEP_S = 60.0  # so long a leg that is over is known: late statuses and streams of it come
_OVER = ("busy", "no_answer", "failed", "completed")

__all__ = ["Leg", "LegFailed", "Legs"]


class Legs:
    """All legs of the server.

    Parameters
    ----------
    carrier : Carrier
    stream_base : str
        The phone port as the carrier reaches it: `ws://HOST:PORT`; a query of it (`?token=…`, for a port that wants one) stays.
    status_base : str
        REST as the carrier reaches it: `http://HOST:PORT`.
    dialect : str
        What the carrier speaks on the stream.
    config : CallConfig, optional
        Of legs that are placed without one.
    observe : callable, optional
        Is told of each leg: "placed", "ringing", "answered", "over".

    Notes
    -----
    The stream of a leg is `/{dialect}/leg/{call_uuid}?leg=SECRET`: whoever takes calls asks `is_leg(start)` first. Such a stream never
    starts an agent by itself. All clocks are the loop's.
    """

    def __init__(
        self,
        carrier: Carrier,
        *,
        stream_base: str,
        status_base: str,
        dialect: str = "plivo",
        config: CallConfig | None = None,
        observe: Callable[[Leg, str], None] = lambda leg, what: None,
    ) -> None:
        self._carrier = carrier
        carrier.on_status = self._on_status
        self._stream_base, self._status_base, self._dialect = stream_base, status_base.rstrip("/"), dialect
        self._config = config or CallConfig(idle_timeout=None, audio_format="pcm_8k")
        self.observe = observe
        self._legs: dict[str, Leg] = {}
        self._tokens: dict[str, Leg] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    # --- dial ------------------------------------------------------------------------------------------------------------------

    async def place(
        self,
        call_uuid: str,
        to: str,
        from_number: str,
        ring_timeout_s: float,
        send_digits: str = "",
        *,
        config: CallConfig | None = None,
        owner: str | None = None,
    ) -> Leg:
        """Have the carrier dial. Raises `LegFailed` where it does not take the call, or is done with it at once.

        `config`: of the call that comes of it; `owner`: the call that this one is for.
        """
        if self._is_closed:
            raise LegFailed("server_error")
        leg = Leg(self, call_uuid, to, from_number, send_digits, config or self._config, owner or call_uuid)
        self._legs[call_uuid] = self._tokens[leg.status_token] = leg
        request = LegRequest(
            call_uuid=call_uuid, to=to, from_number=from_number, ring_timeout_s=ring_timeout_s,
            stream_url=stream_url(self._stream_base, self._dialect, leg), stream_dialect=self._dialect,
            status_url=f"{self._status_base}/carrier/status/{leg.status_token}",
            send_digits=send_digits if self._carrier.sends_digits else "",
        )  # fmt: skip
        self.observe(leg, "placed")
        try:  # shielded: the id of a call that was begun must come back, or it could never be ended
            await asyncio.shield(self.spawn(self._place(leg, request)))
        except asyncio.CancelledError:
            self._finish(leg, "cancelled")
            raise
        if leg.cause is not None:
            raise LegFailed(leg.cause)
        return leg

    async def _place(self, leg: Leg, request: LegRequest) -> None:
        try:
            leg.carrier_id = await self._carrier.place(request)
        except CarrierError as problem:
            log.warning(json.dumps({"event": "leg_not_placed", "call_uuid": leg.call_uuid, "problem": str(problem)}))
            leg.is_over_there = True
            self._finish(leg, "failed")
        except Exception as problem:
            log.error("a leg was not placed", exc_info=problem)
            leg.is_over_there = True
            self._finish(leg, "server_error")
        if leg.cause is not None:
            await self._end_there(leg)
        elif leg.timer is None and leg.call is None:
            self._arm(leg, request.ring_timeout_s + GIVE_UP_S, "no_answer")

    async def hunt(
        self,
        destinations: Sequence[str | hunting.Target],
        from_number: str,
        mode: str,
        ring_timeout_s: float,
        *,
        config: CallConfig | None = None,
        owner: str | None = None,
    ) -> tuple[Leg, PhoneCall]:
        """First to answer wins, the others are ended. `mode`: "parallel" | "sequential". Raises `LegFailed` when nobody did."""
        targets = [hunting.Target(found) if isinstance(found, str) else found for found in destinations]

        async def attempt(target: hunting.Target) -> tuple[Leg, PhoneCall]:
            call_uuid = hunting.new_uuid()
            try:
                leg = await self.place(
                    call_uuid,
                    target.number,
                    from_number,
                    ring_timeout_s,
                    target.send_digits,
                    config=config,
                    owner=owner,
                )
                return leg, await leg.answered()
            except asyncio.CancelledError:
                found = self._legs.get(call_uuid)
                if found is not None:
                    self.spawn(found.end())
                raise

        def lost(pair: tuple[Leg, PhoneCall]) -> None:
            self.spawn(pair[0].end())

        return await hunting.hunt([partial(attempt, target) for target in targets], mode, LegFailed, lost)

    async def bridge(self, first: PhoneCall, second: PhoneCall) -> None:
        """Let two people talk until one of them hangs up; then both are over."""
        await bridge(first, second)

    # --- streams --------------------------------------------------------------------------------------------------------------------

    def is_leg(self, start: Start) -> bool:
        """The stream is a leg's, by its path: no caller's, whoever opened it."""
        return leg_of_path(start.path) is not None

    def config(self, start: Start) -> CallConfig:
        """What the call of a leg's stream is to be like."""
        leg = self._of(start)
        return self._config if leg is None else leg.config

    def claim(self, call: PhoneCall) -> bool:
        """A stream that came to `/{dialect}/leg/{call_uuid}`: hand it to whoever placed it. False: nobody did, or not any more."""
        leg = self._of(call.start)
        if leg is None or leg.cause is not None or leg.call is not None:
            return False
        leg.call = call
        self._disarm(leg)
        leg.settled.set()
        self.observe(leg, "answered")
        self.spawn(self._watch(leg, call))
        return True

    async def _watch(self, leg: Leg, call: PhoneCall) -> None:
        if leg.digits and not self._carrier.sends_digits:
            with suppress(TalkpathError):  # it is over already, or these are no keys
                await hunting.press(call, leg.digits)
        self._finish(leg, cause_of(await call.wait_ended()))

    def _of(self, start: Start) -> Leg | None:
        leg = self._legs.get(leg_of_path(start.path) or "")
        given = secret_of_path(start.path)
        return leg if leg is not None and secrets.compare_digest(given.encode(), leg.stream_secret.encode()) else None

    # --- statuses -------------------------------------------------------------------------------------------------------------------

    def report(self, token: str, status: LegStatus) -> bool:
        """A status with its token; False: there is no such leg."""
        leg = self._tokens.get(token)
        if leg is None or leg.call_uuid != status.call_uuid:
            return False
        self._take(leg, status)
        return True

    def _on_status(self, status: LegStatus) -> None:
        """A status of a carrier in this process."""
        leg = self._legs.get(status.call_uuid)
        if leg is not None:
            self._take(leg, status)

    def _take(self, leg: Leg, status: LegStatus) -> None:
        if status.status in _OVER:
            leg.is_over_there = True
            call = leg.call
            self._finish(leg, cause_of_status(status, was_answered=call is not None))
            if call is not None and call.ended is None:
                self.spawn(call.hangup(after_speech=False))
        elif leg.cause is None and leg.call is None:
            if status.status == "answered":
                self._arm(leg, STREAM_WAIT_S, "failed")
            elif not leg.has_rung:
                leg.has_rung = True
                self.observe(leg, "ringing")

    # --- the end -------------------------------------------------------------------------------------------------------------------

    async def end(self, leg: Leg) -> None:
        """See `Leg.end`."""
        self._finish(leg, "cancelled" if leg.call is None else "normal_clearing")
        if leg.call is not None:
            await leg.call.hangup(after_speech=False)
        await self._end_there(leg)

    async def aclose(self) -> None:
        """End all legs; the carrier is closed."""
        self._is_closed = True
        await asyncio.gather(*(leg.end() for leg in list(self._legs.values())), return_exceptions=True)
        for leg in self._legs.values():
            self._disarm(leg)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GIVE_UP_S)
        for task in self._tasks:
            task.cancel()
        await self._carrier.aclose()

    def _finish(self, leg: Leg, cause: str) -> None:
        if leg.cause is not None:
            return
        leg.cause = cause
        self._disarm(leg)
        leg.settled.set()
        self.observe(leg, "over")
        if not leg.is_over_there:
            self.spawn(self._end_there(leg))
        leg.timer = asyncio.get_running_loop().call_later(KEEP_S, self._forget, leg)

    async def _end_there(self, leg: Leg) -> None:
        """At the carrier, once; not before it has said which of its calls this is."""
        if not leg.is_over_there and leg.carrier_id is not None:
            leg.is_over_there = True
            try:
                await self._carrier.end(leg.carrier_id)
            except Exception as problem:
                log.error("a leg was not ended", exc_info=problem)

    def _forget(self, leg: Leg) -> None:
        self._legs.pop(leg.call_uuid, None)
        self._tokens.pop(leg.status_token, None)

    def _arm(self, leg: Leg, wait_s: float, cause: str) -> None:
        self._disarm(leg)
        leg.timer = asyncio.get_running_loop().call_later(wait_s, self._finish, leg, cause)

    @staticmethod
    def _disarm(leg: Leg) -> None:
        if leg.timer is not None:
            leg.timer.cancel()
            leg.timer = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it beside all else, to its end."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
