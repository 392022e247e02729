"""The example as a newcomer runs it: Pipecat's transport, pipeline and aggregators, a dialled phone that interrupts."""

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs Pipecat, in an environment of its own: pip install 'talkpath[pipecat]'")
pytest.importorskip("websockets", reason="needs talkpath[phone]")
pytest.importorskip("yaml", reason="needs talkpath[phone]")
pytest.importorskip("uvicorn", reason="needs uvicorn")

from talkpath.phone import CallPlan, Dialer, load_script, parse_line

ROOT = Path(__file__).parents[3]
pytestmark = [pytest.mark.slow, pytest.mark.realtime]


@pytest.fixture
def bot(tmp_path: Path):
    """A free port with the example on it; what it printed."""
    import socket

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    log = tmp_path / "bot.log"
    with log.open("w") as out:
        command = [sys.executable, str(ROOT / "examples/pipecat_phone_bot.py"), "--port", str(port)]
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, "the bot does not start"
                    time.sleep(0.1)
            yield port, log
        finally:
            process.terminate()
            process.wait()


@pytest.mark.parametrize("provider", ["plivo", "twilio"])
def test_it_is_interrupted_answers_and_knows_what_was_heard(bot, provider: str) -> None:
    port, log = bot
    caller = load_script(ROOT / "examples/callers/interrupts.yaml")
    plan = CallPlan(provider=provider, caller=caller, line=parse_line("clean"), duration_s=30, record=True)
    dialer = Dialer(f"ws://127.0.0.1:{port}/{provider}", plan)
    result = asyncio.run(dialer.run())[0]
    assert result.answered
    assert result.malformed == 0
    assert len([b for b in result.barge_ins if b.clear_ms is not None]) == 3
    assert result.unprompted_clears == 0
    told = [float(s) for s in re.findall(r"interrupted after ([\d.]+) s", log.read_text())]
    loud = np.flatnonzero(np.abs(np.asarray(dialer.calls[0].heard).astype(float)) > 150)
    pauses = np.flatnonzero(np.diff(loud) > 2400)  # 0.3 s
    begins, ends = [loud[0], *loud[pauses + 1]], [*loud[pauses], loud[-1]]
    said = [(end - begin) / 8000 for begin, end in zip(begins, ends, strict=True)][:3]
    assert len(told) == 3
    assert np.allclose(told, said, atol=0.1)  # real time, and a machine that may be busy; bench/pipecat has the figures
