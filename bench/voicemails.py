"""Voicemails to dial: greetings of many voices and lengths, a pause, a beep of one of many kinds, a noisy line. No recording is in here.

The voices are those that are installed: espeak-ng, flite, Asterisk's prompts; without any of them one that is nobody's. The same seed
and number give the same voicemail, where the same voices are installed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from talkpath.phone.voice import voice
from talkpath.wav import read_wav

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]

RATE = 8000
PROMPTS = Path("/usr/share/asterisk/sounds")
PROMPT_LANGUAGES = ("en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU")
ESPEAK_VOICES = ("en-us", "en-gb+f3", "de", "fr-fr+f4", "es+f2", "it", "pt", "nl+m3", "pl+f1", "sv")
FLITE_VOICES = ("slt", "awb", "rms", "kal")
TEXTS = (
    "Hello, you have reached {n}. I cannot take your call right now. Please leave a message after the tone.",
    "Hi, this is the voicemail of extension {n}. Leave your name and your number, and I will call you back as soon as I can.",
    "Hi! Leave a message.",
    "The person at {n} is not available. At the tone, please record your message. When you have finished, you may hang up.",
    "Thank you for calling. Our office is closed. We are open on weekdays, from nine to five. Please leave a message.",
)
KINDS = ("pure", "harmonics", "clipped", "two", "gliding", "swelling")
LOW_KEYS, HIGH_KEYS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)  # two of these are a key
LOUDEST_NOISE_DB = -36.0  # below the softest greeting
NETWORK = ((350, 440), (440, 480), (480, 620), (400, 450))  # and these a network's tone


@dataclass(frozen=True)
class Voicemail:
    """What the machine says; its beep is from `begins` to `ends`, samples at 8 kHz."""

    pcm: Samples
    begins: int
    ends: int
    kind: str
    frequency_hz: float
    level_db: float
    talker: str

    @property
    def described(self) -> str:
        """For a table."""
        return (
            f"{self.kind} {self.frequency_hz:.0f} Hz {1000 * (self.ends - self.begins) / RATE:.0f} ms "
            f"{self.level_db:.0f} dB, after {self.begins / RATE:.1f} s of {self.talker}"
        )


def rms(x: Floats) -> float:
    """Root mean square."""
    return float(np.sqrt((x**2).mean() + 1e-12))


# --- the greeting -------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def prompts() -> tuple[Path, ...]:
    """Of Asterisk, those that are long enough to be speech."""
    found = [path for name in PROMPT_LANGUAGES for path in sorted((PROMPTS / name).glob("*.wav"))]
    return tuple(path for path in found if path.stat().st_size > 2 * 1.2 * RATE and "tone" not in path.name)


def spoken(command: list[str]) -> Floats:
    """What a synthesiser writes into the file that the command ends with."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run([*command, str(path)], check=True, capture_output=True)
        return read_wav(path, RATE) / 32768


def greeting(rng: np.random.Generator) -> tuple[Floats, str]:
    """A voice, without silence before and behind, and whose it is."""
    makers = ["espeak-ng"] * bool(shutil.which("espeak-ng")) + ["flite"] * bool(shutil.which("flite"))
    makers += ["asterisk"] * bool(prompts())
    maker = str(rng.choice(makers)) if makers else "nobody"
    text = TEXTS[int(rng.integers(len(TEXTS)))].format(n=" ".join(str(d) for d in rng.integers(10, size=4)))
    if maker == "espeak-ng":
        name, pitch, words = str(rng.choice(ESPEAK_VOICES)), int(rng.integers(20, 80)), int(rng.integers(130, 200))
        x = spoken(["espeak-ng", "-v", name, "-p", str(pitch), "-s", str(words), text, "-w"])
    elif maker == "flite":
        name = str(rng.choice(FLITE_VOICES))
        x = spoken(["flite", "-voice", name, "-t", text, "-o"])
    elif maker == "asterisk":
        language = str(rng.choice(sorted({path.parent.name for path in prompts()})))
        own = [path for path in prompts() if path.parent.name == language]
        pieces: list[Floats] = []
        while sum(map(len, pieces)) < rng.uniform(2.0, 7.0) * RATE:
            path = own[int(rng.integers(len(own)))]
            pieces += [read_wav(path, RATE)[: 5 * RATE] / 32768, np.zeros(int(rng.uniform(0.05, 0.5) * RATE))]
        x, name = np.concatenate(pieces), language
    else:
        x, name = voice(float(rng.uniform(2.0, 7.0)), RATE, int(rng.integers(1000))) / 32768, ""
    loud = np.flatnonzero(np.abs(x) > 0.02 * np.abs(x).max())
    x = x[loud[0] : loud[-1] + 1]
    level = rms(x[np.abs(x) > 0.1 * np.abs(x).max()])
    return x / level * 10 ** (rng.uniform(-28, -14) / 20), f"{maker} {name}".strip()


# --- the beep -----------------------------------------------------------------------------------------------------------------------


