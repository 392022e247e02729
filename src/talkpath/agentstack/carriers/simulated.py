"""A carrier that is nobody's: the phones of a phone book answer, or do not. `simulated[:FILE]`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from talkpath.agentstack.carriers.base import CarrierError, LegRequest, LegStatus
from talkpath.agentstack.carriers.phone_book import Entry, PhoneBook
from talkpath.phone import CallPlan


class Phones(Protocol):
    """The phones themselves. They sound elsewhere: what a phone does must not take time from the loop that serves."""

    ended: Callable[[str, str, bool], None]  # (id, why, was it connected)

    async def start(self, plans: list[CallPlan]) -> None:
        """Be ready for calls like these; nothing where they are."""
        ...

    def dial(self, phone_id: str, url: str, plan: CallPlan, name: str) -> None:
        """Open the stream. `name`: of what is left of the call, where something is."""
        ...

    def hang_up(self, phone_id: str) -> None:
        """Put the phone down."""
        ...

    async def aclose(self) -> None:
        """Put all down."""
        ...


class SimulatedCarrier:
    """Dials the server's own phone port.

    Parameters
    ----------
    book : PhoneBook
    phones : Phones, optional
        None: in a process of their own. A thread would share the interpreter with conversations, and each would make the other late.
    """

    sends_digits = False

    def __init__(self, book: PhoneBook, phones: Phones | None = None) -> None:
        if phones is None:
            from talkpath.agentstack.carriers.phones import PhoneProcess

            phones = PhoneProcess(book.record)
        self._book, self._phones = book, phones
        phones.ended = self._ended
        self.on_status: Callable[[LegStatus], None] = lambda status: None
        self._ringing: dict[str, tuple[LegRequest, list[asyncio.TimerHandle]]] = {}
        self._talking: dict[str, LegRequest] = {}

    async def place(self, request: LegRequest) -> str:
        """See `Carrier.place`."""
        entry = self._book.entry(request.to)
        if entry.answers == "no_route":
            raise CarrierError(f"there is no route to {request.to}")
        if entry.talks:
            await self._phones.start([_plan(request, found) for found in self._book.entries if found.talks])
        carrier_id = secrets.token_hex(8)
        loop = asyncio.get_running_loop()
        loop.call_soon(self._says, request, "ringing")
        timers = [loop.call_later(request.ring_timeout_s, self._give_up, carrier_id, "no_answer", None)]
        match entry.answers:
            case "human" | "machine":
                timers.append(loop.call_later(entry.after_s, self._answer, carrier_id, entry))
            case "busy":
                timers.append(loop.call_later(entry.after_s, self._give_up, carrier_id, "busy", None))
            case "rejects":
                timers.append(loop.call_later(entry.after_s, self._give_up, carrier_id, "failed", "rejected"))
        self._ringing[carrier_id] = request, timers
        return carrier_id

    async def end(self, carrier_id: str) -> None:
        """See `Carrier.end`."""
        if carrier_id in self._ringing:
            self._give_up(carrier_id, "completed", "cancelled")
        elif carrier_id in self._talking:
            self._phones.hang_up(carrier_id)

    async def aclose(self) -> None:
        """All phones are put down."""
        for carrier_id in list(self._ringing):
            self._stop_ringing(carrier_id)
        await self._phones.aclose()

    def _answer(self, carrier_id: str, entry: Entry) -> None:
        request = self._talking[carrier_id] = self._stop_ringing(carrier_id)
        self._says(request, "answered")
        name = f"{request.to.lstrip('+')}-{request.call_uuid}"
        self._phones.dial(carrier_id, request.stream_url, _plan(request, entry), name)

    def _give_up(self, carrier_id: str, status: str, cause: str | None) -> None:
        self._says(self._stop_ringing(carrier_id), status, cause)

    def _stop_ringing(self, carrier_id: str) -> LegRequest:
        request, timers = self._ringing.pop(carrier_id)
        for timer in timers:
            timer.cancel()
        return request

    def _ended(self, phone_id: str, reason: str, was_connected: bool) -> None:
        request = self._talking.pop(phone_id, None)
        if request is not None:
            self._says(request, "completed" if was_connected else "failed")

    def _says(self, request: LegRequest, status: str, cause: str | None = None) -> None:
        self.on_status(LegStatus(request.call_uuid, status, cause))


def _plan(request: LegRequest, entry: Entry) -> CallPlan:
    parts = urlsplit(request.stream_url)
    return CallPlan(
        provider=request.stream_dialect, caller=entry.script, line=entry.line, from_number=request.from_number,
        to_number=request.to, path=f"{parts.path}?{parts.query}", duration_s=entry.duration_s,
    )  # fmt: skip
