"""Noisy and clean telephone and wide-band speech for the noise suppressor, from what training/detect/corpus.py draws on, at 16 kHz.

Speech    wide-band telephone prompts (Debian: asterisk-core-sounds-{es,fr,it,ru}-g722; the English ones are left to tests),
          dialogue (fillets-ng-data-{cs,nl}), syllables and words by volunteers (klettres-data, ktuberling-data,
          tuxpaint-stamps-default), espeak-ng, flite
Noises    as there, and crowds, beds of random colour, several at once
"""

import sys
from pathlib import Path

import numpy as np
import soxr
from scipy import ndimage, signal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "detect"))
import corpus

import talkpath as tp

RATE_HZ = 16000


def speakers() -> dict[str, list[Path]]:
    """{speaker: files}: all wide-band but a few."""
    found: dict[str, list[Path]] = {}
    for folder in sorted((corpus.SOUNDS / "asterisk/sounds").iterdir()):
        if folder.is_symlink() or folder.name.startswith("en"):
            continue
        files = [p for p in sorted(folder.rglob("*.g722")) if not any(word in str(p) for word in corpus.NOT_SPEECH)]
        if len(files) > 20:
            found[folder.name] = files
    found |= corpus.dialogue()
    found |= {
        name: files
        for name, files in corpus.speakers().items()
        if name.startswith(("klettres", "ktuberling", "tuxpaint"))
    }
    return found


def load(per_speaker: int, seed: int) -> tuple[dict[str, list[np.ndarray]], list[np.ndarray], list[np.ndarray]]:
    """Speech, music, noises."""
    speech = corpus.load_speech(per_speaker, seed, RATE_HZ, speakers())
    return speech, corpus.load_music(RATE_HZ), corpus.load_noises(RATE_HZ)


