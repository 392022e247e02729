"""The noise suppressor in NumPy: the reference of csrc/enhance/noise_suppressor*.c, and what the training sees.

A frame of 32 ms ends every 5 ms. For each of its bins a classical estimator follows the noise and the SNR; every other frame a
network looks at the whole and decides, band by band, how far to trust it: gain = sigmoid(u + v·ln SNR + w·contrast + z·comb). u = 0,
v = 1, w = 0, z = 0 is the Wiener filter of the classical SNR, and what the network starts from.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "detect"))
from vad_features import load_weights, mel, quantised  # noqa: F401 (the weights' form: for who imports this file)

LOW_BINS, HIGH_BINS = 129, 128  # below 4 kHz, 31.25 Hz apart; above
FFT, HOP = 256, 40  # at 8 kHz
BANDS, HIGH_BANDS = 24, 8
EPSILON = 1e-8  # added to a bin's power: white noise of -80 dBov
CONTRAST_REACH = 4  # bins to each side

# The noise's power: speech presence probability, T. Gerkmann and R. C. Hendriks, IEEE Trans. ASLP 20(4), 2012.
PRESENT_SNR = 10**1.5
NOISE_KEEP, PRESENCE_KEEP = 0.93, 0.95
PRESENCE_MAX = 0.99
START_HOPS = 12  # taken for noise
# The SNR: decision-directed, Y. Ephraim and D. Malah, IEEE Trans. ASSP 32(6), 1984.
DIRECTED = 0.98
SNR_MIN, SNR_MAX = 10**-2.5, 10**4.0

FLOOR_RISE, SMOOTH = 0.002, 0.16
FIRST_LAG, LAST_LAG = 20, 127  # 400 … 63 Hz
LOWEST_BIN = 2
DECISIONS = 4  # u, v, w, z of each band
HOPS_A_STEP = 2  # of the network
FEATURES = 4 * BANDS + 4
HIGH_FEATURES = 3 * HIGH_BANDS


def windows(fft: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Analysis over all of a frame, synthesis over its last two hops; their product is a Hann window.

    D. Mauler and R. Martin, "A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis system for
    speech enhancement", EUSIPCO 2007.
    """
    long = np.sin(np.pi / 2 * (np.arange(fft - hop) + 0.5) / (fft - hop))
    rise = np.sin(np.pi / 2 * (np.arange(hop) + 0.5) / hop)
    analysis = np.concatenate([long, rise[::-1]])
    return analysis, np.concatenate([rise**2 / long[-hop:], rise[::-1]])


def band_map() -> tuple[np.ndarray, np.ndarray]:
    """How much each band is part of each bin: (BANDS, LOW_BINS) and (HIGH_BANDS, HIGH_BINS); a bin's parts sum to 1."""
    at = mel(np.arange(LOW_BINS) * 31.25)
    low = np.linspace(mel(40), mel(3950), BANDS)
    at_high = 4000 + 31.25 * np.arange(1, HIGH_BINS + 1)
    high = 4000 + 500 * (np.arange(HIGH_BANDS) + 0.5)
    identity, identity_high = np.eye(BANDS), np.eye(HIGH_BANDS)
    return (
        np.array([np.interp(at, low, row) for row in identity]),
        np.array([np.interp(at_high, high, row) for row in identity_high]),
    )


def spectra(pcm: np.ndarray, rate_hz: int) -> np.ndarray:
    """Of signals (..., n): (..., hops, bins), scaled so that white noise of power 1 has 1 in each bin. A hop's frame ends with it."""
    times = rate_hz // 8000
    fft, hop = FFT * times, HOP * times
    window, _ = windows(fft, hop)
    x = np.concatenate([np.zeros((*pcm.shape[:-1], fft - hop)), np.asarray(pcm, np.float64) / 32768], axis=-1)
    frames = np.lib.stride_tricks.sliding_window_view(x, fft, axis=-1)[..., ::hop, :]
    return np.fft.rfft(frames * window) / np.sqrt((window**2).sum())


