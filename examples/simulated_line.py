"""What the examples share: a telephone line without a telephone. Voices are those of the example call that the package ships."""

from importlib import resources

import numpy as np

import talkpath as tp
from talkpath.call.events import Event
from talkpath.wav import read_wav_channels

RATE = 8000


def voice_of(channel: np.ndarray) -> np.ndarray:
    """Without the pauses: a voice that simply talks."""
    blocks = channel[: len(channel) // 800 * 800].reshape(-1, 800)
    return blocks[np.abs(blocks.astype(int)).mean(axis=1) > 150].ravel()


CALLER, AGENT = map(
    voice_of,
    read_wav_channels((resources.files("talkpath") / "data" / "example_inbound.wav").read_bytes(), RATE),
)


def agent_says(seconds: float) -> np.ndarray:
    """Speech of the agent, as a synthesiser delivers it."""
    return np.resize(AGENT, int(seconds * RATE))


def caller_says(seconds: float) -> np.ndarray:
    """Speech of the caller."""
    return np.resize(CALLER, int(seconds * RATE))


class SimulatedLine:
    """Runs a call in the steps of a telephone line: 20 ms out, 20 ms in."""

    def __init__(self, call: tp.CallPipeline) -> None:
        self.call, self.now_s, self.sent = call, 0.0, []
        self._near = np.zeros(0, np.int16)

    def hear(self, pcm: np.ndarray) -> None:
        """What comes from the far end next."""
        self._near = np.concatenate([self._near, pcm])

    def run(self, seconds: float) -> list[Event]:
        """So much time passes; prints and returns what happened."""
        happened: list[Event] = []
        for _ in range(round(seconds * 50)):
            sent = self.call.transmit()  # to the line …
            self.sent.append(self.call.decode(sent.payload))
            near, self._near = self._near[:160], self._near[160:]
            near = np.pad(near, (0, 160 - len(near)))
            received = self.call.receive(self.call.encode(near))  # … and from it
            happened += sent.events + received.events
            self.now_s += 0.02
        for event in happened:
            if "state" not in event.type:
                print(event.to_dict())
        return happened