def syllables(pitch_hz: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Harmonics under three formants that move, hiss between them."""
    n = round(seconds * RATE_HZ)
    t = np.arange(n) / RATE_HZ

    def wander(low: float, high: float, most_hz: float) -> np.ndarray:
        knots = rng.uniform(low, high, int(seconds * rng.uniform(1, most_hz)) + 2)
        return np.interp(t, np.linspace(0, seconds, len(knots)), knots)

    hz = pitch_hz * 2 ** (wander(-0.35, 0.35, 4) + rng.uniform(0, 0.03) * np.sin(2 * np.pi * rng.uniform(4, 7) * t))
    phase, highest = 2 * np.pi * np.cumsum(hz) / RATE_HZ, rng.uniform(3400, 7500)
    formants = [(wander(250, 850, 6), 1.0), (wander(850, 2400, 6), rng.uniform(0.2, 0.8)), (wander(2300, 3600, 4), 0.2)]
    widths_hz, x = rng.uniform(50, 140, 3), np.zeros(n)
    for k in range(1, int(highest / hz.min())):
        heights = (g / np.hypot(1, (k * hz - at) / width) for (at, g), width in zip(formants, widths_hz, strict=True))
        x += np.where(k * hz < highest, sum(heights), 0) * np.sin(k * phase + k * k)
    voiced = np.clip(0.5 + 1.5 * np.sin(2 * np.pi * np.cumsum(wander(2, 6, 2)) / RATE_HZ), 0, 1)
    hiss = np.diff(rng.standard_normal(n + 1)) * rng.uniform(0.02, 0.5)
    return (x / np.sqrt((x**2).mean()) * voiced + hiss * (1 - voiced)).astype(np.float32)


def generated(count: int, seed: int) -> dict[str, list[np.ndarray]]:
    """Voices that no one has, as a listener to prompts may get them from a machine: {speaker: clips}."""
    rng = np.random.default_rng(seed)
    pitches_hz = np.exp(rng.uniform(np.log(80), np.log(300), count))
    return {
        f"generated {i}": [syllables(hz, rng.uniform(0.5, 3), rng) for _ in range(12)]
        for i, hz in enumerate(pitches_hz)
    }


class Mixer(corpus.Mixer):
    """Draws (noisy, clean) at either rate."""

    def __init__(self, speech, music, noises, seed: int) -> None:
        super().__init__(speech, music, noises, seed, rate_hz=RATE_HZ)
        self.shares *= [
            1.0 if name.startswith(("klettres", "ktuberling", "tuxpaint", "espeak")) else 3.0 for name in self.names
        ]
        self.shares /= self.shares.sum()

    def room(self, x: np.ndarray, rt60_s: float) -> np.ndarray:
        n = int(rt60_s * RATE_HZ)
        tail = self.rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
        tail[0] = self.rng.uniform(2, 12)
        return signal.oaconvolve(x, tail / np.sqrt((tail**2).sum()))[: len(x)].astype(np.float32)

    def bed(self, n: int) -> np.ndarray:
        """Steady noise of a random, smooth colour."""
        spectrum = np.fft.rfft(self.rng.standard_normal(n))
        knots = np.cumsum(self.rng.normal(-2, 5, 12))
        db = np.interp(
            np.linspace(0, 11, len(spectrum)) ** self.rng.uniform(0.6, 1) * 11 ** self.rng.uniform(0, 0.4) % 11,
            np.arange(12),
            knots,
        )
        return np.fft.irfft(spectrum * 10 ** (db / 20), n).astype(np.float32)

    def crowd(self, n: int) -> np.ndarray:
        """Many voices far away."""
        out = (
            self.babble(n)
            + np.roll(self.babble(n), n // 2) * self.rng.uniform(0.3, 1)
            + np.roll(self.babble(n), n // 3)
        )
        return self.room(out, self.rng.uniform(0.4, 1.2))

    def noise(self, n: int) -> np.ndarray:
        rng = self.rng
        kinds = [lambda n: self.colored(n, rng.uniform(0, 1)), self.bed, self.bed, self.babble, self.crowd, self.crowd, self.crowd, self.impulses,
                 self.impulses, self.impulses, self.hum, self.swells, self.swells, self.swells, self.song, self.tones, self.recorded, self.recorded,
                 self.recorded]  # fmt: skip
        out = np.zeros(n, np.float32)
        for _ in range(rng.choice([1, 1, 2, 3])):
            x = kinds[rng.integers(len(kinds))](n)
            if rng.random() < 0.3:
                x = self.room(x, rng.uniform(0.15, 0.7))
            out = out + x / (np.sqrt((x**2).mean()) + 1e-9) * 10 ** (rng.uniform(-12, 0) / 20)
        if rng.random() < 0.4:
            tilt = rng.uniform(-0.8, 0.8)
            out = signal.lfilter([1, tilt], [1], out)
        return out / (np.sqrt((out**2).mean()) + 1e-9)

    def pair(self, seconds: float, rate_hz: int) -> tuple[np.ndarray, np.ndarray, float]:
        """(int16 noisy, float clean at the same scale, active level of the speech) of one stream."""
        rng, n = self.rng, round(seconds * RATE_HZ)
        has_speech = rng.random() < 0.94
        voice, active = self.voice(n) if has_speech else (np.zeros(n, np.float32), np.zeros(n, np.float32))
        # A recording's own noise is noise: the target is quiet where nothing is said.
        reach = RATE_HZ // 20
        near = ndimage.uniform_filter1d(active, 2 * reach) > 0.02
        gate = ndimage.uniform_filter1d(np.where(near, np.float32(1.0), np.float32(0.05)), reach)
        target = voice * gate
        if rng.random() < 0.25:
            rt60_s, state = rng.uniform(0.1, 0.5), rng.bit_generator.state
            voice = self.room(voice, rt60_s)
            rng.bit_generator.state = state
            target = self.room(target, rt60_s)
        if not has_speech or rng.random() < 0.92:
            snr_db = rng.uniform(-5, 40) if rng.random() < 0.25 else rng.normal(6, 6)
            noise = self.noise(n) * 10 ** (-snr_db / 20)
            if rng.random() < 0.15:  # comes or goes
                noise[: rng.integers(0, n)] *= rng.uniform(0, 0.3)
        else:
            noise = np.zeros(n)
        line = np.stack([voice + noise, target])
        if rng.random() < 0.4:
            line = signal.lfilter([1, rng.uniform(-0.6, 0.6)], [1], line)
        if rng.random() < (0.6 if rate_hz == 8000 else 0.4):
            line = signal.sosfilt(signal.butter(2, rng.uniform(60, 320), "highpass", fs=RATE_HZ, output="sos"), line)
        cut = rng.random()
        if rate_hz == 8000 and cut < 0.5:
            line = signal.sosfilt(signal.butter(3, rng.uniform(3000, 3800), fs=RATE_HZ, output="sos"), line)
        elif rate_hz == 16000 and cut < 0.25:
            line = signal.sosfilt(signal.butter(6, rng.uniform(3400, 7500), fs=RATE_HZ, output="sos"), line)
        if rate_hz == 8000:
            line = soxr.resample(line.T, RATE_HZ, 8000).T
        gain = 10 ** (rng.uniform(-42, -10) / 20)
        line = line * gain
        noisy = line[0] + rng.standard_normal(line.shape[1]) * 10 ** (rng.uniform(-92, -58) / 20)
        pcm = np.clip(np.rint(noisy * 32768), -32768, 32767).astype(np.int16)
        law = rng.random()
        if rate_hz == 8000 and law < 0.7:
            pcm = tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm))
        elif rate_hz == 8000 and law < 0.82:
            pcm = tp.g711.alaw_decode(tp.g711.alaw_encode(pcm))
        return pcm, line[1].astype(np.float32), gain
