"""`PhoneCall.record`: a WAV file of two channels that is whole however the call ends."""

import asyncio
import errno
import logging
import os
import signal
import threading
import wave
from pathlib import Path

import numpy as np
import pytest
from phones import Phone
from scenario import voice

from talkpath import CallConfig, StateError
from talkpath.server import MediaServer, PhoneCall, Taped, recording
from talkpath.server.recording import Recording

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False)
SECOND = Taped("audio/x-mulaw;rate=8000", b"\x80" * 8000, b"\x00" * 8000)


def channels(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getsampwidth()) == (2, 2)
        samples = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2)
        assert len(samples) == wav.getnframes()
        assert path.stat().st_size == 44 + 4 * wav.getnframes()
        return samples[:, 0], samples[:, 1], wav.getframerate()


@pytest.mark.parametrize("ends", ["handler", "caller", "killed"])
@pytest.mark.parametrize("dialect", ["twilio", "vonage"])
def test_a_call_is_recorded(tmp_path: Path, dialect: str, ends: str) -> None:
    path = tmp_path / "call.wav"
    spoken = asyncio.Event()

    async def answer(call: PhoneCall) -> None:
        await call.record(path)
        with pytest.raises(StateError, match="already"):
            await call.record(tmp_path / "again.wav")
        await call.say(voice(500), 8000)
        spoken.set()
        if ends != "handler":
            await call.wait_ended()

    async def main() -> None:
        async with MediaServer(answer, config=CONFIG, port=0, drain_s=0) as server:
            phone = await Phone(dialect).dial(server)
            await asyncio.wait_for(spoken.wait(), 5)
            if ends == "killed":
                await asyncio.sleep(3.6)  # what is not told yet is lost with it
                os.kill(server.worker_pids[0], signal.SIGKILL)
            elif ends == "caller":
                phone.socket.transport.abort()
            await phone.over()

    asyncio.run(main())
    caller, agent, rate = channels(path)
    assert rate == (8000 if dialect == "twilio" else 16000)
    loud = np.flatnonzero(np.abs(agent.astype(int)) > 500)
    assert 0.45 <= (loud[-1] - loud[0]) / rate < 2  # a machine that stands still leaves gaps, and they are heard
    assert not caller.any()
    assert not (tmp_path / "again.wav").exists()


def test_it_is_whole_as_it_grows(tmp_path: Path) -> None:
    async def main() -> None:
        found = Recording(tmp_path / "a.wav", 8000)
        await found.open()
        assert len(channels(tmp_path / "a.wav")[0]) == 0
        for k in range(3):
            found.put(SECOND)
            await asyncio.get_running_loop().run_in_executor(recording._writer(), lambda: None)
            assert len(channels(tmp_path / "a.wav")[0]) == 8000 * (k + 1)
        found.close()
        found.close()
        found.put(SECOND)
        await found.closed()
        await found.closed()
        assert (found.duration_s, found.problem) == (3, None)

    asyncio.run(main())
    caller, agent, _ = channels(tmp_path / "a.wav")
    assert set(caller) == {32124}
    assert set(agent) == {-32124}


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The handler is told, and may try another."""
    story: list = []

    async def answer(call: PhoneCall) -> None:
        try:
            await call.record(tmp_path / "no folder" / "call.wav")
        except OSError as problem:
            story.append(problem.errno)
        await call.record(tmp_path / "call.wav")
        story.append(await call.say(voice(100), 8000))

    async def main() -> None:
        async with MediaServer(answer, config=CONFIG, port=0, drain_s=0) as server:
            await (await Phone("twilio").dial(server)).over()

    asyncio.run(main())
    assert story == [errno.ENOENT, 100]
    assert channels(tmp_path / "call.wav")[1].any()


def test_a_full_disk(caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, and an end; nothing is raised."""

    async def main() -> None:
        found = Recording("/dev/full", 8000)
        found._file = open("/dev/full", "wb", buffering=0)  # noqa: SIM115
        for _ in range(3):
            found.put(SECOND)
        found.close()
        await found.closed()
        assert found.problem

    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    asyncio.run(main())
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1


def test_a_disk_that_stands_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What waits for it is bounded; what had been written stays whole."""
    monkeypatch.setattr(recording, "MAX_WAITING", 3)
    stands = threading.Event()

    async def main() -> None:
        found = Recording(tmp_path / "a.wav", 8000)
        await found.open()
        recording._writer().submit(stands.wait)
        for _ in range(10):
            found.put(SECOND)
        assert found.problem == "the disk is too slow"
        stands.set()
        found.close()
        await found.closed()

    asyncio.run(main())
    channels(tmp_path / "a.wav")
    assert "too slow" in caplog.text
