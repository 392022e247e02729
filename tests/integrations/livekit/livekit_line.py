"""A call whose line is `World`'s: time is a number there, and LiveKit's side of it gets its turns between two frames."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("livekit.agents", reason="needs the extra: talkpath[livekit]")
sys.path.append(str(Path(__file__).parents[2] / "server"))

from livekit import rtc
from livekit.agents.vad import VADEvent, VADEventType
from world import QUICK, World

from talkpath import CallConfig
from talkpath.g711 import ulaw_decode, ulaw_encode
from talkpath.integrations.livekit import PhoneAudioOutput, TalkpathIO
from talkpath.server import Began, PhoneCall
from talkpath.server.lines import Hub
from talkpath.streams import Media

FRAME_S = 0.02


def frames(pcm: np.ndarray, rate: int, ms: int = 100) -> list[rtc.AudioFrame]:
    n = rate * ms // 1000
    return [rtc.AudioFrame(p.tobytes(), rate, 1, len(p)) for p in np.split(pcm, range(n, len(pcm), n))]


def says(pcm: np.ndarray, at_s: float) -> Callable[[int], bytes]:
    """A caller who begins to say it at `at_s`, over some noise of the line."""
    noise = np.random.default_rng(1).integers(-4, 5, round(at_s * 8000) + len(pcm) + 80_000).astype(np.int16)
    noise[round(at_s * 8000) : round(at_s * 8000) + len(pcm)] += pcm
    wire = ulaw_encode(noise)
    return lambda i: wire[160 * i : 160 * i + 160].ljust(160, b"\xff")


class Line:
    def __init__(
        self, config: CallConfig = QUICK, caller: Callable[[int], bytes] | None = None, dialect: str = "twilio"
    ):
        self.world = World(dialect, config, caller=caller).run(0.1)
        self.call = PhoneCall(self.world.of(Began)[0], self._ask)
        self._told = self._given = 0
        self._deliver()

    async def _ask(self, name: str, *args: object, **kwargs: object) -> object:
        line = SimpleNamespace(session=self.world.session, listen=lambda frames: None)
        try:
            return Hub._perform(line, self.world.now, name, args, kwargs)
        finally:
            self.world.settle()

    def _deliver(self) -> None:
        world = self.world
        events, audio = [e for _, e in world.events[self._told :]], [p.tobytes() for p in world.pcm[self._given :]]
        self._told, self._given = len(world.events), len(world.pcm)
        self.call.deliver(events, audio)

    async def run(self, seconds: float) -> None:
        """So much of the line's time."""
        for _ in range(round(seconds / FRAME_S)):
            self.world.run(FRAME_S)
            self._deliver()
            await self.turns()

    @staticmethod
    async def turns() -> None:
        """What waits on the loop is done."""
        for _ in range(12):
            await asyncio.sleep(0)

    def received(self) -> np.ndarray:
        """All that the provider was sent."""
        return np.concatenate([ulaw_decode(m.payload) for m in self.world.got_of(Media)])


class Ears:
    """What an output tells of its segments, and an output that is told of its call."""

    def __init__(self, line: Line, may_interrupt: Callable[[], bool] = lambda: True) -> None:
        self.output = PhoneAudioOutput(line.call, may_interrupt)
        self.started: list = []
        self.finished: list = []
        self.output.on("playback_started", self.started.append)
        self.output.on("playback_finished", self.finished.append)
        self.task = asyncio.ensure_future(self._read(line.call))

    async def _read(self, call: PhoneCall) -> None:
        async for event in call.events():
            self.output.happened(event)

    async def say(self, pcm: np.ndarray, rate: int = 8000) -> None:
        for frame in frames(pcm, rate):
            await self.output.capture_frame(frame)
        self.output.flush()


__all__ = ["Ears", "Line", "TalkpathIO", "VADEvent", "VADEventType", "frames", "rtc", "says"]
