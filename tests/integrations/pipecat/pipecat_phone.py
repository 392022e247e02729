"""A bot with the serializer, on a call of `talkpath.phone`, on one timeline: what a busy machine or Pipecat's loop adds is not in it."""

import asyncio
from types import SimpleNamespace

import numpy as np
from pipecat.frames.frames import InterruptionFrame, OutputAudioRawFrame
from pipecat_line import Socket

from talkpath import CallConfig
from talkpath.call.events import UserTurnCompleted
from talkpath.integrations.pipecat import AgentHeard, TalkpathSerializer
from talkpath.phone import CallPlan, SimulatedCall

CHUNK_S = 0.04
CHUNK = round(CHUNK_S * 24000)


class PipecatPhone:
    """Says `says` 0.3 s after the beginning, and 0.3 s after each turn of the caller's; chunks of 40 ms, two ahead, until it is interrupted.

    Parameters
    ----------
    plan : CallPlan
    says : int16 array, 24 kHz
    config : CallConfig
    seed, phase
        Of the simulated call.
    answers : bool
        Not only the beginning.
    """

    def __init__(
        self,
        plan: CallPlan,
        says: np.ndarray,
        config: CallConfig,
        *,
        seed: int = 1,
        phase: float = 0.0,
        answers: bool = False,
    ) -> None:
        self.now = 100.0
        self.socket = Socket()
        self.serializer = TalkpathSerializer(self.socket, plan.provider, config, clock=lambda: self.now)
        self.phone = SimulatedCall(plan, now=self.now, seed=seed, phase=phase)
        self.heard: list[AgentHeard] = []
        self._says, self._answers = says, answers
        self._chunk, self._at = 0, self.now + 0.3

    def run(self) -> "PipecatPhone":
        asyncio.run(self._run())
        return self

    async def _run(self) -> None:
        await self.serializer.setup(SimpleNamespace(audio_in_sample_rate=16000, task_manager=None))
        while self.phone.ended is None:
            await self._exchange()
            due = [self._at, self.phone.next_deadline(), self.serializer.session.next_deadline()]
            self.now = max(self.now, min(t for t in due if t is not None))
            if self.now >= self._at:
                await self._speak()
            self.phone.tick(self.now)
            self.serializer.line.tick()

    async def _speak(self) -> None:
        pcm = self._says[self._chunk * CHUNK :][:CHUNK]
        self._chunk += 1
        self._at = self.now + (CHUNK_S if self._chunk > 1 else 0.0)
        if len(pcm):
            await self.serializer.serialize(OutputAudioRawFrame(pcm.tobytes(), 24000, 1))
        else:
            self._at = float("inf")

    async def _exchange(self) -> None:
        for data in self.phone.data_to_send():
            frame = await self.serializer.deserialize(data)
            for event in getattr(frame, "events", ()):
                await self.happened(event)
        await self.serializer.line.send()
        sent, self.socket.sent = self.socket.sent, []
        for data in sent:
            self.phone.receive(data, self.now)

    async def happened(self, event: object) -> None:
        """On the call; the bot does something about it."""
        if isinstance(event, AgentHeard):
            self.heard.append(event)
            self.be_silent()
            await self.serializer.serialize(InterruptionFrame())
        elif isinstance(event, UserTurnCompleted) and self._answers:
            self.speak()

    def speak(self, after_s: float = 0.3) -> None:
        """From its beginning."""
        self._chunk, self._at = 0, self.now + after_s

    def be_silent(self) -> None:
        """Until something happens."""
        self._at = float("inf")