def is_some_other_tone(low_hz: float, high_hz: float) -> bool:
    """Two frequencies that could not be told from a key, or from a network's tone."""
    near = lambda a, b: abs(a - b) < 0.035 * b  # noqa: E731
    key = any(near(low_hz, f) for f in LOW_KEYS) and any(near(high_hz, f) for f in HIGH_KEYS)
    return key or high_hz - low_hz < 80 or any(near(low_hz, a) and near(high_hz, b) for a, b in NETWORK)


def beep(rng: np.random.Generator) -> tuple[Floats, str, float, float]:
    """Sound, kind, frequency in Hz, level in dB of a full-scale sine."""
    kind = str(rng.choice(KINDS, p=[0.35, 0.15, 0.15, 0.12, 0.11, 0.12]))
    seconds = float(np.exp(rng.uniform(np.log(0.1), np.log(1.8))))
    hz, level_db = float(rng.uniform(350, 2500)), float(rng.uniform(-30, -4))
    n = round(seconds * RATE)
    t, phase = np.arange(n) / RATE, rng.uniform(0, 2 * np.pi)
    x = np.sin(2 * np.pi * hz * t + phase)
    if kind == "harmonics":
        for k in range(2, 6):
            if k * hz < 3500:
                x = x + 10 ** (rng.uniform(-30, -10) / 20) * np.sin(2 * np.pi * k * hz * t + rng.uniform(0, 2 * np.pi))
    elif kind == "clipped":
        fine = np.arange(4 * n) / (4 * RATE)  # clipped at a higher rate: nothing folds back
        most = 10 ** (-rng.uniform(1, 10) / 20)
        x = resample_poly(np.clip(np.sin(2 * np.pi * hz * fine + phase), -most, most), 1, 4)[:n]
    elif kind == "two":
        other = hz
        while is_some_other_tone(*sorted((hz, other))):
            other = float(rng.uniform(350, 2500))
        x = x + 10 ** (rng.uniform(-6, 0) / 20) * np.sin(2 * np.pi * other * t + rng.uniform(0, 2 * np.pi))
    elif kind == "gliding":
        x = np.sin(2 * np.pi * hz * (t + rng.uniform(-0.03, 0.03) * t**2 / (2 * seconds)) + phase)
    elif kind == "swelling":
        x = x * np.linspace(10 ** (-rng.uniform(6, 16) / 20), 1, n)[:: int(rng.choice([1, -1]))]
    attack, decay = (max(1, round(rng.uniform(0, ms) * RATE / 1000)) for ms in (12, 20))
    ramp = lambda m: 0.5 - 0.5 * np.cos(np.pi * np.arange(m) / m)  # noqa: E731
    x[:attack] *= ramp(attack)
    x[-decay:] *= ramp(decay)[::-1]
    loudest = np.sqrt(np.convolve(x**2, np.ones(160) / 160, "valid").max())
    return x / loudest * 10 ** ((level_db - 3.01) / 20), kind, hz, level_db


# --- all of it ----------------------------------------------------------------------------------------------------------------------


def voicemail(seed: int, number: int) -> Voicemail:
    """The `number`-th of a seed's."""
    rng = np.random.default_rng([seed, number])
    said, talker = greeting(rng)
    tone, kind, hz, level_db = beep(rng)
    lead, pause = (np.zeros(round(rng.uniform(*span) * RATE)) for span in ((0.1, 0.8), (0.1, 1.5)))
    tail = np.zeros(2 * RATE)
    x = np.concatenate([lead, said, pause, tone, tail])
    begins = len(lead) + len(said) + len(pause)
    noise = rng.standard_normal(len(x))
    if rng.random() < 0.4:  # like a room's: falling with frequency
        spectrum = np.fft.rfft(noise)
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1.0)), len(x))
    noise_db = min(level_db - 3.01 - rng.uniform(12, 40), LOUDEST_NOISE_DB)
    x += noise / rms(noise) * 10 ** (noise_db / 20)
    if rng.random() < 0.4:  # a hum
        x += 10 ** (rng.uniform(-60, -45) / 20) * np.sin(2 * np.pi * 50 * np.arange(len(x)) / RATE)
    pcm = np.clip(np.rint(32768 * x), -32768, 32767).astype(np.int16)
    return Voicemail(pcm, begins, begins + len(tone), kind, hz, level_db, talker)


def begins_after_s(mail: Voicemail, sent: Samples, heard: Samples, audible: float = 400.0) -> float | None:
    """From the end of the beep to the first audible sample of what the agent says, both as the phone recorded them; None: it says nothing.

    Parameters
    ----------
    mail : Voicemail
    sent, heard : int16 arrays, 8 kHz
        On one time axis.
    audible : float
        Amplitude.
    """
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > audible)
    if not len(loud):
        return None
    size = 1 << (len(sent) + len(mail.pcm)).bit_length()
    alike: Any = np.fft.irfft(np.fft.rfft(sent, size) * np.conj(np.fft.rfft(mail.pcm, size)), size)
    return float(loud[0] - (int(np.argmax(alike)) + mail.ends)) / RATE
