"""Deepgram's socket against a small server: nothing that was said is lost, whatever the line does."""

import asyncio
import json
import logging

import pytest
from provider_fakes import RATE, FakeDeepgram, results, run

pytest.importorskip("websockets", reason="extra agentstack is not installed")

from websockets.asyncio.server import ServerConnection

from talkpath.agentstack.providers.base import ProviderError, Transcript
from talkpath.agentstack.providers.deepgram_stream import Deepgram, DeepgramTimes

QUICK = DeepgramTimes(connect_s=1.0, again_s=0.01, keep_alive_s=0.05, ping_s=5.0, close_s=0.5)
SECOND = bytes(range(200)) * (RATE * 2 // 200)  # one that can be told apart from silence


async def gathered(stream, n: int | None = None) -> list[Transcript]:
    said = []
    async for transcript in stream:
        said.append(transcript)
        if len(said) == n:
            break
    return said


def test_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # not for this machine

    async def script(fake: FakeDeepgram, socket: ServerConnection, _: int) -> None:
        await fake.listen(socket, "Finalize")
        await socket.send(json.dumps(results("where is", is_final=False)))
        await socket.send(json.dumps(results("where is my order", 0, 1.0, from_finalize=True)))
        await fake.listen(socket, "KeepAlive")
        await fake.listen(socket, "CloseStream")

    fake = FakeDeepgram(script)

    async def main() -> list[Transcript]:
        async with fake.at() as url:
            stt = Deepgram({"language": "en-US"}, "dg-key", url, QUICK)
            assert (stt.provider, stt.model) == ("deepgram", "nova-3")
            stream = stt.open(RATE)
            for at in range(0, len(SECOND), 320):  # before it is connected: nothing of the first words is lost
                stream.send(SECOND[at : at + 320])
            stream.finalize()
            assert stream.audio_s == 1.0
            said = await gathered(stream, 2)
            while "KeepAlive" not in fake.messages[0]:
                await asyncio.sleep(0.01)
            await stream.aclose()
            assert await gathered(stream) == []
            return said

    said = run(main())
    assert [t.text for t in said] == ["where is", "where is my order"]
    assert said[1].from_finalize
    assert bytes(fake.audio[0]) == SECOND
    assert fake.messages[0][0] == "Finalize"
    assert fake.messages[0][-1] == "CloseStream"
    assert fake.headers[0]["Authorization"] == "Token dg-key"
    assert fake.paths[0].startswith("/v1/listen?model=nova-3&language=en-US&")


@pytest.mark.parametrize("way", ["close", "abort"])
def test_a_lost_connection_costs_no_word(way: str) -> None:
    """Everything after the last final transcript is said again, a Finalize too."""

    async def script(fake: FakeDeepgram, socket: ServerConnection, number: int) -> None:
        if number == 0:
            await fake.listen(socket, len(SECOND))
            await socket.send(json.dumps(results("one", 0, 0.25)))
            await fake.listen(socket, "Finalize")
            if way == "close":
                await socket.close(1011, "NET-0001")
            else:
                socket.transport.abort()
            return
        await fake.listen(socket, "Finalize")
        await socket.send(json.dumps(results("two", 0, 1.75, from_finalize=True)))
        await fake.listen(socket, "CloseStream")

    fake = FakeDeepgram(script)

    async def main() -> list[Transcript]:
        async with fake.at() as url:
            stream = Deepgram({}, "k", url, QUICK).open(RATE)
            stream.send(SECOND)
            (first,) = await gathered(stream, 1)
            stream.send(SECOND)
            stream.finalize()
            (second,) = await gathered(stream, 1)
            await stream.aclose()
            return [first, second]

    assert [t.text for t in run(main())] == ["one", "two"]
    assert bytes(fake.audio[1]) == (SECOND + SECOND)[RATE // 2 :]  # 0.25 s have been heard


def test_a_connection_that_keeps_dying_is_given_up() -> None:
    async def script(fake: FakeDeepgram, socket: ServerConnection, _: int) -> None:
        await fake.listen(socket, 320)
        socket.transport.abort()

    fake = FakeDeepgram(script)

    async def main() -> None:
        async with fake.at() as url:
            stream = Deepgram({}, "k", url, QUICK).open(RATE)
            stream.send(SECOND)
            await gathered(stream)

    with pytest.raises(ProviderError) as problem:
        run(main())
    assert problem.value.kind == "unavailable"
    assert fake.connections == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "rejected_key"), (403, "rejected_key"), (400, "bad_request"), (429, "unavailable"), (503, "unavailable")],
)
def test_refused_handshakes(status: int, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    from websockets.asyncio.server import serve

    async def main() -> None:
        async def never(_: ServerConnection) -> None:
            raise AssertionError

        def refuse(socket: ServerConnection, _: object) -> object:
            return socket.respond(status, '{"err_code": "X", "err_msg": "no: top-secret"}')

        async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
            port = server.sockets[0].getsockname()[1]
            stream = Deepgram({}, "top-secret", f"http://127.0.0.1:{port}/v1", QUICK).open(RATE)
            await gathered(stream)

    with caplog.at_level(logging.DEBUG), pytest.raises(ProviderError) as problem:
        run(main())
    assert problem.value.kind == kind
    assert "top-secret" not in str(problem.value)
    assert not [r for r in caplog.records if r.name != "websockets.server" and "top-secret" in r.getMessage()]


def test_nobody_there_is_unavailable() -> None:
    async def main() -> None:
        await gathered(Deepgram({}, "k", "http://127.0.0.1:9/v1", QUICK).open(RATE))

    with pytest.raises(ProviderError) as problem:
        run(main())
    assert problem.value.kind == "unavailable"


def test_unanswered_pings_are_a_timeout() -> None:
    async def script(fake: FakeDeepgram, socket: ServerConnection, _: int) -> None:
        socket.transport.pause_reading()
        await over.wait()
        socket.transport.abort()

    async def main() -> None:
        async with FakeDeepgram(script).at() as url:
            times = DeepgramTimes(ping_s=0.05, close_s=0.05)
            try:
                await gathered(Deepgram({}, "k", url, times).open(RATE))
            finally:
                over.set()

    over = asyncio.Event()
    with pytest.raises(ProviderError) as problem:
        run(main())
    assert problem.value.kind == "timeout"


def test_saying_nothing_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkpath.agentstack.providers.deepgram.ANSWER_S", 0.05)

    async def script(fake: FakeDeepgram, socket: ServerConnection, _: int) -> None:
        await fake.listen(socket, "CloseStream")

    fake = FakeDeepgram(script)

    async def main() -> None:
        async with fake.at() as url:
            stream = Deepgram({}, "k", url, QUICK).open(RATE)
            stream.send(SECOND)
            stream.finalize()
            stream.send(SECOND)
            await gathered(stream)

    with pytest.raises(ProviderError) as problem:
        run(main())
    assert problem.value.kind == "timeout"
    assert fake.connections == 1


def test_closing_while_it_connects_ends_at_once() -> None:
    async def main() -> None:
        async def mute(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.2)
            writer.transport.abort()

        server = await asyncio.start_server(mute, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        stream = Deepgram({}, "k", f"http://127.0.0.1:{port}/v1").open(RATE)
        await asyncio.sleep(0)
        await stream.aclose()
        assert await gathered(stream) == []
        server.close()

    run(main(), timeout_s=2.0)


def test_a_connection_that_is_cut_while_it_takes_nothing_is_made_again() -> None:
    async def script(fake: FakeDeepgram, socket: ServerConnection, number: int) -> None:
        if number == 0:
            await fake.listen(socket, 320)
            await socket.send(json.dumps(results("one", 0, 0.25)))
            socket.transport.pause_reading()
            await asyncio.sleep(0.3)
            socket.transport.abort()
            return
        await fake.listen(socket, "Finalize")
        await socket.send(json.dumps(results("two", 0, 1.75, from_finalize=True)))
        await fake.listen(socket, "CloseStream")

    fake = FakeDeepgram(script)

    async def main() -> list[str]:
        async with fake.at() as url:
            times = DeepgramTimes(connect_s=1.0, again_s=0.01, keep_alive_s=5.0, close_s=0.5, waiting_s=1000.0)
            stream = Deepgram({}, "k", url, times).open(RATE)
            stream.send(SECOND)
            said = await gathered(stream, 1)
            for _ in range(600):  # more than both sides' buffers hold
                stream.send(SECOND)
            stream.finalize()
            said += await gathered(stream, 1)
            await stream.aclose()
            return [transcript.text for transcript in said]

    assert run(main()) == ["one", "two"]
    assert fake.connections == 2
