"""Sockets that are written to without waiting, and whose messages are given to a function."""

import asyncio

import pytest

pytest.importorskip("websockets", reason="extra agentstack is not installed")

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from talkpath.agentstack.sockets import DirectSocket, Socket

pytestmark = pytest.mark.realtime


def test_many_messages_in_one_write_and_none_after_the_close() -> None:
    async def scene() -> None:
        told: list[str | bytes] = []

        async def app(connection) -> None:
            async for message in connection:
                told.append(message)

        async with serve(app, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            socket = await connect(f"ws://127.0.0.1:{port}", create_connection=Socket, compression=None)
            assert socket.put(["é", b"\0\1", "x" * 100_000])
            await socket.close()
            assert not socket.put(["late"])
        assert told == ["é", b"\0\1", "x" * 100_000]

    asyncio.run(scene())


def test_a_function_gets_early_messages_first_and_parts_together() -> None:
    async def scene() -> None:
        async def app(connection) -> None:
            await connection.send("early")  # perhaps in one piece with the handshake
            await connection.recv()
            await connection.send(["in ", "three ", "parts"])
            await connection.ping()
            await connection.send([b"\0", b"\1"])
            await connection.send("last")

        async with serve(app, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            socket = await connect(f"ws://127.0.0.1:{port}", create_connection=DirectSocket, compression=None)
            await asyncio.sleep(0.05)
            got: list[str | bytes] = []
            socket.listen(got.append)
            assert got == ["early"]
            socket.put(["go on"])
            await asyncio.wait_for(socket.wait_closed(), 5)
        assert got == ["early", "in three parts", b"\0\1", "last"]

    asyncio.run(scene())
