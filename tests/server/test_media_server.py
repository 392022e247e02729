"""Real sockets on the loopback: calls, commands, refusals, and one call that harms no other."""

import asyncio
import base64
import json
import sys
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from phones import Phone, get, refused, websockets
from scenario import voice

from talkpath import CallConfig, streams
from talkpath.server import CallEnded, Limits, MediaServer, PhoneCall
from talkpath.streams import ClearRequest, HangupRequest, Media

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)


TRANSPORT = "websockets"


@pytest.fixture(params=["websockets", "picows"], autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(request.param, reason="needs the extra: talkpath[fast]")
    monkeypatch.setattr(sys.modules[__name__], "TRANSPORT", request.param)


def serve(answer, **options) -> MediaServer:
    options = {"config": CONFIG, "port": 0, "audiosocket_port": 0, "transport": TRANSPORT, **options}
    return MediaServer(answer, **options)


dialects = pytest.mark.parametrize("dialect", ["plivo", "twilio", "asterisk", "vonage", "audiosocket", "genesys"])


@dialects
def test_a_call(dialect: str) -> None:
    """The handler says something; it was heard, the call ends, the line has played it all."""
    story: list = []

    async def answer(call: PhoneCall) -> None:
        story.append(call.start.dialect)
        story.append(await call.say(voice(600), 8000, "hello"))

    async def main() -> Phone:
        async with serve(answer) as server:
            phone = await Phone(dialect).dial(server)
            await phone.over()
            assert server.calls == 0
            return phone

    phone = asyncio.run(main())
    assert story == [dialect, 600]
    wire = phone.start.wire_out
    loud = [m for m in phone.of(Media) if len(set(m.payload)) > 8]
    assert sum(wire.duration_ms(len(m.payload)) for m in loud) >= 560
    assert bool(phone.of(HangupRequest)) == (dialect in ("asterisk", "audiosocket", "genesys"))


def test_commands_events_and_audio() -> None:
    found: dict = {"events": [], "audio": 0}

    async def answer(call: PhoneCall) -> None:
        async def hear() -> None:
            async for pcm in call.audio():
                found["audio"] += len(pcm)

        ears = asyncio.create_task(hear())
        await call.send_dtmf("12")
        await call.checkpoint("mine")
        await call.update(allow_interruptions=False)
        with pytest.raises(ValueError, match="p must be"):
            await call.turn_probability(7)
        async for event in call.events():
            found["events"].append(event)
        await ears
        with pytest.raises(CallEnded):
            await call.send_dtmf("1")
        with pytest.raises(CallEnded):
            await call.say(voice(100), 8000)
        found["ended"] = call.ended

    async def main() -> None:
        async with serve(answer) as server:
            phone = await Phone("twilio").dial(server)
            await asyncio.sleep(0.6)
            await phone.send(phone.provider.dtmf("7"))
            await asyncio.sleep(0.6)
            await phone.hang_up()
            await phone.over()

    asyncio.run(main())
    kinds = [type(event).__name__ for event in found["events"]]
    assert [k for k in kinds if k in ("DtmfSent", "MarkHeard", "UserDtmf", "Ended")] == [
        "DtmfSent",
        "MarkHeard",
        "UserDtmf",
        "Ended",
    ]
    assert found["audio"] >= 16000 * 0.6
    assert found["ended"] == "stop"


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "audiosocket"])
def test_an_interruption_cuts_what_is_said(dialect: str) -> None:
    story: list = []

    async def answer(call: PhoneCall) -> None:
        async def chunks() -> AsyncIterator[np.ndarray]:
            for k in range(100):
                yield voice(200, seed=k)

        asyncio.get_running_loop().call_later(0.5, lambda: asyncio.ensure_future(call.interrupt()))
        story.append(await call.say(chunks(), 8000))

    async def main() -> Phone:
        async with serve(answer, config=CONFIG.replaced(max_queued_ms=1000)) as server:
            phone = await Phone(dialect).dial(server)
            await phone.over()
            return phone

    phone = asyncio.run(main())
    assert 100 < story[0] < 1200
    assert len(phone.of(ClearRequest)) == (dialect != "audiosocket")


def test_a_handler_that_fails_ends_its_call_only(caplog: pytest.LogCaptureFixture) -> None:
    async def answer(call: PhoneCall) -> None:
        if call.start.headers.get("bad"):
            raise ZeroDivisionError("mine")
        await call.wait_ended()

    async def main() -> None:
        async with serve(answer) as server:
            good = await Phone("twilio").dial(server)
            bad = Phone("twilio")
            bad.start = streams.Start(call_id="b", stream_id="b", headers={"bad": "1"})
            await bad.dial(server)
            await bad.over(2)
            await asyncio.sleep(0.3)
            assert not good.closed.is_set()
            before = len(good.got)
            await asyncio.sleep(0.3)
            assert len(good.got) > before + 3
            await good.hang_up()
            await good.over()

    asyncio.run(main())
    assert "ZeroDivisionError" in caplog.text


