"""One side of a recorded call, through the engine's detectors, block by block; what they heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from talkpath._core import BeepDetector, CallProgressDetector, DtmfDetector, VoiceActivityDetector
from talkpath._types import Samples
from talkpath.measure.frames import Mask, Spans, bridged, dbov, masked, spans
from talkpath.measure.thresholds import (
    ABOVE_NOISE_DB,
    BRIDGED_MS,
    EDGE_DB,
    EDGE_MS,
    FRAME,
    FRAME_MS,
    NOISE_LEAST_MS,
    NOISE_PERCENT,
    RATE_HZ,
    SHORTEST_SPEECH_MS,
    SPEECH_PROBABILITY,
)
from talkpath.results import Beep, CallProgress, DtmfDigit


def _lowest(powers: npt.NDArray[np.float32]) -> float:
    """A tenth of them are below."""
    at = len(powers) * NOISE_PERCENT // 100
    return float(np.partition(powers, at)[at]) if len(powers) else 0.0


class Side:
    """One party.

    Parameters
    ----------
    hears_line : bool
        Beeps and network tones are looked for too: they come from the caller's end.
    """

    def __init__(self, hears_line: bool) -> None:
        self._vad, self._keys = VoiceActivityDetector(RATE_HZ), DtmfDetector(RATE_HZ)
        self._beeps = BeepDetector(RATE_HZ) if hears_line else None
        self._tones = CallProgressDetector(RATE_HZ) if hears_line else None
        self._rest = self._rest_cleaned = np.zeros(0, np.int16)
        self._probabilities: list[float] = []
        self._powers: list[npt.NDArray[np.float32]] = []
        self._peak = 0
        self._clipped = self._samples = 0
        self.first_clipped_s: float | None = None
        self.keys: list[DtmfDigit] = []
        self.beeps: list[Beep] = []
        self.tones: list[CallProgress] = []
        self.speech: Spans = np.zeros((0, 2), np.int64)
        self.speaks: Mask = np.zeros(0, np.bool_)  # frame by frame
        self.power = np.zeros(0, np.float32)
        self.probabilities = np.zeros(0, np.float32)
        self.noise_power = 0.0

    def process(self, pcm: Samples, cleaned: Samples | None = None) -> None:
        """Some more of it, at 8 kHz; `cleaned`: the same without the other side's echo, by which speech is judged."""
        if cleaned is not None:
            cleaned = np.concatenate([self._rest_cleaned, cleaned])
        pcm = np.concatenate([self._rest, pcm]) if len(self._rest) else np.ascontiguousarray(pcm)
        whole = len(pcm) // FRAME * FRAME
        self._rest, pcm = pcm[whole:], pcm[:whole]
        if cleaned is not None:
            self._rest_cleaned, cleaned = cleaned[whole:], cleaned[:whole]
        if not whole:
            return
        self.keys += self._keys.process(pcm)
        if self._beeps is not None and self._tones is not None:
            self.beeps += self._beeps.process(pcm)
            self.tones += self._tones.process(pcm)
        frames = pcm.reshape(-1, FRAME)
        judge = self._vad.process
        self._probabilities += [judge(frame) for frame in (frames if cleaned is None else cleaned.reshape(-1, FRAME))]
        wide = frames.astype(np.float32)
        self._powers.append(np.einsum("ij,ij->i", wide, wide) / FRAME)
        self._peak = max(self._peak, int(pcm.max()), -int(pcm.min()))

    def count_clipped(self, clipped: int, first: int, samples: int, rate_hz: int) -> None:
        """So many of the next samples of the file were, and this is the first of them."""
        if clipped and self.first_clipped_s is None:
            self.first_clipped_s = (self._samples + first) / rate_hz
        self._clipped += clipped
        self._samples += samples

    def finish(self, speech: Spans | None = None) -> None:
        """Everything was heard; the attributes hold from now on. `speech`: who spoke when, in frames, where somebody knows better."""
        if len(self._rest) >= FRAME // 2:
            missing = np.zeros(FRAME - len(self._rest), np.int16)
            self.process(missing, missing if len(self._rest_cleaned) else None)
        self.power = np.concatenate([np.zeros(0, np.float32), *self._powers])
        self.probabilities = np.asarray(self._probabilities, np.float32)
        known = speech is not None
        if speech is None:
            found = bridged(spans(self.probabilities >= SPEECH_PROBABILITY), BRIDGED_MS // FRAME_MS)
            speech = found[(found[:, 1] - found[:, 0]) * FRAME_MS >= SHORTEST_SPEECH_MS]
        self.speech = np.minimum(speech, len(self.power))
        self.speaks = masked(self.speech, len(self.power))
        self.noise_power = self._noise_power()
        if not known and len(self.speech):
            self.speech = self._without_edges(self.speech)
            self.speaks = masked(self.speech, len(self.power))

    def _without_edges(self, speech: Spans) -> Spans:
        """The detector hears the end a little later than it was, and sometimes the beginning a little earlier."""
        level = float(self.power[self.speaks].mean())
        sounds = self.power > min(self.noise_power * 10 ** (ABOVE_NOISE_DB / 10), level * 10 ** (-EDGE_DB / 10))
        most = EDGE_MS // FRAME_MS
        found = []
        for start, stop in speech.tolist():
            loud = sounds[start:stop].nonzero()[0]
            first, last = (int(loud[0]), int(loud[-1])) if len(loud) else (0, stop - start - 1)
            found.append((start + min(most, first), stop - min(most, stop - start - 1 - last)))
        return np.asarray(found, np.int64)

    def _noise_power(self) -> float:
        """Of the quietest frames, with speech or without; digital silence is no noise."""
        sound = self.power > 0.0
        heard, quiet = self.power[sound], self.power[sound & ~self.speaks]
        # Where the line is cut off between words, what is left without speech may be nothing but keys.
        enough = len(quiet) * FRAME_MS >= NOISE_LEAST_MS
        return min(_lowest(heard), _lowest(quiet)) if enough else _lowest(heard)

    @property
    def frames(self) -> int:
        """How many there were."""
        return len(self.power)

    @property
    def speech_s(self) -> float:
        """How long it speaks."""
        return float(self.speaks.sum()) * FRAME_MS / 1000

    @property
    def talk_share(self) -> float | None:
        """Share of the time that it speaks; None: there was no time."""
        return round(float(self.speaks.mean()), 4) if self.frames else None

    @property
    def peak_dbov(self) -> float | None:
        """Of the loudest sample."""
        return dbov(float(self._peak) ** 2)

    @property
    def noise_dbov(self) -> float | None:
        """The noise floor; None: there is nothing but digital silence."""
        return dbov(self.noise_power)

    @property
    def clipping_share(self) -> float | None:
        """Of the file's samples; None: there are none."""
        return round(self._clipped / self._samples, 6) if self._samples else None

    def level_of(self, start: int, stop: int) -> float | None:
        """Of these frames, in dBov."""
        return dbov(float(self.power[start:stop].mean()))

    def speech_dbov(self, where: Mask) -> float | None:
        """Level of what it says in these frames; None: nothing."""
        speaks = self.speaks & where
        return dbov(float(self.power[speaks].mean())) if speaks.any() else None
