"""A telephone system behind the plain contract `http:URL`: it rings phones, whose people are scripts of `talkpath.phone`.

POST /calls {call_uuid, to, from, ring_timeout_s, stream_url, stream_dialect, status_url, send_digits?} -> 201 {id};
status by POST to status_url; the stream is opened when somebody answers; DELETE /calls/{id} -> 204 hangs up.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from standins.http import Request, Response, serve
from standins.phones import Finished, Phones
from talkpath.phone import CallPlan, Line, Script


@dataclass
class Phone:
    """What happens when this number is rung.

    Attributes
    ----------
    answers : {"answers", "busy", "rings", "fails", "refused"}
        "refused": the carrier does not take the call.
    after_s : float
        So long it rings.
    script : Script
        Of whoever answers.
    stream_first : bool
        The stream is opened before "answered" is told.
    """

    script: Script = field(default_factory=lambda: Script(()))
    answers: str = "answers"
    after_s: float = 0.2
    stream_first: bool = False
    line: Line = field(default_factory=Line)
    duration_s: float = 60.0
    legs: list["Leg"] = field(default_factory=list)


@dataclass
class Leg:
    """A call that was placed, as the carrier sees it."""

    id: str
    request: dict[str, Any]
    phone: Phone
    at: float
    statuses: list[tuple[float, str]] = field(default_factory=list)
    call: Finished | None = None
    number: int | None = None  # of the phone, when somebody has answered
    task: "asyncio.Task[None] | None" = None
    deleted: bool = False
    is_over: bool = False

    @property
    def told(self) -> list[str]:
        """What was reported."""
        return [status for _, status in self.statuses]


class TelephoneSystem:
    """The carrier.

    Attributes
    ----------
    phones : dict
        By number; others ring for ever.
    legs : list of Leg
    problems : list of str
        What the platform did wrong.
    """

    def __init__(self, phones: Phones) -> None:
        self._rings = phones
        self.phones: dict[str, Phone] = {}
        self.legs: list[Leg] = []
        self.problems: list[str] = []
        self.url = ""
        self._server: asyncio.Server | None = None
        self._http = httpx.AsyncClient(timeout=10.0)

    async def start(self) -> str:
        """Listen; gives the URL of the contract."""
        self._server = await serve(self._handle)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.url

    async def aclose(self) -> None:
        """All calls are over."""
        for leg in self.legs:
            if leg.task is not None:
                leg.task.cancel()
        if self._server is not None:
            self._server.close()
        await self._http.aclose()

    def of(self, numbers: Sequence[str]) -> list[Leg]:
        """Legs to these numbers."""
        return [leg for leg in self.legs if leg.request["to"] in numbers]

    async def _handle(self, request: Request) -> Response:
        if request.method == "POST" and request.path == "/calls":
            return self._place(request.json())
        if request.method == "DELETE" and request.path.startswith("/calls/"):
            return self._end(request.path.removeprefix("/calls/"))
        self.problems.append(f"{request.method} {request.url}")
        return Response(404, b"{}")

    def _place(self, body: dict[str, Any]) -> Response:
        wanted = {"call_uuid", "to", "from", "ring_timeout_s", "stream_url", "stream_dialect", "status_url"}
        if not wanted <= set(body) or set(body) - wanted - {"send_digits"}:
            self.problems.append(f"POST /calls {body}")
        phone = self.phones.get(body["to"], Phone(answers="rings"))
        if phone.answers == "refused":
            return Response(503, b'{"error": "no line is free"}')
        leg = Leg(f"leg-{len(self.legs) + 1}", body, phone, time.monotonic())
        self.legs.append(leg)
        phone.legs.append(leg)
        leg.task = asyncio.create_task(self._ring(leg))
        return Response(201, f'{{"id": "{leg.id}"}}'.encode())

    def _end(self, leg_id: str) -> Response:
        leg = next((leg for leg in self.legs if leg.id == leg_id), None)
        if leg is None or leg.is_over:
            return Response(404, b"{}")
        leg.deleted = True
        if leg.number is not None:
            self._rings.stop(leg.number, "the platform hung up")
        elif leg.task is not None:
            leg.task.cancel()
            leg.is_over = True
            leg.task = asyncio.create_task(self._tell(leg, "completed", "cancelled"))
        return Response(204)

    async def _tell(self, leg: Leg, status: str, cause: str | None = None) -> None:
        leg.statuses.append((time.monotonic(), status))
        body = {"call_uuid": leg.request["call_uuid"], "status": status, **({"cause": cause} if cause else {})}
        try:
            answer = await self._http.post(leg.request["status_url"], json=body)
        except httpx.HTTPError as problem:
            self.problems.append(f"status {status} of {leg.request['to']}: {problem!r}")
            return
        if answer.status_code >= 300:
            self.problems.append(f"status {status} of {leg.request['to']} was answered with {answer.status_code}")

    async def _ring(self, leg: Leg) -> None:
        phone, ring_s = leg.phone, float(leg.request["ring_timeout_s"])
        if phone.answers == "fails":
            leg.is_over = True
            await self._tell(leg, "failed", "unallocated_number")
            return
        await self._tell(leg, "ringing")
        await asyncio.sleep(min(phone.after_s if phone.answers != "rings" else ring_s, ring_s))
        if phone.answers == "busy":
            leg.is_over = True
            await self._tell(leg, "busy")
        elif phone.answers == "rings" or phone.after_s > ring_s:
            leg.is_over = True
            await self._tell(leg, "no_answer")
        else:
            await self._talk(leg)

    async def _talk(self, leg: Leg) -> None:
        body, phone = leg.request, leg.phone
        plan = CallPlan(
            provider=body["stream_dialect"], caller=phone.script, line=phone.line, from_number=body["to"],
            to_number=body["from"], duration_s=phone.duration_s, record=True,
        )  # fmt: skip
        if not phone.stream_first:
            await self._tell(leg, "answered")
        leg.number, talking = self._rings.ring(body["stream_url"], plan, len(self.legs) + 500_000)
        if phone.stream_first:
            await asyncio.sleep(0.2)
            await self._tell(leg, "answered")
        found = await talking
        if found.heard is None:
            self.problems.append(f"the stream {body['stream_url']} was refused: {found.result.refused}")
        else:
            leg.call = found
        leg.is_over = True
        await self._tell(leg, "completed")
