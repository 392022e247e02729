"""Recorded calls for the tests of scan/, made of generated voices."""

from pathlib import Path

import numpy as np
from echo_scene import echo_of, noise, to_int16
from scenario import voice

import talkpath as tp
from talkpath import wav

RATE_HZ = 8000


def at(seconds: float, *parts: tuple[float, np.ndarray], noise_dbov: float = -65.0, seed: int = 1) -> np.ndarray:
    """Samples of so many seconds, each part from its time on, and line noise."""
    n = int(seconds * RATE_HZ)
    line = noise(n, noise_dbov, seed) * 32768
    for start_s, part in parts:
        i = int(start_s * RATE_HZ)
        line[i : i + len(part)] += part[: n - i]
    return np.clip(np.rint(line), -32768, 32767).astype(np.int16)


def tone(ms: int, *frequencies_hz: float, level: float = 0.1) -> np.ndarray:
    t = np.arange(ms * RATE_HZ // 1000) / RATE_HZ
    return level * 32768 * sum(np.sin(2 * np.pi * hz * t) for hz in frequencies_hz)


def voicemail(seconds: float = 9.0) -> np.ndarray:
    """A greeting of 4.5 s, then a beep of 1 kHz from 5.5 to 6.0 s."""
    return at(seconds, (0.5, voice(4500, seed=3)), (5.5, tone(500, 1000.0, level=0.2)))


def person(seconds: float = 8.0) -> np.ndarray:
    """Says hello, listens, then presses two keys."""
    return at(seconds, (0.8, voice(700, seed=5)), (4.0, tp.dtmf.generate("42")))


def call_with_echo(delay_ms: float = 180.0, loss_db: float = 20.0) -> list[np.ndarray]:
    """12 s: the agent speaks twice, the caller between; the agent comes back on the caller's side."""
    agent = at(12.0, (0.5, voice(4000, seed=7, pitch=110.0)), (7.5, voice(4000, seed=8, pitch=110.0)), noise_dbov=-90.0)
    caller = at(12.0, (5.0, voice(1800, seed=9, pitch=200.0))) / 32768 + echo_of(agent, delay_ms, loss_db)
    return [to_int16(caller), agent]


def write_stereo(path: Path, channels: list[np.ndarray]) -> None:
    n = max(map(len, channels))
    both = np.zeros((n, len(channels)), np.int16)
    for i, channel in enumerate(channels):
        both[: len(channel), i] = channel
    wav.write_wav_coded(path, tp.g711.ulaw_encode(np.ascontiguousarray(both).ravel()), wav.ULAW, RATE_HZ, len(channels))


def write_archive(folder: Path) -> int:
    """Twelve calls in two folders; returns how many there are."""
    (folder / "2024" / "may").mkdir(parents=True)
    for i in range(4):
        wav.write_wav(folder / f"person {i}.wav", person(6.0 + 0.5 * i), RATE_HZ)
        wav.write_wav(folder / "2024" / f"machine-{i}.wav", voicemail(8.0 + 0.25 * i), RATE_HZ)
        write_stereo(folder / "2024" / "may" / f"call-{i}.WAV", [person(7.0), at(7.0, (2.0, voice(1500, seed=i)))])
    return 12
