"""A server on PyPI's plivo-stream-sdk, called by our provider role."""

import asyncio

import numpy as np
import pytest
from scripted_phone import Phone

from talkpath.streams import ClearRequest, MarkRequest

for _package in ("plivo_stream", "fastapi", "uvicorn", "websockets"):
    pytest.importorskip(_package, reason=f"PyPI's plivo-stream-sdk needs {_package} (see README.md here)")
pytestmark = pytest.mark.slow


def test_plivos_own_server_under_our_phone() -> None:
    import uvicorn
    from plivo_sdk_app import app, calls

    phone = Phone("plivo")

    async def main() -> None:
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        await phone.call(f"ws://127.0.0.1:{port}/plivo", 3, keys={2: "5"})
        server.should_exit = True
        await serving

    calls.clear()
    asyncio.run(main())
    (seen,) = calls
    assert seen["start"]["stream_id"] == "stream-1"
    assert seen["start"]["media_format"] == {"encoding": "audio/x-mulaw", "sample_rate": 8000}
    assert seen["media"] >= 140
    assert seen["bytes"] == 160 * seen["media"]
    assert seen["key"] == "5"
    assert seen["played"] == ["said"]
    assert seen["cleared"] == "stream-1"
    assert seen["problems"][:1] == ["Unknown event type: stop"]  # others are about the end of the connection
    assert phone.messages == [MarkRequest("said"), MarkRequest("never heard"), ClearRequest()]
    assert np.mean(np.abs(phone.heard[:8000]) > 1000) > 0.8
    assert 8000 <= len(phone.played) < 16000  # the second one was cleared
