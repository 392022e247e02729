"""Generated calls for the tests of echo/: two voices, an echo path, noise."""

import numpy as np

import talkpath as tp


def to_int16(x: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(x * 32768), -32768, 32767).astype(np.int16)


def ulaw(pcm: np.ndarray) -> np.ndarray:
    return np.array(tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm)))


def voice(seconds: float, rate: int = 8000, seed: int = 1, level_db: float = -22.0) -> np.ndarray:
    """Syllables of glottal pulses through two formants, some of them hiss, none like the last; floats."""
    rng = np.random.default_rng(seed)
    n, x, base = int(seconds * rate), [], rng.uniform(95, 210)
    while sum(map(len, x)) < n:
        m = int(rng.uniform(0.09, 0.28) * rate)
        t = np.arange(m) / rate
        if rng.random() < 0.2:
            y = rng.standard_normal(m) * 0.3
        else:
            pitch = base * (1 + 0.25 * rng.uniform(-1, 1)) * (1 + 0.3 * rng.uniform(-1, 1) * t / t[-1])
            phase, y = 2 * np.pi * np.cumsum(pitch) / rate, np.zeros(m)
            first, second = rng.uniform(280, 850), rng.uniform(900, 2400)
            for k in range(1, 40):
                hz = k * base
                if hz < min(3700, rate * 0.45):
                    y += np.sin(k * phase + k * k) * (
                        1 / np.hypot(1, (hz - first) / 70) + 0.5 / np.hypot(1, (hz - second) / 90)
                    )
        y *= np.sin(np.pi * np.arange(m) / m) ** 0.5 / (np.sqrt(np.mean(y**2)) + 1e-9) * 10 ** (rng.uniform(-6, 3) / 20)
        x += [y, np.zeros(int(rng.choice([0.0, 0.03, 0.2], p=[0.5, 0.35, 0.15]) * rate))]
    return np.concatenate(x)[:n] * 10 ** (level_db / 20)


def room(rate: int = 8000, seed: int = 1, seconds: float = 0.12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    h = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 0.08
    h[0] = 1.0
    return h / np.sqrt(np.sum(h**2))


def echo_of(far: np.ndarray, delay_ms: float, loss_db: float = 10.0, rate: int = 8000, seed: int = 1) -> np.ndarray:
    """Float echo of int16 far: delay, then a room."""
    d = round(delay_ms * rate / 1000)
    x = np.concatenate([np.zeros(d), far / 32768])[: len(far)]
    return np.convolve(x, room(rate, seed))[: len(far)] * 10 ** (-loss_db / 20)


def noise(n: int, level_db: float = -65.0, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n) * 10 ** (level_db / 20)


def at(x: np.ndarray, start_s: float, n: int, rate: int = 8000) -> np.ndarray:
    """x, beginning at start_s, in n samples."""
    i, y = int(start_s * rate), np.zeros(n)
    y[i : i + len(x)] = x[: max(0, n - i)]
    return y
