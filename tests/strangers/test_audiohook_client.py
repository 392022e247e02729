"""Genesys' own AudioHook client calls our server: as a monitor, as Audio Connector, and signed."""

import asyncio
import base64
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import talkpath as tp
from talkpath import CallConfig
from talkpath.server import PhoneCall

pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
from talkpath.server import Authentication, MediaServer

CHECKOUT = os.environ.get("AUDIOHOOK", "")
SECRET = base64.b64encode(bytes(range(32))).decode()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHECKOUT or not shutil.which("npx"),
        reason="AUDIOHOOK names no clone of Genesys' client (see README.md here)",
    ),
]


def tone(seconds: float) -> np.ndarray:
    return (6000 * np.sin(2 * np.pi * 440 * np.arange(int(8000 * seconds)) / 8000)).astype(np.int16)


async def client(uri: str, mode: str, seconds: float, *more: str) -> dict:
    process = await asyncio.create_subprocess_exec(
        "npx", "ts-node", "--transpile-only", "--skip-project", str(Path(__file__).parent / "audiohook_client.ts"),
        CHECKOUT, uri, mode, str(seconds), *more, cwd=Path(CHECKOUT) / "client", stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert out, "the client said nothing"
    return json.loads(out.splitlines()[-1])


def session(mode: str, seconds: float, handler: object, *more: str) -> dict:
    async def main() -> dict:
        async with MediaServer(handler, config=CallConfig(idle_timeout=None), port=0) as server:
            return await client(f"ws://127.0.0.1:{server.port}/genesys", mode, seconds, *more)

    return asyncio.run(main())


def test_a_monitor_listens_pauses_and_closes() -> None:
    found: dict = {"loud": 0}

    async def answer(call: PhoneCall) -> None:
        found["start"] = call.start
        speech = asyncio.create_task(call.say(tone(1), 8000))  # nobody can hear it: it must not end the session
        async for pcm in call.audio():
            found["loud"] += bool(np.abs(pcm).max() > 2000)
        assert await speech == 0
        found["ended"] = call.ended

    seen = session("monitor", 5, answer)
    assert seen["said"] == []
    assert seen["opened"]["parameters"]["media"][0]["channels"] == ["external"]
    assert seen["closed"]
    assert seen["rtts"] >= 2
    assert found["ended"] == "end"
    assert found["start"].from_number == "+15550001"
    assert 150 <= found["loud"] <= 260  # 5 s of tone, one of them paused


def test_audio_connector_hears_all_that_was_said() -> None:
    said = tone(1.5)

    async def answer(call: PhoneCall) -> None:
        await call.say(said, 8000)

    seen = session("connector", 10, answer)
    assert set(seen["sizes"]) == {1600}
    heard = tp.g711.ulaw_decode(base64.b64decode(seen["audio"]))
    loud = np.flatnonzero(np.abs(heard) > 1000)
    assert abs(loud[-1] - loud[0] - len(said)) < 160


def test_a_hang_up_is_a_disconnect_that_the_client_closes() -> None:
    async def answer(call: PhoneCall) -> None:
        await call.hangup()

    seen = session("connector", 10, answer)
    assert seen["said"] == []
    assert seen["closed"]


def test_a_monitor_can_be_hung_up() -> None:
    async def answer(call: PhoneCall) -> None:
        pass

    seen = session("monitor", 8, answer)
    assert seen["closed"]["clientseq"] < 6  # before pause, resume and the second ping


@pytest.mark.parametrize("signed", [True, False])
def test_a_signed_upgrade(signed: bool) -> None:
    secret = SECRET if signed else base64.b64encode(bytes(32)).decode()
    began: list[str] = []

    async def answer(call: PhoneCall) -> None:
        began.append(call.start.path)
        await call.wait_ended()

    async def main() -> dict:
        who = Authentication(genesys={"key-1": SECRET})
        async with MediaServer(answer, authentication=who, port=0) as server:
            return await client(f"ws://127.0.0.1:{server.port}/genesys/bot?a=b", "monitor", 1, secret)

    seen = asyncio.run(main())
    assert bool(seen.get("closed")) == signed
    assert began == (["/genesys/bot?a=b"] if signed else [])
    assert any("401" in line for line in seen["said"]) != signed
