"""Handlers and configurations that do odd things: their call says so, and nothing is left behind."""

import asyncio
import io
import json
import logging
import wave

import numpy as np
import pytest
from phones import Phone
from scenario import voice

from talkpath import CallConfig
from talkpath.errors import ConfigError, StateError
from talkpath.server import Began, CallEnded, Limits, MediaServer, PhoneCall, asgi, media_server
from talkpath.streams import Start

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)


def stereo_wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setnchannels(2)
        wav.setsampwidth(2)
        wav.setframerate(44100)
        wav.writeframes(np.repeat(voice(100, 44100), 2).tobytes())
    return out.getvalue()


WAV = stereo_wav()


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


def no_coroutine(call: PhoneCall) -> None:
    return None


def raises_at_once(call: PhoneCall) -> None:
    raise ZeroDivisionError("mine")


async def cancels_itself(call: PhoneCall) -> None:
    raise asyncio.CancelledError


async def leaves_a_task(call: PhoneCall) -> None:
    asyncio.create_task(call.wait_ended())  # noqa: RUF006


@pytest.mark.parametrize("answer", [no_coroutine, raises_at_once, cancels_itself, leaves_a_task])
def test_a_handler_that_is_none(answer, caplog: pytest.LogCaptureFixture) -> None:
    """Its call ends, and the log says why."""
    assert a_call(answer) == [0]
    wanted = {no_coroutine: "async def", raises_at_once: "ZeroDivisionError"}.get(answer, "")
    assert wanted in caplog.text
    assert "never retrieved" not in caplog.text


def test_after_the_hang_up() -> None:
    found: list = []

    async def answer(call: PhoneCall) -> None:
        await asyncio.gather(call.hangup(), call.hangup(after_speech=False))
        await call.hangup()
        for late in (call.say(voice(100), 8000), call.play(WAV), call.pause(), call.played(), call.send_dtmf("1")):
            try:
                await late
            except Exception as problem:
                found.append(type(problem))

    assert a_call(answer) == [0]
    assert found == [CallEnded] * 5


def test_what_cannot_be_done_is_said_to_the_handler() -> None:
    """With an error of its kind; the call goes on."""
    found: list = []

    async def answer(call: PhoneCall) -> None:
        for wrong in (
            call.play(b"no wav"), call.play("/nobody.wav"), call.play_background(b"no wav"), call.play_background("nobody.wav"),
            call.send_dtmf("x"), call.send_dtmf(""), call.checkpoint(3), call.speak("x", 8000), call.say([1.5], 8000),
            call.update(nonsense=1), call.update(allow_interruptions=lambda: True),
        ):  # fmt: skip
            try:
                found.append(await wrong)
            except (ValueError, OSError) as problem:
                found.append(str(problem))
        found.append(await call.say(voice(100), 8000))

    assert a_call(answer) == [0]
    *problems, heard_ms = found
    assert all(isinstance(problem, str) for problem in problems)
    assert "process of audio" in problems[-1]
    assert heard_ms == 100


@pytest.mark.parametrize("what", ["events", "audio"])
def test_two_readers(what: str) -> None:
    """The second takes over; the first is told, and does not lose half of what comes without a word."""
    story: list = []

    async def answer(call: PhoneCall) -> None:
        read = getattr(call, what)

        async def all_of_it() -> int:
            return len([x async for x in read()])

        first = asyncio.create_task(all_of_it())
        await asyncio.sleep(0.2)
        second = asyncio.create_task(all_of_it())
        await asyncio.sleep(0.2)
        with pytest.raises(StateError, match=what):
            await asyncio.wait_for(first, 2)
        await call.send_dtmf("1")
        await call.hangup()
        story.append(await asyncio.wait_for(second, 2))

    assert a_call(answer) == [0]
    assert story[0] > 0


def test_one_reader_after_the_other() -> None:
    """Who stops and begins again misses nothing."""
    found: list[int] = []

    async def answer(call: PhoneCall) -> None:
        async for pcm in call.audio(100):
            found.append(len(pcm))
            break
        async for pcm in call.audio(20):
            found.append(len(pcm))
            if len(found) == 3:
                break

    assert a_call(answer) == [0]
    assert found == [1600, 320, 320]


def test_files_are_not_decoded_by_the_process_of_audio() -> None:
    """What it gets is mono, at the line's rate: ten minutes of stereo at 44.1 kHz must not hold up a frame."""
    asked: list = []

    async def main() -> None:
        async def ask(command: str, *args: object) -> None:
            asked.append((command, args[0]))

        call = PhoneCall(Began(Start()), ask)
        await call.play(WAV)
        await call.play_background(WAV)
        await call.play_background("office")

    asyncio.run(main())
    (play, wav), (_, background), (_, office) = asked
    with wave.open(io.BytesIO(wav)) as found:
        assert (play, found.getnchannels(), found.getframerate(), found.getnframes()) == ("play", 1, 8000, 800)
    assert len(background) == 800
    assert isinstance(office, np.ndarray)
