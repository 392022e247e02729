"""A telephone line for tests: both parties, an echo if wanted, and what came of it. No recordings: voices are generated."""

from functools import lru_cache

import numpy as np

import talkpath as tp
from talkpath.call.events import Event


@lru_cache(maxsize=64)
def voice(ms: int, rate: int = 8000, seed: int = 1, pitch: float = 130.0, level: float = 0.12) -> np.ndarray:
    """Glottal pulses through moving formants, hissing consonants between them, without pauses; int16, read-only."""
    rng = np.random.default_rng(seed)
    t = np.arange(ms * rate // 1000) / rate
    hz = pitch * 2 ** (0.25 * np.sin(2 * np.pi * 0.6 * t + seed) + 0.02 * np.sin(2 * np.pi * 5 * t))
    phase = 2 * np.pi * np.cumsum(hz) / rate
    first, second = 550 + 250 * np.sin(2 * np.pi * 1.7 * t + seed), 1500 + 500 * np.sin(2 * np.pi * 1.1 * t + 1)
    x = np.zeros(len(t))
    for k in range(1, 30):
        harmonic = k * hz
        formants = 1 / np.hypot(1, (harmonic - first) / 60) + 0.6 / np.hypot(1, (harmonic - second) / 80)
        x += np.where(harmonic < 3700, formants, 0) * np.sin(k * phase)
    vowels = np.clip(0.5 + 1.5 * np.sin(2 * np.pi * 4 * t), 0, 1)
    x = x / np.sqrt((x**2).mean()) * vowels + 0.4 * np.diff(rng.standard_normal(len(t) + 1)) * (1 - vowels)
    edge = np.minimum(1, np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / (0.005 * rate))
    x = level * x * edge + 1e-4 * rng.standard_normal(len(t))
    pcm = np.clip(np.rint(32768 * x), -32768, 32767).astype(np.int16)
    pcm.flags.writeable = False
    return pcm


class Line:
    """A call and its line, frame by frame. Times are in ms since the call began."""

    def __init__(self, echo_db: float | None = None, echo_ms: int = 160, noise_dbov: float = -65.0, **fields):
        self.call = tp.CallPipeline(**fields)
        self.rate = self.call.config.wire.sample_rate_hz
        self.frame_ms, self.n = self.call.config.frame_ms, self.call.config.frame_samples
        self.events: list[Event] = []
        self.sent, self.heard = [], []
        self.caller = np.zeros(0, np.int16)  # what the caller will say, from now on
        self.echo_db, self.echo = echo_db, np.zeros(self.rate * echo_ms // 1000, np.int16)
        self.noise = 32768 * 10 ** (noise_dbov / 20)
        self.rng = np.random.default_rng(5)

    @property
    def now(self) -> float:
        return len(self.sent) * self.frame_ms

    def say(self, ms: int, **how) -> None:
        """The caller speaks, after what it says already."""
        self.caller = np.concatenate([self.caller, voice(ms, self.rate, **{"seed": 9, "pitch": 190.0, **how})])

    def silent(self, ms: int) -> None:
        self.caller = np.concatenate([self.caller, np.zeros(ms * self.rate // 1000, np.int16)])

    def speak(self, ms: int, utterance: str = "a", final: bool = True) -> int:
        """The agent speaks."""
        return self.call.speak(voice(ms, self.rate), self.rate, utterance, final)

    def frame(self, lost: bool = False) -> None:
        sent = self.call.transmit()
        self.sent.append(self.call.decode(sent.payload))
        self.events += sent.events
        near = np.zeros(self.n)
        near[: len(self.caller[: self.n])] = self.caller[: self.n]
        self.caller = self.caller[self.n :]
        if self.echo_db is not None:
            self.echo = np.concatenate([self.echo, self.sent[-1]])
            near += self.echo[: self.n] * 10 ** (self.echo_db / 20)
            self.echo = self.echo[self.n :]
        near += self.noise * self.rng.standard_normal(self.n)
        wire = self.call.encode(np.clip(np.rint(near), -32768, 32767).astype(np.int16))
        received = self.call.conceal() if lost else self.call.receive(wire)
        self.heard.append(received.pcm)
        self.events += received.events

    def run(self, ms: float) -> list[Event]:
        """So much time passes; the events of it."""
        before = len(self.events)
        for _ in range(round(ms / self.frame_ms)):
            self.frame()
        return self.events[before:]

    def of(self, *kinds: str) -> list[Event]:
        """All events of these types."""
        return [e for e in self.events if e.type in kinds]

    def one(self, kind: str) -> Event:
        found = self.of(kind)
        assert len(found) == 1, f"{kind}: {[e.to_dict() for e in self.events]}"
        return found[0]

    def types(self, *but: str) -> list[str]:
        """The order of events; state changes and `but` left out."""
        return [e.type for e in self.events if not e.type.endswith("state_changed") and e.type not in but]

    def wire(self, start_ms: float, end_ms: float) -> np.ndarray:
        """What was sent, as samples."""
        sent = np.concatenate(self.sent)
        return sent[int(start_ms * self.rate // 1000) : int(end_ms * self.rate // 1000)]

    def loud(self, start_ms: float, end_ms: float) -> bool:
        """Something was sent in all of this time, by blocks of 50 ms."""
        x = self.wire(start_ms, end_ms).astype(float)
        n = self.rate // 20
        return bool((np.sqrt((x[: len(x) // n * n].reshape(-1, n) ** 2).mean(axis=1)) > 300).all())

    def silent_wire(self, start_ms: float, end_ms: float) -> bool:
        """Nothing but comfort noise was sent."""
        return bool(np.abs(self.wire(start_ms, end_ms).astype(int)).max() < 60)
