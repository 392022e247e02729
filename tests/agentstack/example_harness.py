"""Runs a customer's script with its vendor's SDK against `talkpath agents`: both lie outside the tree, and are named by the environment.

TALKPATH_EXAMPLE_SDK=/path/to/sdk TALKPATH_EXAMPLE_SCRIPT=/path/to/full_pipeline.py pytest tests/agentstack/test_example.py

TALKPATH_EXAMPLE_SDK is a folder that holds the package, and TALKPATH_EXAMPLE_SCRIPT the script; it listens on port 9000, its callbacks go to port 9001.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from scenarios.scene import Dialled, wav
from scenarios.stack import AUTH_ID, AUTH_TOKEN, Stack
from standins import Chat, Hearing, Voice
from standins.callbacks import CallbackServer

from talkpath.phone import CallPlan, Script
from talkpath.phone.script import Step

CALLBACK_PORT = 9001
KEY = "example"


class Example:
    """The script as a process, and a stack that it talks to.

    Attributes
    ----------
    hearing, chat, voice
        What its providers do: one set for all its calls, which go one after the other.
    """

    def __init__(self, stack: Stack, sdk: Path, script: Path, folder: Path) -> None:
        self.stack, self._sdk, self._script = stack, sdk, script
        self.folder = folder
        self.hearing = stack.standins.hearing[KEY] = Hearing()
        self.chat = stack.standins.chat[KEY] = Chat()
        self.voice = stack.standins.voices[KEY] = Voice()
        self.callbacks = CallbackServer(AUTH_TOKEN)
        self.agent_uuid = ""
        self._calls = 0
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Until its agent is there and it listens."""
        await self.callbacks.start(CALLBACK_PORT)
        # The script says localhost where the server sees 127.0.0.1: signatures are of the URL that was asked for.
        self.callbacks.url = f"http://localhost:{CALLBACK_PORT}"
        self.set_hold_music(True)
        environment = {
            **os.environ, "PYTHONPATH": str(self._sdk), "PYTHONUNBUFFERED": "1", "PLIVO_AUTH_ID": AUTH_ID,
            "PLIVO_AUTH_TOKEN": AUTH_TOKEN, "PLIVO_API_URL": self.stack.server.url, "DEEPGRAM_API_KEY": KEY,
            "OPENAI_API_KEY": KEY, "ELEVENLABS_API_KEY": KEY,
        }  # fmt: skip
        with (self.folder / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(
                ["node" if self._script.suffix in (".js", ".mjs") else sys.executable, str(self._script)], cwd=self.folder, env=environment, stdout=output,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        line = await self.wait_for("Agent created: ")
        self.agent_uuid = line.split()[-1]

    async def stop(self) -> int:
        """As Ctrl-C does; gives its exit status."""
        assert self._process is not None
        self._process.terminate()
        status = await asyncio.to_thread(self._process.wait, 10)
        await self.callbacks.aclose()
        return status

    def set_hold_music(self, is_there: bool) -> None:
        """`hold_music.wav` in its working directory."""
        path = self.folder / "hold_music.wav"
        path.unlink(missing_ok=True)
        if is_there:
            path.write_bytes(wav(3.0))

    @property
    def output(self) -> str:
        """All that it printed."""
        return (self.folder / "output.txt").read_text(errors="replace")

    async def wait_for(self, text: str, after: int = 0, timeout_s: float = 15.0) -> str:
        """The line with this text, printed after so many characters."""
        until = time.monotonic() + timeout_s
        while True:
            for line in self.output[after:].splitlines():
                if text in line:
                    return line
            assert time.monotonic() < until, f"{text!r} was not printed:\n{self.output[after:]}"
            assert self._process is not None
            assert self._process.poll() is None, self.output
            await asyncio.sleep(0.05)

    async def patch(self, **changes: object) -> None:
        """What the script leaves to REST: detection_method and the like."""
        await self.stack.rest.patch(f"Agent/{self.agent_uuid}", changes)

    async def call(
        self, *steps: Step, texts: object = (), duration_s: float = 45.0, timeout_s: float = 60.0
    ) -> tuple[Dialled, str]:
        """One call to its end; gives the phone and what the script printed meanwhile."""
        before = len(self.output)
        self.hearing.texts = texts  # type: ignore[assignment]
        plan = CallPlan(provider="plivo", caller=Script(steps), duration_s=duration_s, record=True,
                        from_number="+15550100", to_number="+15550199")  # fmt: skip
        self._calls += 1
        call = Dialled(
            self.stack.phones, f"{self.stack.server.phone_url}/plivo/{self.agent_uuid}", plan, self._calls, self.voice
        )
        await call.over(timeout_s)
        await self.wait_for("Session ended", before)
        return call, self.output[before:]


@contextlib.asynccontextmanager
async def example(folder: Path):
    """A running example; the environment names it."""
    sdk, script = Path(os.environ["TALKPATH_EXAMPLE_SDK"]), Path(os.environ["TALKPATH_EXAMPLE_SCRIPT"])
    stack = await Stack(folder).start()
    (folder / "app").mkdir()
    running = Example(stack, sdk, script, folder / "app")
    try:
        await running.start()
        yield running
        assert await running.stop() == 0
    finally:
        if running._process is not None and running._process.poll() is None:
            running._process.kill()
        await stack.aclose()
