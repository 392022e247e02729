"""Labels from a teacher: Silero VAD (PyPI silero-vad, MIT; run with onnxruntime) listens to the clean speech of each training signal."""

from pathlib import Path

import numpy as np
import onnxruntime
import silero_vad
from corpus import HOP, HOP_MS, RATE_HZ
from scipy.ndimage import maximum_filter1d

WINDOW, BEFORE = 256, 32  # samples the network takes at once, and how many of the last ones with them
DELAY_MS = 40  # of its probabilities: here they follow the energy best
NEAR_MS = 100
HISS_DB, LEVEL_DB = -65, -20  # it is not made for digital silence


class Teacher:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        path = Path(silero_vad.__file__).parent / "data/silero_vad.onnx"
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def once(self, x: np.ndarray, late: int) -> np.ndarray:
        """Probability of each hop, windows beginning `late` samples before the signals; x of shape (signals, samples)."""
        x = np.pad(x.astype(np.float32), ((0, 0), (BEFORE + late, 2 * WINDOW)))
        state, windows = np.zeros((2, len(x), 128), np.float32), (x.shape[1] - BEFORE) // WINDOW
        said = np.empty((len(x), windows), np.float32)
        for i in range(windows):
            piece = np.ascontiguousarray(x[:, i * WINDOW : (i + 1) * WINDOW + BEFORE])
            answer, state = self.session.run(None, {"input": piece, "state": state, "sr": np.array(RATE_HZ, np.int64)})
            said[:, i] = answer[:, 0]
        middles = (np.arange(windows) + 0.5) * WINDOW - late
        hops = (np.arange((x.shape[1] - BEFORE - late - 2 * WINDOW) // HOP) + 0.5) * HOP
        return np.stack([np.interp(hops + DELAY_MS * RATE_HZ // 1000, middles, row) for row in said])

    def targets(self, clean: np.ndarray, energy: np.ndarray) -> np.ndarray:
        """What to train for, per hop: half the teacher's probability, half the energy's labels where the teacher is near.

        The energy rule takes a noisy recording's own background for speech, the teacher does not; the energy knows the
        edges to a hop, the teacher does not. -1, not to be judged, where the energy says speech and the teacher hears none at all.
        """
        hiss = np.random.default_rng(3).standard_normal(clean.shape) * 10 ** (HISS_DB / 20)
        x = clean * 10 ** (LEVEL_DB / 20) + hiss
        heard = (self.once(x, 0) + self.once(x, WINDOW // 2)) / 2
        near = maximum_filter1d(heard, 2 * NEAR_MS // HOP_MS + 1, axis=1) > 0.5
        result = (heard + energy * near) / 2
        for row, speech, teacher in zip(result, energy > 0.5, heard, strict=True):
            edges = np.flatnonzero(np.diff(np.concatenate([[0], speech.astype(int), [0]])))
            for start, end in zip(edges[::2], edges[1::2], strict=True):
                if teacher[max(0, start - 3) : end + 3].max() < 0.5:
                    row[start:end] = -1
        return result.astype(np.float32)
