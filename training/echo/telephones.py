"""What telephones do to the sum of echo, caller and noise: suppressors, half-duplex switches, noise gates, gain control, GSM, lost frames."""

import io

import numpy as np
import soundfile
from scipy import ndimage, signal

RATE_HZ, LINE_HZ = 16000, 8000
FRAME, HOP = 512, 256
FRAMES = signal.ShortTimeFFT(np.sqrt(signal.get_window("hann", FRAME)), HOP, fs=RATE_HZ)


def of_db(db: float) -> float:
    return 10 ** (db / 20)


def smooth(x: np.ndarray, keep: float) -> np.ndarray:
    return signal.lfilter([1 - keep], [1, -keep], x, axis=0)


def suppressor(echo: np.ndarray, rest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains of an echo suppressor that is wrong about the echo, learns it late, and opens at times."""
    n = len(echo)
    guess = smooth(echo, rng.uniform(0.2, 0.8)) * 10 ** (rng.normal(0, rng.uniform(1, 4), (1, echo.shape[1])) / 10)
    wander = ndimage.gaussian_filter1d(rng.standard_normal(n + 100), 20)[:n]
    guess *= 10 ** (wander * rng.uniform(5, 25) / 10)[:, None]
    sounds = np.cumsum(echo.sum(axis=1) > echo.sum(axis=1).max() * 1e-3) * HOP / RATE_HZ
    guess *= np.clip(sounds / rng.uniform(0.05, 2), 0, 1)[:, None] ** 2
    for _ in range(rng.poisson(n * HOP / RATE_HZ / 6)):
        at = rng.integers(n)
        guess[at : at + rng.integers(8, 60)] *= rng.uniform(0, 0.3)
    over, least = rng.uniform(0.6, 4), of_db(-rng.uniform(6, 30))
    gain = np.clip(1 - over * guess / (echo + rest + 1e-12), least, 1)
    if rng.random() < 0.4:  # in wide bands
        gain = ndimage.uniform_filter1d(gain, int(rng.integers(3, 60)), axis=1)
    return smooth(gain, rng.uniform(0, 0.7))


def half_duplex(echo: np.ndarray, rest: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains of a switch: the line is turned down while the far side sounds and nobody is clearly louder."""
    e, r = (smooth(x.sum(axis=1), 0.6) for x in (echo, rest))
    shut = (e > e.max() * 10 ** -rng.uniform(1.5, 3)) & (r < e * 10 ** rng.uniform(-0.6, 0.6))
    hold = int(rng.integers(2, 20))
    shut = ndimage.maximum_filter1d(shut.astype(float), hold, origin=-(hold // 2))
    gain = 1 - shut * (1 - of_db(-rng.uniform(8, 28)))
    return smooth(gain, rng.uniform(0.2, 0.8))[:, None] * np.ones(echo.shape[1])


def noise_gate(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gains of a noise suppressor of the subtracting kind."""
    floor = ndimage.minimum_filter1d(smooth(whole, 0.8), 90, axis=0) * rng.uniform(1.5, 6)
    gain = np.clip(1 - floor / (smooth(whole, rng.uniform(0, 0.6)) + 1e-12), 0, 1) ** rng.uniform(0.5, 1)
    return np.maximum(smooth(gain, rng.uniform(0, 0.6)), of_db(-rng.uniform(6, 22)))


def gain_control(whole: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A gain for every frame, towards one level, whoever sounds."""
    db = 10 * np.log10(whole.mean(axis=1) / FRAME + 1e-10)
    target, up, down, now = rng.uniform(-30, -16), rng.uniform(1, 12), rng.uniform(5, 60), 0.0
    most, result = rng.uniform(6, 18), np.empty(len(db))
    for k, level in enumerate(db):
        if level > target - 30:
            now += np.clip(target - level - now, -down * HOP / RATE_HZ, up * HOP / RATE_HZ)
        now = np.clip(now, -most, most)
        result[k] = of_db(now)
    return result[:, None]


def device(
    echo: np.ndarray, near: np.ndarray, noise: np.ndarray, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[str]]:
    """The three after what the telephone does to their sum, and its names."""
    frames, did = [FRAMES.stft(x).T for x in (echo, near, noise)], []
    e, s, b = (np.abs(f) ** 2 for f in frames)
    gain = np.ones_like(e)
    has_echo, kind = bool(np.any(echo)), rng.random()
    if has_echo and kind < 0.3:
        gain, did = suppressor(e, s + b, rng), ["suppressor"]
    elif has_echo and kind < 0.42:
        gain, did = half_duplex(e, s + b, rng), ["half_duplex"]
    if rng.random() < 0.25:
        gain, did = gain * noise_gate((e + s + b) * gain**2, rng), [*did, "noise_gate"]
    if rng.random() < 0.3:
        gain, did = gain * gain_control((e + s + b) * gain**2, rng), [*did, "gain_control"]
    if not did:
        return [echo, near, noise], did
    result = [FRAMES.istft((f * gain).T, k1=len(near)) for f in frames]
    if rng.random() < 0.5:  # comfort noise
        result[2] = result[2] + rng.standard_normal(len(near)) * of_db(rng.uniform(-75, -50))
    return result, did


def gsm(pcm: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    soundfile.write(file, pcm, LINE_HZ, format="WAV", subtype="GSM610")
    file.seek(0)
    return np.resize(soundfile.read(file, dtype="int16")[0], len(pcm))


def lost(pcm: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Frames of 20 ms gone or repeated."""
    result, damp = pcm.copy(), 0.7 * (rng.random() < 0.5)
    for k in np.flatnonzero(rng.random(len(pcm) // 160) < share):
        result[160 * k : 160 * k + 160] = result[160 * k - 160 : 160 * k] * damp if k else 0
    return result