def test_a_handler_that_blocks_harms_nobodys_audio() -> None:
    found: list[dict[str, int]] = []

    async def answer(call: PhoneCall) -> None:
        await asyncio.sleep(0.3)
        until = time.monotonic() + 0.8
        while time.monotonic() < until:  # computes in Python, and keeps the GIL
            sum(range(1000))
        found.append(await call.counters())
        await call.wait_ended()

    async def main() -> None:
        async with serve(answer) as server:
            phone = await Phone("twilio").dial(server)
            await asyncio.sleep(1.6)
            await phone.hang_up()
            await phone.over()

    asyncio.run(main())
    assert (
        found[0]["sent"] >= 38
    )  # of the 1.1 s that have passed, though the phone shared the handler's loop and said nothing
    assert found[0]["skipped"] <= 10


async def waits(call: PhoneCall) -> None:
    await call.wait_ended()


def test_who_may_come_in() -> None:
    basic = base64.b64encode(b"anybody:secret").decode()

    async def main() -> None:
        async with serve(waits, token="secret", max_calls=2) as server:
            assert await refused(server, "/twilio") == 401
            assert await refused(server, "/twilio?token=wrong") == 401
            assert await refused(server, "/twilio", additional_headers={"Authorization": "Bearer wrong"}) == 401
            assert await refused(server, "/twilio?token=secret") == 101
            assert await refused(server, "/twilio", additional_headers={"Authorization": "Bearer secret"}) == 101
            assert await refused(server, "/twilio", additional_headers={"Authorization": f"Basic {basic}"}) == 101
            assert await refused(server, "/nobody?token=secret") == 404
            assert (await get(server, "/healthz"))[0] == 200
            phones = [await Phone("twilio").dial(server, "/twilio?token=secret") for _ in range(2)]
            await asyncio.sleep(0.1)
            assert await refused(server, "/twilio?token=secret") == 503
            assert json.loads((await get(server, "/healthz"))[1]) == {"status": "ok", "calls": 2, "max_calls": 2}
            for phone in phones:
                await phone.hang_up()
                await phone.over()
            await asyncio.sleep(0.1)
            assert await refused(server, "/twilio?token=secret") == 101

    asyncio.run(main())


def test_the_dialect_is_found_and_the_path_kept() -> None:
    starts: list = []

    async def answer(call: PhoneCall) -> None:
        starts.append(call.start)

    async def main() -> None:
        async with serve(answer) as server:
            for dialect, path in (
                ("plivo", "/"),
                ("twilio", "/?agent=7"),
                ("vonage", ""),
                ("telnyx", "/telnyx/agents/7?x=1"),
            ):
                await (await Phone(dialect).dial(server, path)).over()

    asyncio.run(main())
    assert [s.dialect for s in starts] == ["plivo", "twilio", "vonage", "telnyx"]
    assert starts[1].path == "/?agent=7"
    assert starts[3].path == "/telnyx/agents/7?x=1"


@pytest.mark.parametrize("drain_s", [0.0, 5.0])
def test_drain(drain_s: float) -> None:
    """New calls are refused; the old ones may end by themselves, and are hung up in the end."""
    ended: list = []

    async def answer(call: PhoneCall) -> None:
        await call.say(voice(700), 8000)
        ended.append(call.ended)

    async def main() -> None:
        server = serve(answer)
        await server.start()
        phone = await Phone("twilio").dial(server)
        await asyncio.sleep(0.3)
        stops = asyncio.create_task(server.stop(drain_s))
        if drain_s:
            await asyncio.sleep(0.1)
            assert await refused(server, "/twilio") == 503
            assert (await get(server, "/healthz"))[0] == 503
        await stops
        await phone.over()

    asyncio.run(main())
    assert ended == ([None] if drain_s else [])


def test_a_hostile_client_ends_its_call_only() -> None:
    async def main() -> None:
        async with serve(waits, limits=Limits(start_timeout_s=0.3, max_message_bytes=20000)) as server:
            good = await Phone("twilio").dial(server)
            silent = await websockets.connect(f"ws://127.0.0.1:{server.port}/twilio")
            big = await websockets.connect(f"ws://127.0.0.1:{server.port}/twilio")
            await big.send("x" * 30000)
            noisy = await websockets.connect(f"ws://127.0.0.1:{server.port}/")
            for _ in range(20):
                await noisy.send("{garbage")
            gone = await Phone("plivo").dial(server)
            await asyncio.sleep(0.1)
            gone.socket.transport.abort()
            await asyncio.wait_for(asyncio.gather(silent.wait_closed(), big.wait_closed(), noisy.wait_closed()), 3)
            await gone.over()
            await asyncio.sleep(0.2)
            assert server.calls == 1
            assert not good.closed.is_set()
            assert len(good.of(Media)) > 10
            await good.hang_up()
            await good.over()

    asyncio.run(main())


def test_many_calls_go_through_one_exchange() -> None:
    async def answer(call: PhoneCall) -> None:
        await call.say(voice(1000), 8000)

    async def main() -> list[Phone]:
        async with serve(answer) as server:
            phones = [await Phone(d).dial(server) for d in ("plivo", "twilio", "asterisk", "audiosocket") * 3]
            for phone in phones:
                await phone.over(8)
            return phones

    for phone in asyncio.run(main()):
        assert 0.015 < np.median(phone.gaps()) < 0.025


def test_what_is_not_allowed() -> None:
    for wrong in (
        {"max_calls": 0},
        {"drain_s": -1},
        {"token": ""},
        {"workers": 0},
        {"workers": 100_000},
        {"transport": "pigeons"},
    ):
        with pytest.raises(ValueError):
            MediaServer(waits, **wrong)
