"""Handlers and configurations that do odd things: their call says so, and nothing is left behind."""

import asyncio
import json
import logging

import pytest
from phones import Phone
from scenario import voice

from talkpath import CallConfig
from talkpath.errors import ConfigError
from talkpath.server import Limits, MediaServer, PhoneCall, asgi, media_server
from talkpath.streams import Start

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)


def a_call(answer, config=CONFIG, caller_stays_s: float | None = None, **options) -> list[int]:
    """Takes one call to its end; how many tasks are left of it."""

    async def main() -> list[int]:
        async with MediaServer(answer, config=config, port=0, drain_s=0, **options) as server:
            phone = await Phone("twilio").dial(server)
            if caller_stays_s is not None:
                await asyncio.sleep(caller_stays_s)
                phone.socket.transport.abort()
            await phone.over()
            await asyncio.sleep(0.1)
            return [len(handlers.tasks) for _, handlers in server._workers.values()]

    return asyncio.run(main())


async def goes(call: PhoneCall) -> None:
    pass


def test_arguments_that_are_none() -> None:
    problems: list = []

    async def answer(call: PhoneCall) -> None:
        for rate in (float("nan"), float("inf"), "8000", None):
            try:
                await call.say(voice(100), rate)
            except Exception as problem:
                problems.append(problem)
        for chunk_ms in (float("nan"), float("inf"), 1e9, 0):
            try:
                await anext(call.audio(chunk_ms))
            except Exception as problem:
                problems.append(problem)

    a_call(answer)
    assert [type(problem) for problem in problems] == [ConfigError] * 8
    assert "sample_rate" in str(problems[0])
    assert "chunk_ms" in str(problems[-1])


def test_a_long_transcript_does_not_hold_up_the_audio() -> None:
    """Ten megabytes of words are one command of few characters."""
    sent: list = []

    async def answer(call: PhoneCall) -> None:
        ask = call._ask

        async def watched(command: str, *args: object, **kwargs: object) -> object:
            sent.append((command, args))
            return await ask(command, *args, **kwargs)

        call._ask = watched
        await call.transcript("well " * 2_000_000 + "that is all.", final=True)
        call._ask = ask

    a_call(answer)
    (command, (text, final)) = sent[0]
    assert (command, final, len(text)) == ("transcript", True, 4096)
    assert text.endswith("that is all.")


def test_a_handler_that_returns_while_its_call_is_paused() -> None:
    """What is being said is said; then the call ends."""
    ended: list = []

    async def answer(call: PhoneCall) -> None:
        await call.speak(voice(600), 8000, final=True)
        await asyncio.sleep(0.3)
        assert await call.pause()
        ended.append(call)

    assert a_call(answer) == [0]
    assert ended[0].ended == "hangup"


def test_a_configuration_that_never_comes(caplog: pytest.LogCaptureFixture) -> None:
    async def never(start: Start) -> CallConfig:
        await asyncio.sleep(1000)
        raise AssertionError

    assert a_call(goes, never, caller_stays_s=0.2) == [0]
    with caplog.at_level(logging.WARNING, "talkpath.server"):
        assert a_call(goes, never, limits=Limits(start_timeout_s=0.3)) == [0]
    assert [json.loads(record.message) for record in caplog.records] == [
        {"event": "call_not_begun", "reason": "no configuration"}
    ]


class Mine(CallConfig):
    """The process of audio does not know it."""


def test_a_configuration_that_cannot_be_carried(caplog: pytest.LogCaptureFixture) -> None:
    """The call ends at once, and the log says why."""
    assert a_call(goes, lambda start: Mine()) == [0]
    assert any("no configuration" in record.message for record in caplog.records)


@pytest.mark.parametrize("make", [MediaServer, asgi])
def test_a_background_that_is_not_there_is_said_at_once(make) -> None:
    with pytest.raises(ConfigError, match=r"background_audio\.sound"):
        make(goes, config=CallConfig(background_audio={"sound": "nobody.wav"}))


def test_a_number_of_processes_that_was_mistyped() -> None:
    with pytest.raises(ConfigError, match="workers must be 1 to 256"):
        MediaServer(goes, workers=media_server.MAX_WORKERS + 1)
    with pytest.raises(ConfigError, match="workers"):
        MediaServer(goes, workers=float("nan"))


def test_a_client_that_breaks_the_protocol_in_the_same_breath(caplog: pytest.LogCaptureFixture) -> None:
    """No traceback for it, and the next one is answered."""
    upgrade = (
        b"GET /twilio HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )

    async def main() -> None:
        async with MediaServer(goes, config=CONFIG, port=0, drain_s=0) as server:
            for frame in (b"\x81\x02hi", b"\x83\x80\0\0\0\0", b"\x88\x81\0\0\0\0x", b"\x81\xff" + b"\x7f" * 12):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(upgrade + frame)
                await asyncio.wait_for(reader.read(), 5)
                writer.close()
            await (await Phone("twilio").dial(server)).over()

    asyncio.run(main())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []
