"""The agent on a speakerphone, and a stall: its own echo, late or early, is nobody's speech."""

from collections import deque

import numpy as np
import pytest
from scenario import voice
from world import STARTS, World

from talkpath import CallConfig, g711, l16
from talkpath.call import events as e
from talkpath.streams import ClearRequest, Media


class Speakerphone(World):
    """Plays what it gets, by its own clock, and sends it back 120 ms later, 15 dB down, with a room's noise."""

    def __init__(self, dialect: str, **options: object) -> None:
        self.plays: deque[np.ndarray] = deque()
        self.air: deque[np.ndarray] = deque([np.zeros(160)] * 6)
        self.rng = np.random.default_rng(7)
        self.is_l16 = STARTS[dialect].wire.codec == "l16"
        super().__init__(dialect, CallConfig(idle_timeout=None), caller=self.hear, **options)

    def got(self, message: object) -> None:
        super().got(message)
        if isinstance(message, Media):
            self.plays.append((l16.decode if self.is_l16 else g711.ulaw_decode)(message.payload).astype(float))
        elif isinstance(message, ClearRequest):
            self.plays.clear()

    def hear(self, _: int) -> bytes:
        self.air.append(self.plays.popleft() if self.plays else np.zeros(160))
        near = 10 ** (-15 / 20) * self.air.popleft() + 15 * self.rng.standard_normal(160)
        pcm = np.clip(np.rint(near), -32768, 32767).astype(np.int16)
        return l16.encode(pcm) if self.is_l16 else g711.ulaw_encode(pcm)


def stalled(at: list[float], length_s: float):
    return lambda t: next((a + length_s - t for a in at if a <= t < a + length_s), 0.0)


@pytest.mark.parametrize("dialect", ["plivo", "twilio", "audiosocket"])
@pytest.mark.parametrize("whose", ["nobody", "provider", "this side"])
@pytest.mark.parametrize("stall_s", [0.3, 0.6])
def test_no_stall_makes_the_agent_interrupt_itself(dialect: str, whose: str, stall_s: float) -> None:
    times = [6.0, 9.0, 12.5, 15.0]
    world = Speakerphone(dialect, **({"delay": stalled(times, stall_s)} if whose == "provider" else {}))
    if whose == "this side":
        world.stalls = [(t, t + stall_s) for t in times]
    world.run(0.5)
    world.session.call.speak(voice(18000), 8000, "long", True)
    world.run(22)
    assert not world.of(e.AgentSpeechInterrupted)
    assert not world.of(e.AgentSpeechPaused)
    assert len(world.of(e.AgentSpeechCompleted)) == 1
    assert abs(world.session.counters.received - world.sent) <= 1
