"""ElevenLabs' speech without its server: a sound whose length tells how much text it is, and whose pitch which."""

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkpath.phone.voice import voice

MS_PER_CHARACTER = 60.0
PITCHES = 25
LOWEST_HZ, STEP_HZ = 300.0, 50.0
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


def pitch_hz(text: str) -> float:
    """The pitch of a text's sound."""
    return LOWEST_HZ + STEP_HZ * (zlib.crc32(text.strip().encode()) % PITCHES)


def tone(text: str, rate_hz: int, script: Voice) -> np.ndarray:
    """The sound of a text, int16."""
    seconds = max(1, len(text.strip())) * script.ms_per_character / 1000
    if script.like_speech:
        return voice(seconds, rate_hz, seed=zlib.crc32(text.encode()) % 1000 + 1, level_dbov=LEVEL_DBOV)
    n = np.arange(round(seconds * rate_hz))
    phase = 2 * np.pi * pitch_hz(text) / rate_hz * n
    x = np.sin(phase) + 0.25 * np.sin(2 * phase)
    edge = np.minimum(1, np.minimum(n + 1, n[::-1] + 1) / (0.003 * rate_hz))
    return np.asarray(np.rint(32768 * 10 ** (LEVEL_DBOV / 20) * 1.37 * x * edge), np.int16)


def heard_s(heard: np.ndarray, rate_hz: int, text: str) -> float:
    """How much of a text's sound was heard, in all of a call. Tells tones apart, not speech."""
    n = rate_hz // 50
    frames = heard[: len(heard) // n * n].reshape(-1, n).astype(np.float32)
    window = np.hanning(n).astype(np.float32)
    power = (frames**2).sum(1)
    hz = pitch_hz(text)
    probe = np.exp(-2j * np.pi * hz / rate_hz * np.arange(n)).astype(np.complex64) * window
    tonal = 2 * np.abs(frames @ probe) ** 2 / (window**2).sum() / n
    is_it = (tonal / np.maximum(power / n, 1e-9) > 0.5) & (power / n > (32768 * 10 ** (-40 / 20)) ** 2)
    return float(is_it.sum() * n / rate_hz)
