"""`http:URL`: what goes over the wire to a telephone system, and what it may say."""

import asyncio
import json

import pytest
from leg_world import run

from talkpath.agentstack.carriers.base import CarrierError, LegRequest, LegStatus
from talkpath.agentstack.carriers.http import HttpCarrier, status_route
from talkpath.agentstack.carriers.registry import carrier_of
from talkpath.errors import ConfigError

httpx = pytest.importorskip("httpx", reason="needs the extra: talkpath[agentstack]")
applications = pytest.importorskip("starlette.applications", reason="needs the extra: talkpath[agentstack]")

REQUEST = LegRequest("u-1", "+1", "+2", 30.0, "ws://phone/plivo/leg/u-1?leg=s", "plivo", "http://rest/carrier/status/t")


class Pbx:
    """A telephone system behind HTTP, without a socket."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, object]] = []
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.take))
        self.carrier = HttpCarrier("http://pbx/api/", client)

    def take(self, request: object) -> object:
        body = json.loads(request.content) if request.content else None  # type: ignore[attr-defined]
        self.seen.append((request.method, str(request.url), body))  # type: ignore[attr-defined]
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_a_call_is_placed_and_ended() -> None:
    async def main() -> None:
        pbx = Pbx(httpx.Response(201, json={"id": "a/b"}), httpx.Response(204), httpx.Response(404))
        assert await pbx.carrier.place(REQUEST) == "a/b"
        await pbx.carrier.end("a/b")
        await pbx.carrier.end("a/b")  # over already: no error
        assert pbx.seen[0] == (
            "POST",
            "http://pbx/api/calls",
            {
                "call_uuid": "u-1", "to": "+1", "from": "+2", "ring_timeout_s": 30.0,
                "stream_url": "ws://phone/plivo/leg/u-1?leg=s", "stream_dialect": "plivo",
                "status_url": "http://rest/carrier/status/t",
            },
        )  # fmt: skip
        assert pbx.seen[1:] == [("DELETE", "http://pbx/api/calls/a%2Fb", None)] * 2

    run(main())


def test_digits_are_the_carriers_to_press() -> None:
    async def main() -> None:
        pbx = Pbx(httpx.Response(201, json={"id": 7}))
        request = LegRequest(*(getattr(REQUEST, name) for name in REQUEST.__slots__[:-1]), "12#")
        assert await pbx.carrier.place(request) == "7"
        assert pbx.seen[0][2]["send_digits"] == "12#"  # type: ignore[index]
        assert pbx.carrier.sends_digits

    run(main())


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(404, json={"id": "x"}),
        httpx.Response(201, text="no"),
        httpx.Response(201, json=[]),
        httpx.Response(201, json={"id": None}),
        httpx.Response(201, json={"id": ""}),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ],
    ids=str,
)
def test_a_call_that_is_not_taken(answer: object) -> None:
    async def main() -> None:
        pbx = Pbx(answer)
        with pytest.raises(CarrierError):
            await pbx.carrier.place(REQUEST)
        assert len(pbx.seen) == 1  # never twice: it may have begun

    run(main())


def test_ending_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pbx = Pbx(httpx.ConnectError("refused"), httpx.Response(503), httpx.Response(204))
        await pbx.carrier.end("x")
        assert len(pbx.seen) == 3
        assert not caplog.records
        pbx.answers = [httpx.Response(403)]
        await pbx.carrier.end("x")
        assert "leg_not_ended" in caplog.text

    run(main())


class Statuses:
    def __init__(self) -> None:
        self.got: list[tuple[str, LegStatus]] = []

    def report(self, token: str, status: LegStatus) -> bool:
        self.got.append((token, status))
        return token == "right"


def test_the_status_route() -> None:
    async def main() -> None:
        legs = Statuses()
        app = applications.Starlette(routes=[status_route(legs)])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://rest") as client:

            async def post(token: str, **options: object) -> int:
                return (await client.post(f"/carrier/status/{token}", **options)).status_code

            assert await post("right", json={"call_uuid": "u-1", "status": "busy", "cause": "busy", "more": 1}) == 204
            assert await post("right", json={"call_uuid": "u-1", "status": "answered"}) == 204
            assert await post("wrong", json={"call_uuid": "u-1", "status": "busy"}) == 404
            assert [status for _, status in legs.got[:2]] == [
                LegStatus("u-1", "busy", "busy"),
                LegStatus("u-1", "answered"),
            ]
            assert len(legs.got) == 3
            for bad in (
                [],
                {"status": "busy"},
                {"call_uuid": "u-1", "status": "gone"},
                {"call_uuid": 7, "status": "busy"},
            ):
                assert await post("right", json=bad) == 400
            assert await post("right", content=b"\xff{") == 400
            assert await post("right", content=b" " * 70000) == 400
            assert (await client.get("/carrier/status/right")).status_code == 405
            assert len(legs.got) == 3

    asyncio.run(main())


def test_settings() -> None:
    client = httpx.AsyncClient()
    for setting in ("http:http://pbx:1/x", "http://pbx:1/x", "http:https://pbx", "https://pbx"):
        assert isinstance(carrier_of(setting, client), HttpCarrier)
    for setting in ("http:pbx", "plivo", "asterisk:http://x", "", "telegraph", "simulated:/no/such/file.toml"):
        with pytest.raises(ConfigError):
            carrier_of(setting, client)
