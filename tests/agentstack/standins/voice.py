"""ElevenLabs' speech without its server: a sound whose length tells how much text it is, and whose pitch which."""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkpath.phone.voice import voice

MS_PER_CHARACTER = 60.0
LOW_HZ, HIGH_HZ = range(300, 1100, 50), range(1200, 2800, 100)  # a text has one of each: 256 sounds
LEVEL_DBOV = -20.0


@dataclass
class Voice:
    """What the voice does for one key.

    Attributes
    ----------
    ttfb_s, chunk_s : float
        From the request to the first bytes; between chunks. The audio comes faster than it plays.
    chunk_ms : float
        Audio in a chunk.
    ms_per_character : float
    like_speech : bool
        Sounds like somebody who speaks, instead of a tone.
    status : int
        401, 429, 500 …
    hang : bool
        It takes the request, and says nothing; `hang_after`: after so many chunks.
    reset_after : int or None
        Drops the connection after so many chunks.
    faults : int or None
        How often `status`, `hang` and `reset_after` are done; None: always.
    requests : list of dict
        What was asked: text, voice, query, body, at; and `sent_s`, how much audio was sent, `cancelled`.
    """

    ttfb_s: float = 0.0
    chunk_s: float = 0.0
    chunk_ms: float = 100.0
    ms_per_character: float = MS_PER_CHARACTER
    like_speech: bool = False
    status: int = 200
    hang: bool = False
    hang_after: int | None = None
    reset_after: int | None = None
    faults: int | None = None
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """All that it was asked to say."""
        return [request["text"] for request in self.requests]

    def takes_fault(self) -> bool:
        """Is this request one of those that go wrong?"""
        if self.status == 200 and not self.hang and self.hang_after is None and self.reset_after is None:
            return False
        if self.faults is None:
            return True
        self.faults -= 1
        return self.faults >= 0


def pitches_hz(text: str) -> tuple[int, int]:
    """The two pitches of a text's sound."""
    number = zlib.crc32(text.strip().encode())
    return LOW_HZ[number % len(LOW_HZ)], HIGH_HZ[number // 997 % len(HIGH_HZ)]


def tone(text: str, rate_hz: int, script: Voice) -> np.ndarray:
    """The sound of a text, int16."""
    seconds = max(1, len(text.strip())) * script.ms_per_character / 1000
    if script.like_speech:
        return voice(seconds, rate_hz, seed=zlib.crc32(text.encode()) % 1000 + 1, level_dbov=LEVEL_DBOV)
    n = np.arange(round(seconds * rate_hz))
    x = np.sum([np.sin(2 * np.pi * hz / rate_hz * n) for hz in pitches_hz(text)], axis=0)
    edge = np.minimum(1, np.minimum(n + 1, n[::-1] + 1) / (0.003 * rate_hz))
    return np.asarray(np.rint(32768 * 10 ** (LEVEL_DBOV / 20) * x * edge), np.int16)


def heard_s(heard: np.ndarray, rate_hz: int, text: str) -> float:
    """How much of a text's sound was heard, in all of a call. Tells tones apart, not speech."""
    hop = rate_hz // 50
    if len(heard) < 2 * hop:
        return 0.0
    blocks = heard[: len(heard) // hop * hop].reshape(-1, hop).astype(np.float32)
    frames = np.concatenate([blocks[:-1], blocks[1:]], axis=1)  # 40 ms every 20 ms
    window = np.hanning(2 * hop).astype(np.float32)
    power = ((frames * window) ** 2).sum(1)
    is_it = power / (window**2).sum() > (32768 * 10 ** (-40 / 20)) ** 2
    for hz in pitches_hz(text):
        probe = np.exp(-2j * np.pi * hz / rate_hz * np.arange(2 * hop)).astype(np.complex64) * window
        is_it &= 2 * np.abs(frames @ probe) ** 2 / window.sum() ** 2 * (window**2).sum() / np.maximum(power, 1) > 0.35
    return float(is_it.sum() * hop / rate_hz)
