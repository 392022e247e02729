"""Recordings: whole when they have their name, and nobody guesses it."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from talkpath.agentstack.recordings import Recordings, recording_route
from talkpath.server.lines import CallEnded


class Recorder:
    """A call that can be recorded; 2.6 s of it."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.path: Path | None = None

    async def record(self, path: Path) -> None:
        if self.problem is not None:
            raise self.problem
        self.path = path
        path.write_bytes(b"RIFF")

    async def recorded(self) -> None:
        assert self.path is not None
        with wave.open(str(self.path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(np.zeros(2 * 20800, np.int16).tobytes())


def test_a_recording(tmp_path: Path) -> None:
    async def main() -> None:
        recordings = Recordings(tmp_path / "new", "https://me.example/")
        call = Recorder()
        recording = await recordings.begin(call)  # type: ignore[arg-type]
        assert recording is not None
        name = recording.url.removeprefix("https://me.example/recordings/")
        assert len(name) >= 32
        assert recordings.file(name) is None  # not whole yet
        assert [path.name for path in (tmp_path / "new").iterdir()] == [f"{name}.part"]
        assert await recording.stop() == recording.url
        assert recording.duration_s == 3
        assert recordings.file(name) == tmp_path / "new" / name
        assert [path.name for path in (tmp_path / "new").iterdir()] == [name]
        other = await recordings.begin(Recorder())  # type: ignore[arg-type]
        assert other is not None
        assert other.url != recording.url

    asyncio.run(main())


@pytest.mark.parametrize("problem", [OSError("no space"), CallEnded("hangup")])
def test_what_cannot_be_recorded(tmp_path: Path, problem: Exception, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        recordings = Recordings(tmp_path, "https://me.example")
        assert await recordings.begin(Recorder(problem)) is None  # type: ignore[arg-type]
        call = Recorder()
        recording = await recordings.begin(call)  # type: ignore[arg-type]
        assert recording is not None
        assert call.path is not None

        async def fails() -> None:
            raise problem

        call.recorded = fails  # type: ignore[method-assign]
        assert await recording.stop() is None

    asyncio.run(main())
    assert "a call is not recorded" in caplog.text
    assert "a recording is lost" in caplog.text


def test_the_route(tmp_path: Path) -> None:
    httpx = pytest.importorskip("httpx", reason="needs the extra: talkpath[agentstack]")
    applications = pytest.importorskip("starlette.applications", reason="needs the extra: talkpath[agentstack]")
    name = "A1-_" * 8 + ".wav"
    (tmp_path / name).write_bytes(b"RIFF....")
    (tmp_path / (name + ".part")).write_bytes(b"RIFF")
    (tmp_path / "store.db").write_bytes(b"secret")

    async def main() -> None:
        app = applications.Starlette(routes=[recording_route(Recordings(tmp_path, "http://me"))])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://me") as client:
            answer = await client.get(f"/recordings/{name}")
            assert (answer.status_code, answer.content, answer.headers["content-type"]) == (
                200,
                b"RIFF....",
                "audio/wav",
            )
            for bad in (name + ".part", "store.db", "..%2Fstore.db", "x" * 32 + ".wav", ""):
                assert (await client.get(f"/recordings/{bad}")).status_code == 404

    asyncio.run(main())
