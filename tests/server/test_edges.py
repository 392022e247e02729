"""Both WebSocket edges, on real sockets, in front of a door that counts: what one client does is bounded in every round of the loop."""

import asyncio
import contextlib
import importlib
import logging
import os
import socket
from types import SimpleNamespace

import pytest

from talkpath import CallConfig
from talkpath.server import Limits, door
from talkpath.server.counts import Counts
from talkpath.server.lines import Hub

pytestmark = pytest.mark.realtime

UPGRADE = (
    b"GET /twilio HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
TINY = b"\x81\x82\0\0\0\0{}"


@pytest.fixture(params=["websockets", "picows"])
def edge(request: pytest.FixtureRequest):
    pytest.importorskip(request.param, reason="needs the extra: talkpath[fast]")
    return importlib.import_module(f"talkpath.server.edge_{request.param}")


class Doorkeeper(door.Door):
    """Writes down in which round of the loop something happened."""

    def __init__(self, hub: Hub) -> None:
        super().__init__(hub, Counts(1), max_calls=1000, authentication=None)
        self.round, self.messages, self.upgrades, self.left_calls = 0, [], [], 0
        self.count()

    def count(self) -> None:
        self.round += 1
        asyncio.get_running_loop().call_soon(self.count)

    def answer(self, path, headers, prefix=""):
        self.upgrades.append(self.round)
        return super().answer(path, headers, prefix)

    def enter(self, connection, path, headers):
        self._knocking.discard(connection)
        return SimpleNamespace(receive=lambda data: self.messages.append((self.round, data)), closed=self.gone)

    def gone(self) -> None:
        self.left_calls += 1

    @staticmethod
    def most(rounds: list[int]) -> int:
        return max(rounds.count(r) for r in set(rounds))


def visit(edge, scene, max_message_bytes: int = 200_000) -> None:
    async def main() -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        hub = Hub(lambda _: None, config=CallConfig(), limits=Limits(max_message_bytes=max_message_bytes))
        keeper = Doorkeeper(hub)
        server = await edge.listen(keeper, listener)
        await asyncio.wait_for(scene(keeper, listener.getsockname()[1]), 20)
        server.close()
        hub.close()

    asyncio.run(main())


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0)


async def come_in(port: int, *, more: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(UPGRADE + more)
    assert b"101" in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


@pytest.mark.parametrize("big_first", [False, True])
def test_a_flood_of_tiny_messages_is_taken_in_slices(edge, big_first: bool) -> None:
    """Also after a big message, for which buffers have grown."""

    async def scene(keeper: Doorkeeper, port: int) -> None:
        _, writer = await come_in(port)
        if big_first:
            size = 100_000
            writer.write(b"\x82\xff" + size.to_bytes(8, "big") + bytes(4) + os.urandom(size))
            await until(lambda: keeper.messages)
            keeper.messages.clear()
        writer.write(TINY * 20_000)
        await until(lambda: len(keeper.messages) == 20_000)
        assert keeper.most([r for r, _ in keeper.messages]) <= edge.SLICE_BYTES // len(TINY) + 1
        assert {data for _, data in keeper.messages} == {"{}"}
        writer.close()
        await until(lambda: keeper.left_calls == 1)

    visit(edge, scene)


def test_a_flood_with_the_request(edge) -> None:
    async def scene(keeper: Doorkeeper, port: int) -> None:
        _, writer = await come_in(port, more=TINY * 5000)
        writer.write(b"\x81\x82\0\0\0\0[]")  # what came before the answer may be dropped
        await until(lambda: keeper.messages and keeper.messages[-1][1] == "[]")
        assert keeper.most([r for r, _ in keeper.messages]) <= 2 * edge.SLICE_BYTES // len(TINY)
        writer.close()

    visit(edge, scene)


def test_a_message_is_whole_however_it_is_cut(edge) -> None:
    """The request byte by byte, and a message in many slices and frames."""

    async def scene(keeper: Doorkeeper, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(len(UPGRADE)):
            writer.write(UPGRADE[at : at + 1])
            await asyncio.sleep(0)
        assert b"101" in await reader.readuntil(b"\r\n\r\n")
        text = b"x" * 60_000
        for head in (b"\x01", b"\x00", b"\x80"):
            writer.write(head + b"\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text)
        await until(lambda: keeper.messages)
        assert [data for _, data in keeper.messages] == ["x" * 180_000]
        writer.close()

    visit(edge, scene)


def test_one_upgrade_a_round(edge) -> None:
    async def scene(keeper: Doorkeeper, port: int) -> None:
        await asyncio.gather(*(come_in(port) for _ in range(12)))
        assert len(keeper.upgrades) == 12
        assert keeper.most(keeper.upgrades) == 1
        assert not keeper._knocking

    visit(edge, scene)


def test_too_many_who_say_nothing(edge, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than so many, and not for long; then others come in."""
    monkeypatch.setattr(door, "MAX_KNOCKING", 3)
    monkeypatch.setattr(edge, "OPEN_TIMEOUT_S", 0.3)

    async def scene(keeper: Doorkeeper, port: int) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        silent[1][1].write(UPGRADE[:40])  # or next to nothing
        await until(lambda: len(keeper._knocking) == 3)
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        for reader, _ in silent:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        await until(lambda: not keeper._knocking)
        await come_in(port)

    visit(edge, scene)


@pytest.mark.parametrize(
    "request_",
    [UPGRADE.replace(b"/twilio", b"/nobody"), b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", b"\0\r\n\r\n"],
)
def test_who_is_refused_is_gone(edge, request_: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "CLOSE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(edge, "OPEN_TIMEOUT_S", 0.5)

    async def scene(keeper: Doorkeeper, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_)
        with contextlib.suppress(ConnectionError):
            assert b" 101 " not in await reader.read()
        await until(lambda: not keeper._knocking)
        assert not keeper.messages

    visit(edge, scene)


def test_who_breaks_the_protocol_fills_no_log(edge, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(keeper: Doorkeeper, port: int) -> None:
        reader, writer = await come_in(port)
        writer.write(b"\xff" * 9000)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        await until(lambda: keeper.left_calls == 1)

    visit(edge, scene)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
