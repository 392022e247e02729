"""Where the agent was interrupted, against what the dialled phone recorded: `talkpath.phone`'s own call, on one timeline."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pipecat", reason="needs Pipecat, in an environment of its own: pip install 'talkpath[pipecat]'")

from pipecat.frames.frames import InterruptionFrame, OutputAudioRawFrame
from pipecat_line import Socket

from talkpath import CallConfig
from talkpath.integrations.pipecat import AgentHeard, TalkpathSerializer
from talkpath.phone import CallPlan, SimulatedCall, parse_line
from talkpath.phone.script import InterruptAfter, Say, Script, Wait

CHUNK_S = 0.04
CALLER = Script((InterruptAfter(2.0), Say(seconds=1.6), Wait(1.0)))
HUM = (6000 * np.sin(2 * np.pi * 300 * np.arange(8 * 24000) / 24000)).astype(np.int16)


class Pipecat:
    """A serializer on a dialled call; the output transport gives chunks of 40 ms, two ahead, until it hears of an interruption."""

    def __init__(self, provider: str, line: str, phase: float) -> None:
        self.now = 100.0
        self.socket = Socket()
        config = CallConfig(comfort_noise_enabled=False, idle_timeout=None, normalize_level=False)
        self.serializer = TalkpathSerializer(self.socket, provider, config, clock=lambda: self.now)
        plan = CallPlan(provider=provider, caller=CALLER, line=parse_line(line), record=True)
        self.phone = SimulatedCall(plan, now=self.now, phase=phase)
        self.heard: list[AgentHeard] = []

    async def run(self) -> "Pipecat":
        await self.serializer.setup(SimpleNamespace(audio_in_sample_rate=16000, task_manager=None))
        chunks, at = 0, self.now + 0.3
        while self.phone.ended is None:
            await self.exchange()
            if self.heard:  # and so has Pipecat
                at = float("inf")
            due = [at, self.phone.next_deadline(), self.serializer.session.next_deadline()]
            self.now = max(self.now, min(t for t in due if t is not None))
            if self.now >= at:
                n = round(CHUNK_S * 24000)
                pcm = HUM[chunks * n : chunks * n + n]
                await self.serializer.serialize(OutputAudioRawFrame(pcm.tobytes(), 24000, 1))
                chunks += 1
                at = self.now + (CHUNK_S if chunks > 1 else 0.0)
            self.phone.tick(self.now)
            self.serializer.line.tick()
        return self

    async def exchange(self) -> None:
        for data in self.phone.data_to_send():
            frame = await self.serializer.deserialize(data)
            told = [e for e in getattr(frame, "events", ()) if isinstance(e, AgentHeard)]
            self.heard += told
            if told:
                await self.serializer.serialize(InterruptionFrame())
        await self.serializer.line.send()
        sent, self.socket.sent = self.socket.sent, []
        for data in sent:
            self.phone.receive(data, self.now)


@pytest.mark.parametrize("line", ["clean", "landline", "speakerphone"])
@pytest.mark.parametrize("provider", ["plivo", "twilio", "telnyx"])
@pytest.mark.parametrize("phase", [0.0, 0.45, 0.9])
def test_it_is_within_a_frame_of_what_the_phone_recorded(provider: str, line: str, phase: float) -> None:
    call = asyncio.run(Pipecat(provider, line, phase).run())
    loud = np.flatnonzero(np.abs(call.phone.heard.astype(np.int32)) > 300)
    recorded_s = (loud[-1] - loud[0] + 1) / 8000
    assert recorded_s > 2.0
    assert [abs(told.heard_s - recorded_s) <= 0.02 for told in call.heard] == [True], (call.heard, recorded_s)
