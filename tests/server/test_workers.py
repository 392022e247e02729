"""Processes of audio: several on one port, one that dies, handlers that are slow, clients that do not read."""

import asyncio
import contextlib
import enum
import os
import signal
import sys
import time

import numpy as np
import pytest
from phones import Phone, get, refused, websockets
from scenario import voice

from talkpath import CallConfig, ConfigError, StateError, g711
from talkpath.server import Authentication, Limits, MediaServer, PhoneCall
from talkpath.streams import Media, Start

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)


def serve(answer, **options) -> MediaServer:
    return MediaServer(answer, **{"config": CONFIG, "port": 0, **options})


async def waits(call: PhoneCall) -> None:
    await call.wait_ended()


def number(page: str, name: str) -> float:
    return float(next(line for line in page.splitlines() if line.startswith(name + " ")).split()[1])


def test_several_share_a_port_a_limit_and_a_page() -> None:
    async def main() -> None:
        async with serve(waits, workers=2, max_calls=12) as server:
            assert len(set(server.worker_pids)) == 2
            phones = [await Phone("twilio").dial(server) for _ in range(12)]
            await asyncio.sleep(0.2)
            assert server.calls == 12
            assert await refused(server, "/twilio") == 503
            await asyncio.sleep(2.2)  # each has told the other what it has measured
            status, page = await get(server, "/metrics")
            assert status == 200
            assert number(page, "talkpath_calls") == 12
            assert number(page, "talkpath_processes") == 2
            assert number(page, "talkpath_frames_sent_total") > 12 * 20
            for phone in phones:
                await phone.hang_up()
                await phone.over()

    asyncio.run(main())


