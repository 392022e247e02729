"""One side of a recorded call, through the engine's detectors, block by block; what they heard."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from talkpath._core import BeepDetector, CallProgressDetector, DtmfDetector, VoiceActivityDetector
from talkpath._types import Samples
from talkpath.results import Beep, CallProgress, DtmfDigit

RATE_HZ = 8000
FRAME_MS = 20
FRAME = RATE_HZ * FRAME_MS // 1000
SPEECH_PROBABILITY = 0.5
_BRIDGED, _SHORTEST = 15, 4  # frames: pauses up to 300 ms are bridged; what is shorter than 80 ms is no speech
_NOISE_SHARE, _ENOUGH = 10, 25  # percent; frames

Mask = npt.NDArray[np.bool_]
Spans = npt.NDArray[np.int64]


def spans(mask: Mask) -> Spans:
    """Where it is true: shape (n, 2), first frame and the one after the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2).astype(np.int64)


def masked(found: Spans, frames: int) -> Mask:
    """`spans`, the other way round."""
    mask = np.zeros(frames, bool)
    for start, stop in found:
        mask[start:stop] = True
    return mask


def dbov(power: float) -> float | None:
    """Of samples in int16 units; None for silence."""
    return None if power <= 0.0 else round(10 * float(np.log10(power / 32768.0**2)), 1)


def _lowest(powers: npt.NDArray[np.float32]) -> float:
    """A tenth of them are below."""
    at = len(powers) * _NOISE_SHARE // 100
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
        self._rest = np.zeros(0, np.int16)
        self._probabilities: list[float] = []
        self._powers: list[npt.NDArray[np.float32]] = []
        self._peak = 0
        self._clipped = self._samples = 0
        self.keys: list[DtmfDigit] = []
        self.beeps: list[Beep] = []
        self.tones: list[CallProgress] = []
        self.speech: Spans = np.zeros((0, 2), np.int64)
        self.power = np.zeros(0, np.float32)
        self.probabilities = np.zeros(0, np.float32)
        self.noise_power = 0.0

    def process(self, pcm: Samples) -> None:
        """Some more of it, at 8 kHz."""
        pcm = np.concatenate([self._rest, pcm]) if len(self._rest) else np.ascontiguousarray(pcm)
        whole = len(pcm) // FRAME * FRAME
        self._rest, pcm = pcm[whole:], pcm[:whole]
        if not whole:
            return
        self.keys += self._keys.process(pcm)
        if self._beeps is not None and self._tones is not None:
            self.beeps += self._beeps.process(pcm)
            self.tones += self._tones.process(pcm)
        frames = pcm.reshape(-1, FRAME)
        judge = self._vad.process
        self._probabilities += [judge(frame) for frame in frames]
        wide = frames.astype(np.float32)
        self._powers.append(np.einsum("ij,ij->i", wide, wide) / FRAME)
        self._peak = max(self._peak, int(pcm.max()), -int(pcm.min()))

    def count_clipped(self, clipped: int, samples: int) -> None:
        """So many of the file's samples were."""
        self._clipped += clipped
        self._samples += samples

    def finish(self) -> None:
        """Everything was heard; `speech`, `power`, `probabilities` and `noise_power` hold from now on."""
        if len(self._rest) >= FRAME // 2:
            self.process(np.zeros(FRAME - len(self._rest), np.int16))
        self.power = np.concatenate([np.zeros(0, np.float32), *self._powers])
        self.probabilities = np.asarray(self._probabilities, np.float32)
        found = spans(self.probabilities >= SPEECH_PROBABILITY)
        if len(found):
            parts = np.flatnonzero(found[1:, 0] - found[:-1, 1] > _BRIDGED)
            found = np.stack(
                [found[np.concatenate([[0], parts + 1]), 0], found[np.concatenate([parts, [-1]]), 1]], axis=1
            )
            found = found[found[:, 1] - found[:, 0] >= _SHORTEST]
        self.speech = found
        self.noise_power = self._noise_power()

    def _noise_power(self) -> float:
        """Of the quietest frames, with speech or without; digital silence is no noise."""
        sound = self.power > 0.0
        heard, quiet = self.power[sound], self.power[sound & ~self.speaks]
        # Where the line is cut off between words, what is left without speech may be nothing but keys.
        return min(_lowest(heard), _lowest(quiet)) if len(quiet) >= _ENOUGH else _lowest(heard)

    @property
    def frames(self) -> int:
        """How many there were."""
        return len(self.power)

    @property
    def speaks(self) -> Mask:
        """Frame by frame."""
        return masked(self.speech, self.frames)

    def level_of(self, start: int, stop: int) -> float | None:
        """Of these frames."""
        return dbov(float(self.power[start:stop].mean()))

    def columns(self, name: str) -> dict[str, float | str | None]:
        """What the table says of it."""
        speaks = self.speaks
        return {
            f"{name}_talk_share": round(float(speaks.mean()), 4) if len(speaks) else None,
            f"{name}_keys": "".join(key.digit for key in self.keys),
            f"{name}_level_dbov": dbov(float(self.power[speaks].mean())) if speaks.any() else None,
            f"{name}_peak_dbov": dbov(float(self._peak) ** 2),
            f"{name}_noise_dbov": dbov(self.noise_power),
            f"{name}_clipping_share": round(self._clipped / self._samples, 6) if self._samples else None,
        }
