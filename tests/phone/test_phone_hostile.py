"""Servers that do everything wrong: the phone counts it, and goes on."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from talkpath.phone import CallPlan, CallResult, Dialer, SimulatedCall, load_script, parse_line
from talkpath.streams import DIALECTS

PLAN = CallPlan(provider="twilio", caller=load_script("silent"), duration_s=0.5)
TRANSPORTS = ["websockets", pytest.param("picows", marks=pytest.mark.skipif(
    not __import__("importlib.util").util.find_spec("picows"), reason="picows is not installed"))]  # fmt: skip


def opened(dialect: str) -> tuple[SimulatedCall, object]:
    """A call and the server's stream, both begun."""
    call = SimulatedCall(replace(PLAN, provider=dialect, duration_s=60), now=0.0)
    server = DIALECTS[dialect]()
    for data in call.data_to_send():
        server.receive(data)
    for data in server.data_to_send():
        call.receive(data, 0.0)
    call.tick(0.1)
    call.data_to_send()
    return call, server


@pytest.mark.parametrize("dialect", DIALECTS)
def test_garbage(dialect: str, rng: np.random.Generator) -> None:
    call, server = opened(dialect)
    good = [server.media(bytes(640)), server.mark("m"), server.clear()]
    nasty: list[str | bytes] = [
        "", "{", "null", "[]", "7", '{"event":7}', '{"event":"media"}', '{"event":"media","media":{"payload":"!"}}',
        '{"type":"opened"}', "\ud800", "x" * 100_000, "[" * 5000, b"", b"\0", bytes(99_999), b"\xff\xff\xff",
    ]  # fmt: skip
    for data in [*nasty, *[rng.integers(0, 256, 50).astype(np.uint8).tobytes() for _ in range(50)]]:
        call.receive(data, 0.2)
    for message in (m for m in good if m is not None):
        for _ in range(100):
            if isinstance(message, str):
                at = int(rng.integers(len(message)))
                call.receive(message[:at] + chr(int(rng.integers(1, 0x3000))) + message[at + 1 :], 0.3)
            else:
                cut = bytearray(message)
                cut[int(rng.integers(len(cut)))] ^= int(rng.integers(1, 256))
                call.receive(bytes(cut), 0.3)
    call.tick(1.0)
    call.data_to_send()
    call.hang_up("enough", 1.1)
    result = call.result()
    assert result.ended in ("enough", "the server hung up", "the server hung up (completed)")
    json.dumps(result.to_dict())


@pytest.mark.parametrize("dialect", DIALECTS)
def test_it_goes_on_after_garbage(dialect: str) -> None:
    if dialect == "audiosocket":
        pytest.skip("over TCP garbage is the length of what follows")
    call, server = opened(dialect)
    for data in ("{", "null", '{"event":"media"}'):
        call.receive(data, 0.2)
    before = call.result().media
    call.receive(server.media(bytes(640)), 0.3)
    assert call.result().media == before + 1
    assert call.result().malformed >= 2


def test_a_flood() -> None:
    call, server = opened("twilio")
    media, mark, clear = server.media(b"\x55" * 160), server.mark("m"), server.clear()
    for _ in range(60_000):  # 20 minutes at once: more than is kept
        call.receive(media, 0.2)
    for _ in range(30_000):
        call.receive(mark, 0.2)
    call.tick(0.5)
    for _ in range(30_000):
        call.receive(clear, 0.6)
    result = call.result()
    assert result.audio_s == pytest.approx(1200)
    assert len(call.events) <= 20_000
    assert result.cleared_ms <= 900_000
    call.tick(5.0)
    assert call.ended is None


def test_nothing_is_taken_after_the_end() -> None:
    call, server = opened("twilio")
    call.closed("gone", 0.2)
    call.receive(server.media(bytes(160)), 0.3)
    call.tick(9.0)
    call.hang_up("again", 9.0)
    assert call.data_to_send() == []
    assert call.next_deadline() is None
    assert call.ended == "gone"
    assert call.result().duration_s == pytest.approx(0.2)


