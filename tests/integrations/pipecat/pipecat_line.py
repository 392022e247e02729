"""A provider, a serializer, and Pipecat's calls of it, on one timeline: time is a number, nobody sleeps."""

import asyncio
import heapq
import sys
from collections.abc import Callable, Coroutine
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from pipecat.frames.frames import InterruptionFrame, OutputAudioRawFrame

sys.path.append(str(Path(__file__).parents[2] / "server"))

from world import QUICK, STARTS, silence

from talkpath import g711, streams
from talkpath.integrations.pipecat import TalkpathSerializer
from talkpath.streams import ClearRequest, MarkRequest, Media


class Socket:
    """What is sent to it is there."""

    def __init__(self) -> None:
        self.sent: list = []
        self.is_closed = False

    async def send_text(self, data: str) -> None:
        self.sent.append(data)

    async def send_bytes(self, data: bytes) -> None:
        self.sent.append(data)

    async def close(self) -> None:
        self.is_closed = True


class PipecatLine:
    """`caller(i)`: the i-th payload of 20 ms. `say` is what the output transport would give, chunk by chunk, in its time.

    The provider begins to play `lag_s` after what it gets, as its jitter buffer is; marks come back when what is before them was played.
    """

    def __init__(
        self, dialect="plivo", config=QUICK, *, rate_hz=16000, caller=None, lag_s=0.04, provider="auto"
    ) -> None:
        self.now, self.lag_s, self.sent_frames = 0.0, lag_s, 0
        self.socket = Socket()
        self.provider = streams.DIALECTS[dialect]("provider")
        self.start = STARTS[dialect]
        self.wire = self.start.wire
        self.caller: Callable[[int], bytes] = caller or (lambda i: silence(self.wire))
        self.serializer = TalkpathSerializer(self.socket, provider, config, clock=lambda: self.now)
        self.rate_hz = rate_hz
        self.later: list = []
        self.order = count()
        self.frames: list = []  # (when, what deserialize gave)
        self.out: list = []  # (when, what the provider got)
        self.played = bytearray()  # the agent's audio, as the provider has played it
        self.waits: list[tuple[float, bytes]] = []
        self.end = self.interrupted_at = 0.0

    def run(self, seconds: float) -> "PipecatLine":
        asyncio.run(self._run(seconds))
        return self

    async def _run(self, seconds: float) -> None:
        await self.serializer.setup(SimpleNamespace(audio_in_sample_rate=self.rate_hz, task_manager=None))
        for message in self.provider.open(self.start):
            await self.deliver(message)
        self.at(0.05, self.caller_speaks)
        while self.later or self.serializer.session.ended is None:
            deadline = self.serializer.session.next_deadline()
            ticks = float("inf") if deadline is None else max(deadline, self.now)
            at = min(self.later[0][0] if self.later else float("inf"), ticks)
            if at > seconds:
                break
            self.now = max(self.now, at)
            if self.later and self.later[0][0] <= ticks:
                await heapq.heappop(self.later)[2]()
            else:
                self.serializer.line.tick()
            await self.settle()
        self.now = max(self.now, min(seconds, self.now + 1.0))
        self.play(self.now)

    def at(self, when: float, what: Callable[[], Coroutine]) -> None:
        heapq.heappush(self.later, (when, next(self.order), what))

    async def caller_speaks(self) -> None:
        await self.deliver(self.provider.media(self.caller(self.sent_frames)))
        self.sent_frames += 1
        self.at(0.05 + 0.02 * self.sent_frames, self.caller_speaks)

    async def deliver(self, data: str | bytes) -> None:
        frame = await self.serializer.deserialize(data)
        if frame is not None:
            self.frames.append((self.now, frame))

    def say(self, when: float, pcm: np.ndarray, rate_hz: int, chunk_ms: int = 40) -> None:
        """As Pipecat's output transport does: two chunks at once, then one each 40 ms, the last filled up with silence."""
        n = round(rate_hz * chunk_ms / 1000)
        pcm = np.concatenate([pcm, np.zeros(-len(pcm) % n, np.int16)])
        for i in range(len(pcm) // n):
            frame = OutputAudioRawFrame(pcm[i * n : (i + 1) * n].tobytes(), rate_hz, 1)
            self.at(when + max(0, i - 1) * chunk_ms / 1000, lambda frame=frame: self.chunk(frame, when))

    async def chunk(self, frame, said_at: float) -> None:
        if self.interrupted_at < said_at:
            await self.give(frame)

    async def give(self, frame) -> None:
        if isinstance(frame, InterruptionFrame):  # Pipecat drops what it has not given yet
            self.interrupted_at = self.now
        assert await self.serializer.serialize(frame) is None

    # --- the provider -------------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        await self.serializer.line.send()
        sent, self.socket.sent = self.socket.sent, []
        for data in sent:
            for message in self.provider.receive(data):
                self.out.append((self.now, message))
                self.got(message)
        for data in self.provider.data_to_send():
            self.at(self.now, lambda data=data: self.deliver(data))

    def got(self, message: object) -> None:
        if isinstance(message, Media):
            begins = max(self.end, self.now + self.lag_s) if self.end < self.now else self.end
            self.end = begins + (self.start.wire_out.duration_ms(len(message.payload)) or 0.0) / 1000
            self.waits.append((begins, message.payload))
        elif isinstance(message, ClearRequest):
            self.play(self.now)
            self.waits.clear()
            self.end = self.now
        elif isinstance(message, MarkRequest):
            self.at(max(self.end, self.now), lambda: self.deliver(self.provider.mark(message.name)))

    def play(self, until: float) -> None:
        while self.waits and self.waits[0][0] < until:
            begins, payload = self.waits[0]
            n = min(len(payload), round((until - begins) / (self.start.wire_out.duration_ms(1) / 1000)))
            self.played += payload[:n]
            if n < len(payload):
                self.waits[0] = (until, payload[n:])
                return
            self.waits.pop(0)

    # --- what came of it ----------------------------------------------------------------------------------------------------------

    def heard(self) -> np.ndarray:
        """The agent, as the provider played it; 8 kHz."""
        return g711.ulaw_decode(bytes(self.played))

    def of(self, kind: type) -> list:
        return [event for _, frame in self.frames for event in frame.events if isinstance(event, kind)]

    def got_of(self, kind: type) -> list:
        return [message for _, message in self.out if isinstance(message, kind)]