def classical(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Noise power and ln SNR of each bin; power of shape (..., hops, bins)."""
    noises, log_snrs = np.empty_like(power), np.empty_like(power)
    noise = presence = clean = None
    for t in range(power.shape[-2]):
        p = power[..., t, :]
        if t == 0:
            noise, presence, clean = p.copy(), np.zeros_like(p), np.zeros_like(p)
        posterior = np.minimum(p / noise, 1e4)
        present = 1 / (1 + (1 + PRESENT_SNR) * np.exp(-np.minimum(posterior, 50.0) * (PRESENT_SNR / (1 + PRESENT_SNR))))
        presence = presence + (1 - PRESENCE_KEEP) * (present - presence)
        present = np.where(presence > PRESENCE_MAX, np.minimum(present, PRESENCE_MAX), present)
        if t < START_HOPS:
            noise = noise + (p - noise) / (t + 1)
        else:
            noise = noise + (1 - NOISE_KEEP) * (1 - present) * (p - noise)
        posterior = p / noise
        snr = DIRECTED * clean / noise + (1 - DIRECTED) * np.maximum(posterior - 1, 0)
        snr = np.clip(snr, SNR_MIN, SNR_MAX)
        clean = (snr / (1 + snr)) ** 2 * p
        noises[..., t, :], log_snrs[..., t, :] = noise, np.log(snr)
    return noises, log_snrs


def contrast(power: np.ndarray) -> np.ndarray:
    """ln of a bin over the mean around it; beyond the ends there is nothing."""
    n = 2 * CONTRAST_REACH + 1
    pad = [(0, 0)] * (power.ndim - 1) + [(CONTRAST_REACH, CONTRAST_REACH)]
    around = np.lib.stride_tricks.sliding_window_view(np.pad(power, pad), n, axis=-1).sum(axis=-1) / n
    return np.log(power / around)


def band_features(power: np.ndarray, noise: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Log powers of the bands, over the noise, over a slowly rising floor."""
    weights = bands / bands.sum(axis=1, keepdims=True)
    logs, over = np.log(power @ weights.T), np.log(noise @ weights.T)
    smooth, floor = logs[..., 0, :].copy(), logs[..., 0, :].copy()
    above = np.empty_like(logs)
    for t in range(logs.shape[-2]):
        row = logs[..., t, :]
        smooth += SMOOTH * (row - smooth)
        floor = np.minimum(floor + FLOOR_RISE, smooth)
        above[..., t, :] = row - floor
    return np.concatenate([logs * 0.2 + 2.0, (logs - over) * 0.3, above * 0.3], axis=-1)


def voicing(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height of the spectrum's own "autocorrelation" at its highest peak, the lag there, its move, flatness, as detect/vad.c; and how
    much of each band lies on the lag's comb. The second result is the lag in samples at 8 kHz."""
    magnitude = np.sqrt(power)
    magnitude[..., :LOWEST_BIN] = 0
    correlation = np.fft.irfft(magnitude)
    lags = correlation[..., FIRST_LAG : LAST_LAG + 1]
    peak = lags.max(axis=-1) / correlation[..., 0]
    samples = lags.argmax(axis=-1) + FIRST_LAG
    lag = np.log2(samples / 50)
    move = np.minimum(np.abs(np.diff(lag, axis=-1, prepend=0.0)), 1.0)
    tonality = np.log(power[..., LOWEST_BIN:].mean(axis=-1)) - 2 * np.log(magnitude[..., LOWEST_BIN:].mean(axis=-1))
    bands, _ = band_map()
    on_comb = (magnitude * comb(samples, LOW_BINS)) @ bands.T / (magnitude @ bands.T + 1e-4)
    return np.concatenate([on_comb, np.stack([peak * 3 - 1, lag, move, tonality], axis=-1)], axis=-1), samples


def comb(samples: np.ndarray, bins: int) -> np.ndarray:
    """1 at the harmonics of a lag, -1 between them."""
    return np.cos(2 * np.pi / FFT * (np.arange(bins) * samples[..., None] % FFT))


def front_end(pcm: np.ndarray, rate_hz: int) -> dict[str, np.ndarray]:
    """All that the gains are made of."""
    spectrum = spectra(pcm, rate_hz)
    power = np.abs(spectrum) ** 2 + EPSILON
    noise, log_snr = classical(power)
    low, high = band_map()
    result = {"spectrum": spectrum, "log_snr": log_snr, "contrast": contrast(power)}
    voiced, result["lag"] = voicing(power[..., :LOW_BINS])
    result["low"] = np.concatenate([band_features(power[..., :LOW_BINS], noise[..., :LOW_BINS], low), voiced], axis=-1)
    if rate_hz == 16000:
        result["high"] = band_features(power[..., LOW_BINS:], noise[..., LOW_BINS:], high)
    return result


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def forward(weights: dict[str, np.ndarray], low: np.ndarray, high: np.ndarray | None = None) -> list[np.ndarray]:
    """u, v, w, z of each band and step, one after the other in the last axis: of the low bands, and of the high ones where given."""
    size = weights["recurrent0"].shape[1]
    states = [np.zeros((*low.shape[:-2], size)) for _ in range(2)]
    seen = []
    for t in range(low.shape[-2]):
        x = np.tanh(low[..., t, :] @ weights["dense"].T + weights["dense_bias"])
        for i, state in enumerate(states):
            a = x @ weights[f"input{i}"].T + weights[f"input{i}_bias"]
            b = state @ weights[f"recurrent{i}"].T + weights[f"recurrent{i}_bias"]
            reset = sigmoid(a[..., :size] + b[..., :size])
            update = sigmoid(a[..., size : 2 * size] + b[..., size : 2 * size])
            new = np.tanh(a[..., 2 * size :] + reset * b[..., 2 * size :])
            states[i] = x = new + update * (state - new)
        seen.append(x)
    seen = np.stack(seen, axis=-2)
    result = [seen @ weights["out"].T + weights["out_bias"]]
    if high is not None:
        x = np.tanh(np.concatenate([high, seen], axis=-1) @ weights["high"].T + weights["high_bias"])
        result.append(x @ weights["high_out"].T + weights["high_out_bias"])
    return result


def logits(weights: dict[str, np.ndarray], seen: dict[str, np.ndarray]) -> np.ndarray:
    """The logit of each bin's gain."""
    parts, start, hops = [], 0, seen["low"].shape[-2]
    every = [seen[k][..., ::HOPS_A_STEP, :] if k in seen else None for k in ("low", "high")]
    teeth = comb(seen["lag"], LOW_BINS + HIGH_BINS)
    for decided, bands in zip(forward(weights, *every), band_map(), strict=False):
        n, bins = bands.shape
        held = np.repeat(decided, HOPS_A_STEP, axis=-2)[..., :hops, :]
        u, v, w, z = (held[..., i * n : (i + 1) * n] @ bands for i in range(DECISIONS))
        at = slice(start, start + bins)
        parts.append(u + v * seen["log_snr"][..., at] + w * seen["contrast"][..., at] + z * teeth[..., at])
        start += bins
    return np.concatenate(parts, axis=-1)


def least_gain(level: float) -> float:
    return 10 ** (-(9 + (level - 60) * 0.6) / 20)


def emphasis(level: float) -> float:
    """Added to the logit: how much of what is in doubt is kept."""
    return (85 - level) * 0.02


def suppress(weights: dict[str, np.ndarray], pcm: np.ndarray, rate_hz: int, level: float = 85, seen=None) -> np.ndarray:
    """The output of a stream (n,), two hops late."""
    seen = front_end(pcm, rate_hz) if seen is None else seen
    least = least_gain(level)
    gain = least + (1 - least) * sigmoid(logits(weights, seen) + emphasis(level))
    return overlap_add(seen["spectrum"] * gain, rate_hz, len(pcm))


def overlap_add(spectrum: np.ndarray, rate_hz: int, n: int) -> np.ndarray:
    times = rate_hz // 8000
    fft, hop = FFT * times, HOP * times
    window, synthesis = windows(fft, hop)
    frames = np.fft.irfft(spectrum)[..., -2 * hop :] * synthesis * np.sqrt((window**2).sum())
    out = np.zeros((len(frames) + 3) * hop)
    for t, frame in enumerate(frames):
        out[(t + 1) * hop : (t + 3) * hop] += frame
    return np.clip(np.rint(out[:n] * 32768), -32768, 32767).astype(np.int16)
