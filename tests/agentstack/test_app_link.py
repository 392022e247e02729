"""The socket to the app, with a real one at the other end."""

import asyncio
import json
import socket

import pytest

websockets = pytest.importorskip("websockets")
from websockets.asyncio.server import serve  # noqa: E402

from talkpath.agentstack import app_link  # noqa: E402
from talkpath.agentstack.app_link import AppGone, AppLink  # noqa: E402

pytestmark = pytest.mark.realtime


class App:
    """Keeps what it is told; `on_message` may answer, or raise to drop the connection."""

    def __init__(self, on_message=None):
        self.told, self.connections, self.headers = [], 0, []
        self._on_message = on_message

    async def __call__(self, connection):
        self.connections += 1
        self.headers.append(connection.request.headers)
        async for text in connection:
            message = json.loads(text)
            self.told.append(message["type"])
            if message["type"] == "session.ended":
                return
            if self._on_message is not None and await self._on_message(connection, message):
                return


def link_to(port, got=None):
    return AppLink(
        f"ws://127.0.0.1:{port}/ws",
        {"X-Test": "1"},
        (got if got is not None else []).append,
        lambda: {"type": "session.started"},
    )


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_first_message_is_the_greeting_and_the_last_one_ends_it():
    async def scene():
        app, got = App(), []
        app._on_message = lambda connection, message: (
            connection.send("x" * 3_000_000) if message["type"] == "a" else asyncio.sleep(0)
        )
        async with serve(app, "127.0.0.1", 0) as server:
            link = link_to(server.sockets[0].getsockname()[1], got)
            link.send({"type": "a"})
            work = asyncio.create_task(link.run())
            while not got:
                await asyncio.sleep(0.01)
            link.send({"type": "b"})
            link.send_last({"type": "session.ended"})
            link.send({"type": "never"})
            await asyncio.wait_for(work, 5)
        assert app.told == ["session.started", "a", "b", "session.ended"]
        assert len(got[0]) == 3_000_000  # an app may send a whole WAV
        assert app.headers[0]["X-Test"] == "1"

    asyncio.run(scene())


def test_an_app_that_listens_a_moment_later_is_reached():
    async def scene():
        port, app = free_port(), App()
        link = link_to(port)
        link.send({"type": "a"})
        work = asyncio.create_task(link.run())
        await asyncio.sleep(0.2)  # between two dials
        async with serve(app, "127.0.0.1", port):
            link.send_last({"type": "session.ended"})
            await asyncio.wait_for(work, 5)
        assert app.told == ["session.started", "a", "session.ended"]

    asyncio.run(scene())


def test_a_dropped_socket_is_dialled_once_more_and_greeted_again():
    async def scene():
        async def drop(connection, message):
            return message["type"] == "drop"

        app = App(drop)
        async with serve(app, "127.0.0.1", 0) as server:
            link = link_to(server.sockets[0].getsockname()[1])
            work = asyncio.create_task(link.run())
            link.send({"type": "drop"})
            while app.connections < 2:
                await asyncio.sleep(0.01)
            link.send({"type": "after"})
            link.send_last({"type": "session.ended"})
            await asyncio.wait_for(work, 5)
        assert app.told == ["session.started", "drop", "session.started", "after", "session.ended"]

    asyncio.run(scene())


def test_an_app_that_is_not_there_and_one_that_drops_twice_are_gone(monkeypatch):
    monkeypatch.setattr(app_link, "DIAL_S", 0.3)

    async def scene():
        with pytest.raises(AppGone, match="cannot be reached"):
            await asyncio.wait_for(link_to(free_port()).run(), 5)
        with pytest.raises(AppGone):
            await AppLink("nonsense", {}, print, dict).run()

        async def drop(connection, message):
            return True

        async with serve(App(drop), "127.0.0.1", 0) as server:
            with pytest.raises(AppGone, match="twice"):
                await asyncio.wait_for(link_to(server.sockets[0].getsockname()[1]).run(), 5)

    asyncio.run(scene())


def test_a_slow_app_never_makes_anybody_wait_and_a_message_too_large_for_it_is_dropped():
    async def scene():
        gate = asyncio.Event()

        async def slow(connection, message):
            await gate.wait()

        app = App(slow)
        async with serve(app, "127.0.0.1", 0) as server:
            link = link_to(server.sockets[0].getsockname()[1])
            work = asyncio.create_task(link.run())
            for number in range(5000):
                link.send({"type": f"n{number}", "pad": "x" * 1000})
                if number % 100 == 0:
                    await asyncio.sleep(0)
            link.send({"type": "huge", "pad": "x" * 2_000_000})
            gate.set()
            link.send_last({"type": "session.ended"})
            await asyncio.wait_for(work, 20)
        assert app.told == ["session.started", *(f"n{number}" for number in range(5000)), "session.ended"]
        assert link.dropped == 1

    asyncio.run(scene())


def test_the_end_of_a_very_long_call_is_told_without_its_transcript():
    link = link_to(1)
    link.send_last({"type": "session.ended", "transcript": [{"role": "user", "text": "x" * 2_000_000}]})
    assert [json.loads(text) for text in link._waiting] == [{"type": "session.ended", "transcript": None}]


def test_what_json_cannot_hold_does_not_end_the_link():
    async def scene():
        app = App()
        async with serve(app, "127.0.0.1", 0) as server:
            link = link_to(server.sockets[0].getsockname()[1])
            nested = []
            for _ in range(100_000):
                nested = [nested]
            link.send({"type": "half", "text": "\ud83d", "\udfff": float("nan")})
            link.send({"type": "deep", "value": nested})
            link.send_last({"type": "session.ended"})
            await asyncio.wait_for(link.run(), 10)
        assert app.told == ["session.started", "half", "session.ended"]
        assert link.dropped == 1

    asyncio.run(scene())


@pytest.mark.parametrize("url", ["ws://" + "a" * 300 + "/ws", "ws://a..b/ws", "http://127.0.0.1/ws"])
def test_an_address_that_is_none_is_told_at_once(url):
    async def scene():
        with pytest.raises(AppGone, match="no address"):
            await asyncio.wait_for(AppLink(url, {}, print, lambda: {"type": "session.started"}).run(), 5)

    asyncio.run(scene())
