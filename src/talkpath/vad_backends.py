"""Other voice activity detectors behind `VoiceActivityDetector(backend=...)`: to compare, and to swap.

A backend is an object with the methods of `VadBackend`, or a plain function from 10 ms of samples to a probability. It gets
whole frames of its own length, however the stream is cut; `examples/silero_vad.py` is one for Silero.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from talkpath._types import Buffer, Samples
from talkpath.errors import ConfigError

FRAME_MS = 10

VadFunction: TypeAlias = Callable[[Samples], float]


@runtime_checkable
class VadBackend(Protocol):
    """What a backend object has.

    Attributes
    ----------
    frame_samples : int, optional
        Samples that `process` wants at a time; 10 ms if missing.
    delay_ms : float, optional
        How far the probability lags behind the newest sample; half a frame if missing.
    """

    def process(self, frame: Samples, /) -> float:
        """Speech probability, 0 … 1, of the next frame. The array is used again: copy what is to be kept."""

    def reset(self) -> None:
        """Forget the stream."""


class WebRtc:
    """WebRTC's detector: yes or no from six sub-band energies. `pip install talkpath[webrtcvad]`.

    Parameters
    ----------
    sample_rate : {8000, 16000}
        Hz.
    aggressiveness : {0, 1, 2, 3}
        3 calls the least noise speech.
    """

    def __init__(self, sample_rate: int = 8000, aggressiveness: int = 3) -> None:
        if aggressiveness not in (0, 1, 2, 3):
            raise ConfigError(f"aggressiveness must be 0, 1, 2 or 3 (got {aggressiveness!r})")
        try:
            import webrtcvad
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("backend='webrtc' needs its package: pip install talkpath[webrtcvad]") from error
        self._new: Callable[[], Any] = lambda: webrtcvad.Vad(aggressiveness)
        self._vad = self._new()
        self._sample_rate = sample_rate
        self.frame_samples = sample_rate * FRAME_MS // 1000

    def process(self, frame: Samples, /) -> float:
        """1.0 or 0.0."""
        return float(self._vad.is_speech(frame.tobytes(), self._sample_rate))

    def reset(self) -> None:
        """A new detector: this one has no reset of its own."""
        self._vad = self._new()


class Frames:
    """Cuts a stream into the frames that a backend wants.

    Raises
    ------
    ConfigError
        `backend` is neither a name that is known, nor a `VadBackend`, nor callable; or its `frame_samples` is no length.
    """

    def __init__(self, backend: str | VadBackend | VadFunction, sample_rate: int) -> None:
        self.backend = backend
        model: Any = backend
        if backend == "webrtc":
            model = WebRtc(sample_rate)
        elif isinstance(backend, str) or not (isinstance(backend, VadBackend) or callable(backend)):
            raise ConfigError(f"backend must be 'native', 'webrtc', a VadBackend or a function (got {backend!r})")
        self._process: VadFunction = model.process if isinstance(model, VadBackend) else model
        self._reset: Callable[[], None] | None = getattr(model, "reset", None)
        length = getattr(model, "frame_samples", sample_rate * FRAME_MS // 1000)
        if not isinstance(length, int) or not 0 < length <= sample_rate:
            raise ConfigError(f"backend.frame_samples must be 1 to {sample_rate} samples (got {length!r})")
        self._frame = np.zeros(length, np.int16)
        self._filled = 0
        self.delay_ms: float = getattr(model, "delay_ms", length * 500 / sample_rate)
        self.probability = 0.0

    def process(self, pcm: Buffer) -> float:
        """Probability of the newest whole frame."""
        samples = np.frombuffer(pcm, np.int16)
        while len(samples):
            take = min(len(samples), len(self._frame) - self._filled)
            self._frame[self._filled : self._filled + take] = samples[:take]
            self._filled += take
            samples = samples[take:]
            if self._filled == len(self._frame):
                self._filled = 0
                self.probability = float(self._process(self._frame))
        return self.probability

    def reset(self) -> None:
        """Forget the stream."""
        self._filled, self.probability = 0, 0.0
        if self._reset is not None:
            self._reset()
