"""What the caller's microphone gives: the voice, the background, and the echo of what was played."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from talkpath._types import Samples
from talkpath.phone.codec import encoder
from talkpath.phone.line import Line
from talkpath.phone.voice import noise, to_int16
from talkpath.streams import Wire

Floats = npt.NDArray[np.float32]

MAX_BLOCK = 5  # frames of echo that are made at once: none of them needs what is not played yet
NOISE_S = 8.0
HISTORY_FRAMES = 16
LOW, HIGH = np.int32(-32768), np.int32(32767)


def room(line: Line, sample_rate: int, rng: np.random.Generator) -> Floats:
    """Response of the room to a click: one strong way and many that decay by 60 dB; its energy is the echo's level."""
    n = max(1, round(line.echo_tail_ms * sample_rate / 1000))
    h = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 0.25
    h[0] = 1.0
    level = 10 ** ((line.echo_db or 0.0) / 20)
    return np.asarray(h * level / np.sqrt((h**2).sum()), np.float32)


class NearEnd:
    """The caller's side of the line, a frame of the provider's clock at a time.

    Parameters
    ----------
    line : Line
    wire : Wire
        Caller to agent.
    frame_samples : int
    seed : int

    Attributes
    ----------
    echo_delay_samples : int
        This call's.

    Notes
    -----
    Sample i of the microphone has the echo of what was played at sample i - delay. As the echo is late, that of several frames is made
    at once: this costs a third of one at a time.
    """

    def __init__(self, line: Line, wire: Wire, frame_samples: int, seed: int) -> None:
        rng = np.random.default_rng([seed, 0x11E])
        rate = wire.sample_rate_hz
        self._n = n = frame_samples
        self._encode = encoder(wire)
        spread = line.echo_spread_ms * rng.uniform(-1, 1)
        self.echo_delay_samples = d = round((line.echo_delay_ms + spread) * rate / 1000)
        self._noise: Floats | None = None
        self._noise_at = 0
        if line.noise_dbov is not None:
            self._noise = noise(NOISE_S, rate, line.noise_dbov, line.low_hz, line.high_hz)
            self._noise_at = int(rng.integers(len(self._noise) // n)) * n
        self._room = None if line.echo_db is None else room(line, rate, rng)
        self._drive = 4.0 * line.nonlinearity / 32768
        self._block = 1 + min(MAX_BLOCK - 1, d // n)
        self._back = d + (0 if self._room is None else len(self._room) - 1)
        self._played: Floats = np.zeros(self._back + HISTORY_FRAMES * n, np.float32)
        self._at = self._back
        self._sound: Floats = np.zeros(self._block * n, np.float32)
        self._wide = np.zeros(n, np.int32)
        self._both: Samples = np.zeros(n, np.int16)
        self._samples: Samples = np.zeros(self._block * n, np.int16)
        self._bytes = self._encode(self._samples)
        self._frame_bytes = len(self._bytes) // self._block
        self._left = 0  # frames of the block that are to come

    def played(self, pcm: Samples) -> Floats:
        """The frame that is played now, before the `frame` of the same time. Gives it as floats, for whoever listens."""
        at, n = self._at, self._n
        if at + n > len(self._played):
            self._played[: self._back] = self._played[at - self._back : at]
            at = self._back
        x = self._played[at : at + n]
        x[:] = pcm
        self._at = at + n
        return x

    def frame(self, voice: Samples | None) -> bytes:
        """The next frame on the wire; `voice`: what the caller says, None: nothing."""
        if not self._left:
            self._make_block()
        i = self._block - self._left
        self._left -= 1
        if voice is None:
            size = self._frame_bytes
            return self._bytes[i * size : (i + 1) * size]
        n = self._n
        wide = self._wide
        np.add(self._samples[i * n : (i + 1) * n], voice, out=wide, dtype=np.int32)
        np.minimum(wide, HIGH, out=wide)  # np.clip takes three times as long
        np.maximum(wide, LOW, out=wide)
        self._both[:] = wide
        return self._encode(self._both)

    def _make_block(self) -> None:
        size, sound = self._block * self._n, self._sound
        self._left = self._block
        if self._room is not None:
            start = self._at - self._n - self._back
            x = self._played[start : start + size + len(self._room) - 1]
            if self._drive:
                x = np.tanh(x * self._drive)
                x /= self._drive
            sound[:] = np.convolve(x, self._room, "valid")
        elif self._noise is None:
            return  # silence stays what it is
        else:
            sound[:] = 0
        if self._noise is not None:
            at = self._noise_at
            if at + size > len(self._noise):
                at = 0
            sound += self._noise[at : at + size]
            self._noise_at = at + size
        np.rint(sound, out=sound)
        np.minimum(sound, 32767.0, out=sound)
        np.maximum(sound, -32768.0, out=sound)
        self._samples[:] = sound
        self._bytes = self._encode(self._samples)


def through_line(pcm: npt.NDArray[Any], line: Line, sample_rate: int) -> Samples:
    """What is left of a voice on this line."""
    from talkpath.phone.voice import band_limit

    return to_int16(band_limit(pcm, sample_rate, line.low_hz, line.high_hz) * 10 ** (line.gain_db / 20))