def test_one_that_dies_ends_its_calls_and_is_replaced(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def answer(call: PhoneCall) -> None:
        ended.append(await call.wait_ended())

    async def main() -> None:
        async with serve(answer) as server:
            phone = await Phone("plivo").dial(server)
            await asyncio.sleep(0.2)
            os.kill(server.worker_pids[0], signal.SIGKILL)
            await phone.over()
            for _ in range(100):
                await asyncio.sleep(0.1)
                if server.worker_pids:
                    break
            again = await Phone("plivo").dial(server)
            await asyncio.sleep(0.3)
            assert again.of(Media)
            await again.hang_up()
            await again.over()

    asyncio.run(main())
    assert ended == ["the process of audio has ended", "stop"]
    assert "a process of audio has ended" in caplog.text


@pytest.mark.parametrize("is_slow", [False, True])
def test_a_configuration_for_each_call(is_slow: bool) -> None:
    """It comes from the start; what is said while it is looked up is heard."""
    heard: list = []

    def choose(start: Start) -> CallConfig:
        return CONFIG.replaced(audio_format="pcm_8k" if start.call_id == "CA1" else "pcm_24k")

    async def choose_slowly(start: Start) -> CallConfig:
        await asyncio.sleep(0.3)
        return choose(start)

    async def answer(call: PhoneCall) -> None:
        frames = 0
        async for pcm in call.audio():
            assert len(pcm) == call.sample_rate_hz // 50
            frames += 1
            if frames == 20:
                break
        heard.append(call.sample_rate_hz)

    async def main() -> None:
        async with serve(answer, config=choose_slowly if is_slow else choose) as server:
            for dialect in ("twilio", "telnyx"):
                began = time.monotonic()
                phone = await Phone(dialect).dial(server)
                await phone.over()
                assert time.monotonic() - began < 2

    asyncio.run(main())
    assert heard == [8000, 24000]


@pytest.mark.parametrize("kind", ["raises", "no configuration"])
def test_a_call_without_a_configuration_ends(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    def choose(start: Start) -> CallConfig:
        if kind == "raises":
            raise ConfigError("nobody has this number")
        return {}  # type: ignore[return-value]

    async def main() -> None:
        async with serve(waits, config=choose) as server:
            phone = await Phone("twilio").dial(server)
            await phone.over(3)
            await asyncio.sleep(0.1)
            assert server.calls == 0

    asyncio.run(main())
    assert "no configuration for a call" in caplog.text


def test_audio_in_chunks() -> None:
    sizes: list[int] = []

    async def answer(call: PhoneCall) -> None:
        async for pcm in call.audio(chunk_ms=100):
            sizes.append(len(pcm))

    async def main() -> None:
        async with serve(answer) as server:
            phone = await Phone("twilio").dial(server)
            await asyncio.sleep(1.05)
            await phone.hang_up()
            await phone.over()

    asyncio.run(main())
    assert set(sizes[:-1]) == {1600}
    assert 8 <= len(sizes) <= 12


def test_a_client_that_does_not_read_is_hung_up_and_harms_nobody() -> None:
    reasons: list[str] = []

    async def answer(call: PhoneCall) -> None:
        reasons.append(await call.wait_ended())

    async def main() -> None:
        limits = Limits(unread_timeout_s=1.0)
        # What the kernels of both sides take is seconds of audio: big messages fill it sooner.
        config = CONFIG.replaced(background_audio={"sound": "office", "volume": 0.3})
        async with serve(answer, limits=limits, config=config) as server:
            good = await Phone("twilio").dial(server)
            deaf = Phone("vonage")
            socket = await websockets.connect(f"ws://127.0.0.1:{server.port}/vonage", max_queue=1, compression=None)
            socket.transport.get_extra_info("socket").setsockopt(1, 8, 4096)
            socket.transport.pause_reading()
            for message in deaf.provider.open(deaf.start):
                await socket.send(message)
            frame = b"\0" * 640
            for _ in range(1500):
                try:
                    await socket.send(deaf.provider.media(frame))
                except Exception:
                    break
                await asyncio.sleep(0.02)
                if reasons:
                    break
            assert reasons == ["the client does not read"]
            assert max(good.gaps()) < 0.25
            socket.transport.abort()
            await good.hang_up()
            await good.over()

    asyncio.run(main())


def test_a_flood_of_connections_holds_up_no_frame() -> None:
    async def main() -> float:
        async with serve(waits, token="secret") as server:
            good = await Phone("twilio").dial(server, "/twilio?token=secret")
            await asyncio.sleep(0.3)
            script = (
                "import socket, sys\n"
                "for _ in range(20):\n"
                "    found = []\n"
                "    for _ in range(100):\n"
                "        s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
                "        s.sendall(b'GET /twilio HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')\n"
                "        found.append(s)\n"
                "    for s in found: s.close()\n"
            )
            flood = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(server.port))
            assert await flood.wait() == 0
            page = (await get(server, "/metrics"))[1]
            assert number(page, 'talkpath_requests_refused_total{cause="authentication"}') >= 1500
            late = number(page, 'talkpath_tick_lateness_seconds_bucket{le="+Inf"}')
            in_time = number(page, 'talkpath_tick_lateness_seconds_bucket{le="0.02"}')
            await good.hang_up()
            await good.over()
            return late - in_time

    assert asyncio.run(main()) <= 5  # of two seconds' frames, where other tests run beside


class Key(enum.StrEnum):
    ONE = "1"


class Mine:
    """Nobody but this process knows it."""


def test_values_of_the_users_own_kinds_harm_nobody() -> None:
    """A member of an enum is the text that it is; what cannot be carried raises in the handler, and the calls go on."""
    story: list = []

    async def answer(call: PhoneCall) -> None:
        await call.send_dtmf(Key.ONE)
        await call.checkpoint(np.str_("mark"))
        for wrong in (Mine(), lambda: 1, np.float64("nan"), -1, None):
            try:
                await call.turn_probability(wrong)
            except Exception as problem:
                story.append(type(problem).__name__)
        with contextlib.suppress(Exception):
            await call.play_background(Mine())
        story.append(await call.say(voice(200), 8000))

    async def main() -> None:
        async with serve(answer) as server:
            phone = await Phone("twilio").dial(server)
            await phone.over()

    asyncio.run(main())
    assert len(story) == 6
    assert story[-1] == 200


def test_a_flood_of_tiny_messages_is_taken_in_slices() -> None:
    """A quarter of a megabyte of pings and objects in one piece: all of it is read, and the other call's frames leave in time."""

    async def main() -> tuple[float, float]:
        async with serve(waits) as server:
            good = await Phone("twilio").dial(server)
            flood = await websockets.connect(f"ws://127.0.0.1:{server.port}/twilio", compression=None)
            await asyncio.sleep(0.3)
            frame = b"\x89\x80\0\0\0\0" + b"\x81\x82\0\0\0\0{}"  # a ping, and an empty object
            for _ in range(4):
                flood.transport.write(frame * 8000)
            await asyncio.sleep(1.0)
            page = (await get(server, "/metrics"))[1]
            late = number(page, 'talkpath_tick_lateness_seconds_bucket{le="+Inf"}')
            in_time = number(page, 'talkpath_tick_lateness_seconds_bucket{le="0.06"}')
            malformed = number(page, "talkpath_messages_malformed_total")
            flood.transport.abort()
            await good.hang_up()
            await good.over()
            return late - in_time, malformed

    late, malformed = asyncio.run(main())
    assert malformed > 1000
    assert late <= 2  # of more than 60 frames, where other tests run beside


def test_a_second_signal_ends_the_drain(tmp_path) -> None:
    (tmp_path / "app.py").write_text(
        "from talkpath.server import MediaServer\n"
        "async def answer(call):\n"
        "    await call.wait_ended()\n"
        "MediaServer(answer, port=0, drain_s=60).run()\n"
    )

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import logging; logging.basicConfig(level='INFO'); exec(open('app.py').read())",
            cwd=tmp_path, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        line = (await process.stderr.readline()).decode()
        server = type("Server", (), {"port": int(line.partition('"port": ')[2].partition(",")[0])})
        phone = await Phone("twilio").dial(server)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0.5)
        assert process.returncode is None  # it drains
        process.send_signal(signal.SIGINT)
        await phone.over(5)
        assert await asyncio.wait_for(process.wait(), 15) == 0

    asyncio.run(main())


