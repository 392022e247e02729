"""`PhoneCall.log`: the process of audio writes all of a call, from its first frame on, and the log is played again."""

import asyncio
import logging
from pathlib import Path

import numpy as np
import pytest
from phones import Phone
from scenario import voice

from talkpath import CallConfig, CallPipeline, StateError
from talkpath.call.replay import replay
from talkpath.call.results import Received
from talkpath.report import read_call, report_of
from talkpath.server import MediaServer, PhoneCall, call_log
from talkpath.server.call_log import CallLog

CONFIG = CallConfig(idle_timeout=None, comfort_noise_enabled=False, echo_control=False, seed=5)


@pytest.mark.realtime
@pytest.mark.parametrize("dialect", ["twilio", "vonage"])
def test_a_call_is_logged(tmp_path: Path, dialect: str) -> None:
    """Asked for 0.4 s late: nothing before is missing. What was said is in it, and each frame that came."""
    path, found = tmp_path / "call.log", {}

    async def answer(call: PhoneCall) -> None:
        await asyncio.sleep(0.4)
        await call.log(path)
        with pytest.raises(StateError, match="already"):
            await call.log(tmp_path / "again.log")
        with pytest.raises(OSError, match="no folder"):
            await call.log(tmp_path / "no folder" / "call.log")
        await call.say(voice(500), 8000, "hello")
        found["counters"] = await call.counters()

    async def main() -> None:
        async with MediaServer(answer, config=CONFIG, port=0, drain_s=0, logs=True) as server:
            await (await Phone(dialect).dial(server)).over()

    asyncio.run(main())
    report = report_of(read_call(path))
    assert [(u.name, u.end) for u in report.utterances] == [("hello", "completed")]
    assert report.utterances[0].generated_s == pytest.approx(0.5, abs=0.01)
    frames = sum(isinstance(result, Received) for _, result in replay(path))
    assert found["counters"]["received"] <= frames + report.counts["lost_frames"]
    assert path.stat().st_mode & 0o077 == 0
    assert not (tmp_path / "again.log").exists()


@pytest.mark.realtime
def test_a_server_without_logs(tmp_path: Path) -> None:
    said = []

    async def answer(call: PhoneCall) -> None:
        try:
            await call.log(tmp_path / "call.log")
        except StateError as problem:
            said.append(str(problem))

    async def main() -> None:
        async with MediaServer(answer, config=CONFIG, port=0, drain_s=0) as server:
            await (await Phone("twilio").dial(server)).over()

    asyncio.run(main())
    assert said
    assert "MediaServer(logs=True)" in said[0]
    assert list(tmp_path.iterdir()) == []


def logged(log: CallLog, frames: int) -> CallPipeline:
    call = CallPipeline(CONFIG)
    log.begin(call)
    for _ in range(frames):
        call.receive(b"\xff" * 160)
        call.transmit()
    return call


def written() -> None:
    call_log._writer().submit(lambda: None).result(10)


def test_it_can_be_read_while_it_grows(tmp_path: Path) -> None:
    log = CallLog()
    call = logged(log, 20)
    log.open(str(tmp_path / "call.log"))
    for _ in range(50):
        call.transmit()
    written()
    assert sum(1 for _ in replay(tmp_path / "call.log")) >= 89
    call.hangup()
    written()
    outputs = [result for _, result in replay(tmp_path / "call.log") if result is not None]
    assert len(outputs) == 90
    assert log.problem is None


def test_nobody_asks_for_it(tmp_path: Path) -> None:
    """What was kept is thrown away after a while, and says so to whoever comes then."""
    log = CallLog()
    call = logged(log, 300)
    assert log._records == []
    assert call._recorder is not None
    assert call._recorder.failed
    with pytest.raises(StateError, match="beginning of the call is gone"):
        log.open(str(tmp_path / "call.log"))
    call.hangup()
    assert list(tmp_path.iterdir()) == []


def test_a_call_that_is_over_without_it(tmp_path: Path) -> None:
    log = CallLog()
    logged(log, 5).hangup()
    assert log._records == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("full", ["at the beginning", "later"])
def test_a_full_disk_ends_the_log_and_not_the_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, full: str
) -> None:
    class Full(call_log.LogFile):
        def __init__(self, path: str) -> None:
            if full == "at the beginning":
                raise OSError(28, "No space left on device")
            super().__init__(path)

        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(call_log, "LogFile", Full)
    log = CallLog()
    call = logged(log, 20)
    log.open(str(tmp_path / "call.log"))
    written()
    assert len(call.transmit().payload) == 160
    call.speak(np.zeros(80, np.int16), 8000)
    assert len(call.transmit().payload) == 160
    call.hangup()
    assert log.problem == "No space left on device"
    assert [r.levelno for r in caplog.records] == [logging.ERROR]
