"""The caller's ear: when somebody speaks in what is played, by its level or by the engine's voice detector."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from talkpath import VoiceActivityDetector
from talkpath._types import Samples
from talkpath.errors import ConfigError

AUDIBLE_DBOV = -45.0
START_FRAMES = 2  # of three: a click is no speech
END_MS = 300  # a pause within speech is shorter


def amplitude_of(dbov: float) -> float:
    """Root mean square of a sound of this level, in samples."""
    return float(32768 * 10 ** (dbov / 20))


class Ear:
    """Follows what is heard, a frame at a time.

    Parameters
    ----------
    sample_rate : int
    frame_samples : int
    detector : {"level", "vad"}
        "level": speech is what is louder than `audible_dbov`. "vad": what the engine's detector says, for agents with a background.
    audible_dbov : float

    Attributes
    ----------
    is_loud : bool
        The newest frame is audible.
    speaks : bool
        Somebody speaks.
    frames, loud_frames : int
        Heard in all, and audible ones.
    began, began_sample : int
        Frame in which the present speech began, and its first audible sample. -1: none.
    last_loud : int
        The last audible frame. -1: none.
    """

    def __init__(
        self, sample_rate: int, frame_samples: int, detector: str = "level", audible_dbov: float = AUDIBLE_DBOV
    ) -> None:
        if detector not in ("level", "vad"):
            raise ConfigError(f"ear must be 'level' or 'vad' (got {detector!r})")
        if detector == "vad" and sample_rate not in (8000, 16000):
            raise ConfigError(f"ear 'vad' needs 8000 or 16000 Hz (got {sample_rate})")
        self.amplitude = amplitude_of(audible_dbov)
        self._energy = frame_samples * self.amplitude**2
        self._end_frames = -(-END_MS * sample_rate // (1000 * frame_samples))
        self._vad = VoiceActivityDetector(sample_rate) if detector == "vad" else None
        self.is_loud = self.speaks = False
        self.frames = self.loud_frames = 0
        self.began = self.began_sample = self.last_loud = self._onset = -1
        self._onset_sample = 0
        self._run = 0

    def hear(self, x: npt.NDArray[np.float32], pcm: Samples) -> None:
        """The next frame, as floats and as samples."""
        k = self.frames
        self.frames = k + 1
        loud = x.dot(x) > self._energy
        if self._vad is not None:
            loud = self._vad.process(pcm) >= 0.5 and loud
        self.is_loud = loud
        if loud:
            self.loud_frames += 1
            if k - self.last_loud > 2 or self.last_loud < 0:
                self._onset, self._run = k, 0
                self._onset_sample = first_loud(pcm, self.amplitude) or 0
            self._run += 1
            self.last_loud = k
            if not self.speaks and self._run >= START_FRAMES:
                self.speaks, self.began, self.began_sample = True, self._onset, self._onset_sample
        elif self.speaks and k - self.last_loud >= self._end_frames:
            self.speaks = False

    @property
    def silent_frames(self) -> int:
        """Since the last audible frame; all there were, where there was none."""
        return self.frames - 1 - self.last_loud

    @property
    def speech_frames(self) -> int:
        """So long the present speech has gone on; 0: nobody speaks."""
        return self.frames - self.began if self.speaks else 0


def first_loud(pcm: npt.NDArray[Any], amplitude: float) -> int | None:
    """Index of the first sample beyond `amplitude`; None: there is none."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > amplitude)
    return int(loud[0]) if len(loud) else None


def last_loud(pcm: npt.NDArray[Any], amplitude: float) -> int | None:
    """Index of the last sample beyond `amplitude`; None: there is none."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > amplitude)
    return int(loud[-1]) if len(loud) else None
