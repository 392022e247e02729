"""PyPI's voicebench judges our server from the audio: it answers, and falls silent when the caller talks over it."""

import asyncio
from pathlib import Path

import pytest
from scenario import voice

from talkpath import wav
from talkpath.call.events import UserTurnCompleted
from talkpath.server import PhoneCall

pytest.importorskip("voicebench", reason="PyPI's voicebench is not installed (see README.md here)")
from talkpath.server import MediaServer

pytestmark = pytest.mark.slow


def scenario(folder: Path) -> dict:
    """A turn, and another over the answer to it. Its own synthetic speech is made for energy detectors; ours has formants."""
    wav.write_wav(folder / "asks.wav", voice(1500, 16000, seed=9, pitch=190.0), 16000)
    wav.write_wav(folder / "interrupts.wav", voice(2500, 16000, seed=10, pitch=190.0), 16000)
    return {
        "name": "a turn, and one over the answer",
        "sample_rate": 16000,
        "max_duration_ms": 12000,  # it waits for a time without packets, which a line that always sends does not have
        "turns": [
            {"id": "asks", "audio": {"file": str(folder / "asks.wav")}, "start": {"delay_ms": 600}},
            {
                "id": "interrupts",
                "audio": {"file": str(folder / "interrupts.wav")},
                "start": {"after": "agent_speech_start", "delay_ms": 1500},
                "expect": "stop",
                "max_stop_ms": 2500,
            },
        ],
    }


def test_voicebench(tmp_path: Path) -> None:
    from voicebench.bench import run_benchmark
    from voicebench.scenario import parse_scenario

    async def answer(call: PhoneCall) -> None:
        async for event in call.events():
            if isinstance(event, UserTurnCompleted):
                await call.speak(voice(5000), 8000, final=True)

    async def main() -> object:
        async with MediaServer(answer, port=0) as server:
            options = {"url": f"ws://127.0.0.1:{server.port}/vonage"}
            return await run_benchmark(parse_scenario(scenario(tmp_path)), "voicebench_line:VonageLine", options)

    result = asyncio.run(main())
    (session,) = result.sessions
    asks, interrupts = session.turns
    assert asks.responded
    assert interrupts.trigger == "anchor"
    assert interrupts.stopped, interrupts.notes
    assert result.records[0].clears