# --- over the network --------------------------------------------------------------------------------------------------------------


def dial(
    behave: Callable[[ServerConnection], Awaitable[None]], transport: str, plan: CallPlan = PLAN, **more: object
) -> list[CallResult]:
    async def run() -> list[CallResult]:
        async with serve(behave, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            dialer = Dialer(f"ws://127.0.0.1:{port}/twilio", plan, transport=transport, ramp=100, **more)
            return await asyncio.wait_for(dialer.run(), 20)

    return asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_never_answers(transport: str) -> None:
    async def silent(connection: ServerConnection) -> None:
        async for _ in connection:
            pass

    (result,) = dial(silent, transport)
    assert not result.answered
    assert result.ended == "time was up"
    assert not result.ok


@pytest.mark.parametrize("code", [1000, 1011, 4001])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_closes_at_once(transport: str, code: int) -> None:
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, "no agent")

    results = dial(close, transport, calls=3)
    assert [r.number for r in results] == [1, 2, 3]
    assert {r.ended for r in results} == {f"the server closed ({code}, no agent)"}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_closes_without_a_word(transport: str) -> None:
    async def close(connection: ServerConnection) -> None:
        connection.transport.write(b"\x88\x00")
        await connection.wait_closed()

    (result,) = dial(close, transport)
    assert result.ended == "the server closed"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_breaks_off(transport: str) -> None:
    async def abort(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    (result,) = dial(abort, transport)
    assert result.ended == "the connection broke"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_talks_nonsense(transport: str) -> None:
    async def nonsense(connection: ServerConnection) -> None:
        await connection.recv()
        for data in ("{", b"\0\1\2", "", "x" * 1_000_000, ["in ", "pieces"], [b"a", b"b"]):
            await connection.send(data)
        async for _ in connection:
            pass

    (result,) = dial(nonsense, transport)
    assert result.malformed == 6
    assert result.ended == "time was up"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_floods(transport: str) -> None:
    async def flood(connection: ServerConnection) -> None:
        server = DIALECTS["twilio"]()
        while server.start is None:
            server.receive(await connection.recv())
        media = server.media(b"\x55" * 16000)
        for _ in range(200):
            await connection.send(media)
        async for _ in connection:
            pass

    (result,) = dial(flood, transport)
    assert result.answered
    assert result.media == 200
    assert result.ended == "time was up"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nobody_is_there(transport: str) -> None:
    async def run() -> list[CallResult]:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        hung_up = await Dialer(f"ws://127.0.0.1:{port}/", PLAN, transport=transport).run()
        server.close()
        await server.wait_closed()
        return hung_up + await Dialer(f"ws://127.0.0.1:{port}/", PLAN, transport=transport).run()

    hung_up, nobody = asyncio.run(run())
    assert hung_up.refused.startswith("no ")
    assert nobody.refused.startswith("no connection: ")
    assert not nobody.ok


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_does_not_finish_the_upgrade(transport: str) -> None:
    async def run() -> list[CallResult]:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await Dialer(f"ws://127.0.0.1:{port}/", PLAN, transport=transport, timeout_s=0.2).run()

    (result,) = asyncio.run(run())
    assert result.refused == "no connection within 0.2 s"


def test_genesys_that_is_never_opened_ends_in_time() -> None:
    call = SimulatedCall(replace(PLAN, provider="genesys"), now=0.0)
    assert call.next_deadline() == 0.5
    call.tick(0.5)
    assert call.ended == "time was up"


def test_a_bad_line_for_many() -> None:
    """What is drawn by chance differs from call to call."""
    plan = replace(PLAN, line=parse_line("speakerphone"))
    delays = {SimulatedCall(plan, now=0.0, number=n)._near.echo_delay_samples for n in range(20)}
    assert len(delays) > 15
