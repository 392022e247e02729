"""`talkpath serve`: a process of its own, a call, and SIGTERM."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import ROOT
from scenario import voice

import talkpath as tp
from talkpath import streams
from talkpath.cli import main

client = pytest.importorskip("websockets.asyncio.client", reason="needs the extra: talkpath[server]")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def call_the_parrot(port: int) -> tuple[bytes, bytes]:
    """What was said and what came back."""
    provider = streams.Twilio("provider")
    said = tp.g711.ulaw_encode(np.concatenate([np.zeros(8000, np.int16), voice(1500, seed=9, pitch=190.0)]))
    back = b""
    until = time.monotonic() + 15
    while True:
        try:
            phone = await client.connect(f"ws://127.0.0.1:{port}/")
            break
        except OSError:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
    for data in provider.open(streams.Start(call_id="c", stream_id="s")):
        await phone.send(data)

    async def hear() -> None:
        nonlocal back
        async for data in phone:
            for message in provider.receive(data):
                if isinstance(message, streams.Media):
                    back += message.payload

    ears = asyncio.create_task(hear())
    begin = time.monotonic()
    for k in range(275):
        await phone.send(provider.media((said[k * 160 : k * 160 + 160] + b"\xff" * 160)[:160]))
        await asyncio.sleep(max(0, begin + 0.02 * (k + 1) - time.monotonic()))
    await phone.send(provider.stop())
    await phone.close()
    ears.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ears
    return said, back


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is no event there")
def test_the_parrot() -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "talkpath", "serve", "--app", "parrot:answer", "--port", str(port)],
        cwd=ROOT / "examples",
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said, back = asyncio.run(call_the_parrot(port))
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=10)
    finally:
        server.kill()
        server.wait()
    assert server.returncode == 0, log
    assert '"call_started"' in log
    assert '"call_ended"' in log
    heard = tp.g711.ulaw_decode(back)
    spoken = np.abs(tp.g711.ulaw_decode(said)) > 500
    assert (np.abs(heard) > 500).sum() > 0.6 * spoken.sum()  # it said it back


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("nothing", "module:function"),
        ("nobody:answer", "no module"),
        ("json:dumps", "no coroutine"),
        ("json:x", "no coroutine"),
    ],
)
def test_what_is_no_app(app: str, problem: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["serve", "--app", app]) == 1
    assert problem in capsys.readouterr().err
