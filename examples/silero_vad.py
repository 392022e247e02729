"""Silero's detector as a backend of VoiceActivityDetector, beside the native one.

    pip install talkpath onnxruntime silero-vad
    python examples/silero_vad.py call.wav

A network of 2.3 MB behind ONNX Runtime: about thirty times the time of the native detector.
"""

import argparse
from pathlib import Path

import numpy as np
import onnxruntime

import talkpath as tp
from talkpath.vad_backends import VadBackend


class Silero:
    """Silero VAD, version 5 or 6: frames of 32 ms, each with the last 8 ms before it."""

    def __init__(self, model: str | Path, sample_rate: int = 8000) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(sample_rate, np.int64)
        self.frame_samples = sample_rate * 32 // 1000
        self._context_samples = sample_rate * 8 // 1000
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._state = np.zeros((2, 1, 128), np.float32)
        self._context = np.zeros(self._context_samples, np.float32)

    def process(self, frame: np.ndarray, /) -> float:
        """Speech probability of one frame of int16 samples."""
        x = np.concatenate([self._context, frame.astype(np.float32) / 32768])
        self._context = x[-self._context_samples :]
        output, self._state = self._session.run(None, {"input": x[None], "state": self._state, "sr": self._rate})
        return float(output[0, 0])


def installed_model() -> Path:
    """The model that the silero-vad package brings."""
    from importlib.resources import files

    return Path(str(files("silero_vad") / "data" / "silero_vad.onnx"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wav", type=Path)
    parser.add_argument("--model", type=Path, help="silero_vad.onnx; the installed one by default")
    arguments = parser.parse_args()
    pcm = tp.read_wav(arguments.wav, sample_rate=8000)
    silero: VadBackend = Silero(arguments.model or installed_model())
    detectors = {"native": tp.VoiceActivityDetector(), "silero": tp.VoiceActivityDetector(backend=silero)}
    for start in range(0, len(pcm), 1600):
        marks = []
        for name, detector in detectors.items():
            level = detector.process(pcm[start : start + 1600])
            marks.append(f"{name} {'#' * round(20 * level):20}")
        print(f"{start / 8000:7.1f} s  {'  '.join(marks)}")


if __name__ == "__main__":
    main()