def test_one_of_several_that_cannot_begin_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    from talkpath.server.workers import Worker

    begin, pids = Worker.start, []

    async def start(worker: Worker) -> None:
        if worker._setup.slot == 0:
            raise StateError("as it was told to")
        await begin(worker)
        pids.append(worker.pid)

    monkeypatch.setattr(Worker, "start", start)

    async def main() -> None:
        with pytest.raises(StateError, match="as it was told to"):
            await serve(waits, workers=3).start()

    asyncio.run(main())
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_it_says_what_hinders_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def taken() -> None:
        async with serve(waits) as server:
            with pytest.raises(OSError, match="[Aa]ddress already in use"):
                async with serve(waits, port=server.port):
                    pass

    asyncio.run(taken())
    proof = Authentication(token="b")
    with pytest.raises(ConfigError, match="give one of them"):
        serve(waits, token="a", authentication=proof)


@pytest.mark.parametrize("number_", [signal.SIGTERM, signal.SIGINT])
def test_signals_drain(number_: int, tmp_path) -> None:
    (tmp_path / "app.py").write_text(
        "import asyncio\n"
        "from talkpath.server import MediaServer\n"
        "async def answer(call):\n"
        "    await call.say(b'\\x00\\x10' * 8000, 8000)\n"
        "MediaServer(answer, port=0, audiosocket_port=0).run()\n"  # no guard: this file is nobody's module
    )

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import logging; logging.basicConfig(level='INFO'); exec(open('app.py').read())",
            cwd=tmp_path, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        line = (await process.stderr.readline()).decode()
        port = int(line.partition('"port": ')[2].partition(",")[0])
        server = type("Server", (), {"port": port})
        phone = await Phone("twilio").dial(server)
        await asyncio.sleep(0.3)
        os.killpg(process.pid, number_)  # as Ctrl-C does: every process gets it
        await asyncio.sleep(0.1)
        assert await refused(server, "/twilio") == 503
        await phone.over(5)
        loud = [m for m in phone.of(Media) if len(set(m.payload)) < 4 and m.payload[0] not in (0xFF, 0x7F)]
        assert len(loud) >= 48  # what was being said was said to its end
        assert await asyncio.wait_for(process.wait(), 10) == 0

    asyncio.run(main())


def test_voice_survives_the_way(tmp_path) -> None:
    """What the handler says arrives whole, though it goes through another process: block by block."""
    said = voice(1500)

    async def answer(call: PhoneCall) -> None:
        assert await call.say(said, 8000) == 1500

    async def main() -> Phone:
        async with serve(answer) as server:
            phone = await Phone("twilio").dial(server)
            await phone.over()
            return phone

    phone = asyncio.run(main())
    heard = g711.ulaw_decode(b"".join(m.payload for m in phone.of(Media)))
    expected = g711.ulaw_decode(g711.ulaw_encode(said))
    at = int(np.argmax(np.correlate(heard.astype(float), expected[:800].astype(float), "valid")))
    error = heard[at : at + len(expected)].astype(float) - expected
    assert np.sqrt(np.mean(error**2)) < 0.02 * np.sqrt(np.mean(expected.astype(float) ** 2))
