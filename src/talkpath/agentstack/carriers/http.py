"""Any telephone system that speaks a little HTTP: `http:URL`. The contract is in docs/agentstack/carriers.md."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from talkpath.agentstack.carriers.base import STATUSES, CarrierError, LegRequest, LegStatus

if TYPE_CHECKING:
    import httpx
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

log = logging.getLogger("talkpath.agentstack")

TIMEOUT_S = 10.0  # so long the carrier may take to say that it dials, or has hung up
END_TRIES, END_RETRY_S = 3, 0.5  # a call that is not hung up costs money
MAX_BODY_BYTES = 65536


class HttpCarrier:
    """A carrier behind HTTP.

    Parameters
    ----------
    url : str
        Calls are posted to `{url}/calls`.
    client : httpx.AsyncClient
        Its owner closes it.
    """

    sends_digits = True

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url, self._client = url.rstrip("/"), client
        self.on_status: Callable[[LegStatus], None] = lambda status: None

    async def place(self, request: LegRequest) -> str:
        """See `Carrier.place`. Never tried twice: the call may have begun."""
        import httpx

        body = {
            "call_uuid": request.call_uuid,
            "to": request.to,
            "from": request.from_number,
            "ring_timeout_s": request.ring_timeout_s,
            "stream_url": request.stream_url,
            "stream_dialect": request.stream_dialect,
            "status_url": request.status_url,
        }
        if request.send_digits:
            body["send_digits"] = request.send_digits
        try:
            answer = await self._client.post(f"{self._url}/calls", json=body, timeout=TIMEOUT_S)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise CarrierError(f"the carrier cannot be reached: {type(problem).__name__}") from None
        if answer.status_code not in (200, 201, 202):
            raise CarrierError(f"the carrier refuses with {answer.status_code}")
        try:
            found = answer.json()["id"]
        except (ValueError, KeyError, TypeError):
            raise CarrierError("the carrier gives no id") from None
        if not isinstance(found, str | int) or isinstance(found, bool) or found == "":
            raise CarrierError("the carrier gives no id")
        return str(found)

    async def end(self, carrier_id: str) -> None:
        """See `Carrier.end`."""
        import httpx

        url = f"{self._url}/calls/{quote(carrier_id, safe='')}"
        said = ""
        for number in range(END_TRIES):
            if number:
                await asyncio.sleep(END_RETRY_S)
            try:
                answer = await self._client.delete(url, timeout=TIMEOUT_S)
            except httpx.HTTPError as problem:
                said = type(problem).__name__
                continue
            if answer.status_code < 300 or answer.status_code in (404, 410):
                return
            said = str(answer.status_code)
            if answer.status_code < 500:
                break
        log.error(json.dumps({"event": "leg_not_ended", "carrier_id": carrier_id, "problem": said}))

    async def aclose(self) -> None:
        """The client is its owner's."""


class TakesStatus(Protocol):
    """`Legs`, as the route sees it."""

    def report(self, token: str, status: LegStatus) -> bool:
        """False: there is no such token, or it is another leg's."""
        ...


def status_route(legs: TakesStatus) -> Route:
    """`POST /carrier/status/{token}`: where a carrier says what becomes of a leg. The token in the path is all it has to show."""
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    async def take(request: Request) -> Response:
        try:
            status = read_status(await _body(request))
        except ValueError as problem:
            return JSONResponse({"error": str(problem)}, 400)
        if not legs.report(request.path_params["token"], status):
            return JSONResponse({"error": "there is no such leg"}, 404)
        return Response(status_code=204)

    return Route("/carrier/status/{token}", take, methods=["POST"])


async def _body(request: Request) -> Any:
    data = b""
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise ValueError("the body is too long")
    return json.loads(data)


def read_status(body: object) -> LegStatus:
    """Raises ValueError for what is no status; its message names the field."""
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    call_uuid, status, cause = body.get("call_uuid"), body.get("status"), body.get("cause")
    if not isinstance(call_uuid, str):
        raise ValueError("call_uuid must be a string")
    if status not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}")
    return LegStatus(call_uuid, str(status), None if cause is None else str(cause))
