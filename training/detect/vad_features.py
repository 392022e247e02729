"""The VAD's front end and network in NumPy: the reference of csrc/detect/vad.c, and what the training sees."""

from pathlib import Path

import numpy as np

RATE_HZ, HOP, FFT = 8000, 80, 256
RISE = 192  # samples of the window's rising side; the falling side, towards the newest sample, is short: less delay
BANDS = 20
LOW_HZ, HIGH_HZ = 100.0, 3800.0
EPSILON = 1e-6  # white noise of -80 dBov
FLOOR_RISE = 0.004  # of the log floor, per hop: 1.7 dB/s
SMOOTH = 0.3
LOWEST_BIN = 2  # below it, hum and offset
FIRST_LAG, LAST_LAG = 20, 127  # 400 … 63 Hz
FEATURES = 2 * BANDS + 4


def mel(hz: np.ndarray | float) -> np.ndarray:
    return 1127 * np.log1p(np.asarray(hz) / 700)


def band_weights() -> np.ndarray:
    """Triangles, equally wide in mel, each of unit sum: shape (BANDS, FFT / 2 + 1)."""
    edges = np.linspace(mel(LOW_HZ), mel(HIGH_HZ), BANDS + 2)
    at = mel(np.arange(FFT // 2 + 1) * RATE_HZ / FFT)
    rise = (at - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - at) / (edges[2:] - edges[1:-1])[:, None]
    weights = np.maximum(0, np.minimum(rise, fall))
    return weights / weights.sum(axis=1, keepdims=True)


def window() -> np.ndarray:
    rise = np.sin(np.pi / 2 * (np.arange(RISE) + 0.5) / RISE) ** 2
    fall = np.cos(np.pi / 2 * (np.arange(FFT - RISE) + 0.5) / (FFT - RISE)) ** 2
    return np.concatenate([rise, fall])


def features(pcm: np.ndarray) -> np.ndarray:
    """Of signals of equal length, shape (..., n): shape (..., hops, FEATURES). A hop's window ends with the hop.

    Log powers of the bands; the same over each band's tracked floor; the highest peak of the spectrum's own
    "autocorrelation" (of magnitudes, not powers: T. Tolonen and M. Karjalainen, "A computationally efficient multipitch
    analysis model", IEEE Trans. SAP 8, 2000), its lag, how far the lag has moved; the magnitude's flatness.
    """
    x = np.asarray(pcm, np.float64) / 32768
    x = np.concatenate([np.zeros((*x.shape[:-1], FFT - HOP)), x], axis=-1)
    frames = np.lib.stride_tricks.sliding_window_view(x, FFT, axis=-1)[..., ::HOP, :] * window()
    power = np.abs(np.fft.rfft(frames)) ** 2
    logs = np.log(power @ band_weights().T + EPSILON)
    smooth, floor = logs[..., 0, :].copy(), logs[..., 0, :].copy()
    above = np.empty_like(logs)
    for t in range(logs.shape[-2]):
        row = logs[..., t, :]
        smooth += SMOOTH * (row - smooth)
        floor = np.minimum(floor + FLOOR_RISE, smooth)
        above[..., t, :] = row - floor

    magnitude = np.sqrt(power + EPSILON)
    magnitude[..., :LOWEST_BIN] = 0
    correlation = np.fft.irfft(magnitude)
    lags = correlation[..., FIRST_LAG : LAST_LAG + 1]
    peak = lags.max(axis=-1) / correlation[..., 0]
    lag = np.log2((lags.argmax(axis=-1) + FIRST_LAG) / 50)
    move = np.minimum(np.abs(np.diff(lag, axis=-1, prepend=0.0)), 1.0)
    tonality = np.log(power[..., LOWEST_BIN:].mean(axis=-1) + EPSILON) - 2 * np.log(
        magnitude[..., LOWEST_BIN:].mean(axis=-1)
    )
    extra = np.stack([peak * 3 - 1, lag, move, tonality], axis=-1)
    return np.concatenate([logs * 0.2 + 1.0, above * 0.3, extra], axis=-1).astype(np.float32)


def quantised(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Matrices in eight bits, with a scale for each row; the output's row stays as it is."""
    result = {}
    for name, values in weights.items():
        if values.ndim == 2 and len(values) > 1:
            scale = np.abs(values).max(axis=1).astype(np.float32) / 127
            result[name] = np.rint(values / scale[:, None]).astype(np.int8)
            result[f"{name}_scale"] = scale
        else:
            result[name] = values.astype(np.float32)
    return result


def load_weights(path: str | Path) -> dict[str, np.ndarray]:
    """As `forward` wants them."""
    stored = np.load(path)
    return {
        k: stored[k] * (stored[f"{k}_scale"][:, None] if stored[k].dtype == np.int8 else 1.0)
        for k in stored
        if not k.endswith("_scale")
    }


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def forward(weights: dict[str, np.ndarray], inputs: np.ndarray) -> np.ndarray:
    """Speech probability of each hop; inputs of shape (..., hops, FEATURES)."""
    layers = sum(name.startswith("recurrent") for name in weights) // 2
    size = weights["recurrent0"].shape[1]
    states = [np.zeros((*inputs.shape[:-2], size)) for _ in range(layers)]
    out = np.empty(inputs.shape[:-1])
    for t in range(inputs.shape[-2]):
        x = np.tanh(inputs[..., t, :] @ weights["dense"].T + weights["dense_bias"])
        for i, state in enumerate(states):
            a = x @ weights[f"input{i}"].T + weights[f"input{i}_bias"]
            b = state @ weights[f"recurrent{i}"].T + weights[f"recurrent{i}_bias"]
            reset = sigmoid(a[..., :size] + b[..., :size])
            update = sigmoid(a[..., size : 2 * size] + b[..., size : 2 * size])
            new = np.tanh(a[..., 2 * size :] + reset * b[..., 2 * size :])
            states[i] = x = new + update * (state - new)
        out[..., t] = sigmoid(x @ weights["out"][0] + weights["out_bias"][0])
    return out
