"""What the quality figures are measured on: voices, noises and lines, from installed packages and generated; nothing of it is kept.

Voices    Hibari (its wheel holds one voice), flite, espeak-ng, Asterisk's prompts, actors' lines of Debian's hedgewars-data
Music     Asterisk's music on hold
Noises    white, pink, hum, babble of the voices, the built-in backgrounds

Seeds and draws are this folder's own: no training of talkpath's networks used them. What the networks have never heard is named in `HELD_OUT`.
"""

import shutil
import subprocess
import tempfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from scipy import signal

import talkpath as tp
from talkpath import ambience

Floats = npt.NDArray[np.float64]
Samples = npt.NDArray[np.int16]

RATE = 8000
FRAME = RATE // 50
SEED = 240_024
SOUNDS = Path("/usr/share/asterisk/sounds")
MUSIC = Path("/usr/share/asterisk/moh")
ACTORS = Path("/usr/share/games/hedgewars/Data/Sounds/voices")
NEW_ACTORS = ("HillBilly", "Pirate", "Default_ru", "Default_uk", "Russian", "Singer")
NOT_WORDS = ("Laugh", "Poison", "Ooff", "Ow", "Jump", "Hmm", "Firepunch", "Oops", "Uh-oh", "Kamikaze", "Nooo", "Ouch")
NOT_SPEECH = ("beep", "ascending", "descending", "confbridge-", "tt-monkeys", "tt-weasels", "silence", "vm-tempremoved")
LANGUAGES = {"en": "en_US_f_Allison", "es": "es_MX_f_Allison", "fr": "fr_CA_f_June", "it": "it_IT_m_Carlo", "ru": "ru_RU_f_IvrvoiceRU"}  # fmt: skip
PACKAGES = {
    "Hibari": "pip install hibari-tts",
    "flite": "apt-get install flite",
    "espeak-ng": "apt-get install espeak-ng",
    "Asterisk's prompts": "apt-get install asterisk-core-sounds-{en,es,fr,it,ru}-wav",
    "music on hold": "apt-get install asterisk-moh-opsound-wav",
    "hedgewars-data": "apt-get install hedgewars-data",
}
HELD_OUT = """\
- Hibari's voice and the music on hold: no network has heard them.
- The actors of hedgewars-data named HillBilly, Pirate, Default_ru, Default_uk, Russian and Singer: no network has heard them. They judged earlier versions of the
  barge-in gate, so its constants were chosen with results on them in sight.
- English prompts: the noise suppressor and the echo suppressor have not heard them; the voice activity detector has. French and Russian prompts, flite's awb and kal16: the
  barge-in network has not heard them as agents.
- espeak-ng, other prompts, flite's other voices: the voice activity detector has learnt from them; they are here for the detectors that learn nothing
  (beeps, keys) and to make greetings of many voices.
- Noises, rooms, delays, losses, beeps and keys are drawn anew, from seeds of this folder's own."""
SENTENCES = (
    "Thank you for holding. I have found your reservation for two guests on the fourteenth, and I can change it for you right now.",
    "Your parcel left our warehouse this morning. It should arrive between nine and eleven tomorrow, unless the weather gets worse.",
    "I am calling from the dental practice to remind you of your appointment. Would you like to keep it, or shall we find another day?",
    "Before I can give you any details, I need to ask you a few questions. What is your date of birth, please?",
    "There are three ways to pay. You can use a card, a bank transfer, or you can settle the bill when our driver comes.",
    "We have received your message, and somebody will look into it. In the meantime, please keep the device switched off.",
    "The next train leaves at a quarter past six from platform nine. You will have to change once, and the journey takes two hours.",
    "Of course, that is not a problem at all. I will send you a new password by mail, and you can log in again in five minutes.",
)
WORDS = ("stop please", "wait a moment", "no, listen", "excuse me", "that is wrong", "one question", "hold on", "I said no", "not that one", "hello, can you hear me")  # fmt: skip


def available() -> dict[str, str]:
    """{package: "" or how to install it}."""
    try:
        import hibari

        has_hibari = bool(hibari)
    except ImportError:
        has_hibari = False
    here = {"Hibari": has_hibari, "flite": bool(shutil.which("flite")), "espeak-ng": bool(shutil.which("espeak-ng")),
            "Asterisk's prompts": all((SOUNDS / name).is_dir() for name in LANGUAGES.values()), "music on hold": MUSIC.is_dir(),
            "hedgewars-data": ACTORS.is_dir()}  # fmt: skip
    return {name: "" if here[name] else PACKAGES[name] for name in PACKAGES}


def draws(*key: int | str) -> np.random.Generator:
    """Random numbers of their own for everything that is drawn."""
    return np.random.default_rng([SEED, *(zlib.crc32(k.encode()) if isinstance(k, str) else k for k in key)])


def to_int16(x: Floats) -> Samples:
    return np.clip(np.rint(32768 * x), -32768, 32767).astype(np.int16)


def ulaw(pcm: Samples) -> Samples:
    return np.array(tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm)))


def rms(x: Floats) -> float:
    return float(np.sqrt(np.mean(x**2) + 1e-20))


def active(x: Floats, below_db: float = 27.0) -> npt.NDArray[np.bool_]:
    """Per 10 ms: it sounds, against its own loudest."""
    n = RATE // 100
    power = (x[: len(x) // n * n].reshape(-1, n) ** 2).mean(axis=1) + 1e-20
    loud = np.sort(power)[-max(1, len(power) // 10) :].mean()
    return power > loud * 10 ** (-below_db / 10)


def at_level(x: Floats, dbov: float) -> Floats:
    """Scaled so that what sounds of it has this level."""
    sounds = np.repeat(active(x), RATE // 100)
    return x / rms(x[: len(sounds)][sounds]) * 10 ** (dbov / 20)


def trimmed(x: Floats) -> Floats:
    """Without silence before and behind."""
    sounds = np.flatnonzero(active(x, 35.0))
    return x[sounds[0] * RATE // 100 : (sounds[-1] + 1) * RATE // 100] if len(sounds) else x


def read(path: Path) -> Floats:
    x, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return x[:, 0] if rate_hz == RATE else soxr.resample(x[:, 0], rate_hz, RATE, "HQ")


# --- voices ---------------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _hibari():  # type: ignore[no-untyped-def]
    from hibari import Hibari

    return Hibari(voice="heart")


@lru_cache(maxsize=512)
def said(voice: str, text: str, speed: float = 1.0) -> Floats:
    """A text by "hibari", "flite NAME" or "espeak NAME"."""
    if voice == "hibari":
        made = np.asarray(_hibari()(text, speed=speed, seed=7), float)
        return trimmed(soxr.resample(made, _hibari().sample_rate, RATE, "HQ"))
    maker, name = voice.split()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        if maker == "flite":
            command = [
                "flite",
                "-voice",
                name,
                "--setf",
                f"duration_stretch={1 / speed:.3f}",
                "-t",
                text,
                "-o",
                str(path),
            ]
        else:
            command = ["espeak-ng", "-v", name, "-s", str(round(165 * speed)), text, "-w", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        return trimmed(read(path))


@lru_cache(maxsize=8)
def prompts(language: str, at_least_s: float = 1.2, at_most_s: float = 8.0) -> tuple[Path, ...]:
    folder = SOUNDS / LANGUAGES[language]
    sizes = (2 * RATE * at_least_s, 2 * RATE * at_most_s)
    found = sorted(folder.glob("*.wav"))
    return tuple(p for p in found if sizes[0] < p.stat().st_size < sizes[1] and not p.name.startswith(NOT_SPEECH))


@lru_cache(maxsize=2048)
def prompt(path: Path) -> Floats:
    return trimmed(read(path))


@lru_cache(maxsize=1)
def actors_lines() -> tuple[Path, ...]:
    found = [p for name in NEW_ACTORS for p in sorted((ACTORS / name).glob("*.ogg"))]
    return tuple(p for p in found if not p.name.startswith(NOT_WORDS))


def agents() -> list[str]:
    """Voices that speak for the agent: those that the barge-in network has not heard as one."""
    here = available()
    return ["hibari"] * (not here["Hibari"]) + ["flite awb", "flite kal16"] * (not here["flite"]) + ["fr", "ru"] * (not here["Asterisk's prompts"])  # fmt: skip


def speech(voice: str, seconds: float, rng: np.random.Generator) -> Floats:
    """So much of a voice, pauses of 0.2 to 0.8 s in it."""
    parts: list[Floats] = []
    while sum(map(len, parts)) < seconds * RATE:
        if voice in LANGUAGES:
            x = prompt(prompts(voice)[int(rng.integers(len(prompts(voice))))])
        else:
            x = said(voice, SENTENCES[int(rng.integers(len(SENTENCES)))])
        parts += [at_level(x, -22.0), np.zeros(round(rng.uniform(0.2, 0.8) * RATE))]
    x = np.concatenate(parts)[: round(seconds * RATE)].copy()
    x[-80:] *= np.linspace(1, 0, 80)
    return x


def word(rng: np.random.Generator, at_least_s: float, at_most_s: float) -> Floats:
    """Something a caller says: an actor's line where there are some, else Hibari's or espeak-ng's."""
    for _ in range(200):
        lines = actors_lines()
        if lines and rng.random() < 0.8:
            x = trimmed(read(lines[int(rng.integers(len(lines)))]))
        else:
            voice = "hibari" if not available()["Hibari"] else "espeak en-gb+f2"
            x = said(voice, WORDS[int(rng.integers(len(WORDS)))], round(float(rng.choice([0.9, 1.0, 1.1])), 1))
        if len(x) > at_most_s * RATE:
            x = trimmed(x[: round(at_most_s * RATE)])
        if at_least_s * RATE <= len(x):
            return x
    raise RuntimeError("no word of that length")


# --- noises and lines -----------------------------------------------------------------------------------------------------------------


def piece(x: Floats, n: int, rng: np.random.Generator) -> Floats:
    """Any n samples of a longer sound."""
    if len(x) < n:
        x = np.tile(x, n // len(x) + 1)
    at = int(rng.integers(len(x) - n + 1))
    return x[at : at + n]


@lru_cache(maxsize=8)
def music(number: int) -> Floats:
    files = sorted(MUSIC.glob("*.wav"))
    return read(files[number % len(files)])


NOISES = ("white", "pink", "hum", "babble", "office", "music")


def noise(kind: str, n: int, rng: np.random.Generator) -> Floats:
    """n samples, rms 1."""
    if kind == "music" and MUSIC.is_dir():
        x = piece(music(int(rng.integers(5))), n, rng)
    elif kind == "babble":
        x = sum((piece(speech(voice, n / RATE + 1, rng), n, rng) for voice in (*agents(), *agents())), np.zeros(n))
    elif kind == "office":
        x = piece(ambience.generate("office", RATE) / 32768, n, rng)
    elif kind == "hum":
        t = np.arange(n) / RATE
        x = 0.1 * rng.standard_normal(n) + sum(np.sin(2 * np.pi * 50 * k * t + k) / k for k in range(1, 12))
    else:
        x = rng.standard_normal(n)
        if kind == "pink":
            spectrum = np.fft.rfft(x)
            x = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 8)), n)
    return np.asarray(x) / rms(np.asarray(x))


_TELEPHONE = signal.butter(4, [280, 3450], "bandpass", fs=RATE, output="sos")


def telephone_band(x: Floats) -> Floats:
    return np.asarray(signal.sosfilt(_TELEPHONE, x))


def gsm(pcm: Samples) -> Samples:
    """There and back through GSM 06.10."""
    with tempfile.TemporaryFile() as file:
        soundfile.write(file, pcm, RATE, format="WAV", subtype="GSM610")
        file.seek(0)
        back = soundfile.read(file, dtype="int16")[0]
    return np.pad(back[: len(pcm)], (0, max(0, len(pcm) - len(back))))


def echo_path(rng: np.random.Generator) -> tuple[Floats, bool]:
    """Impulse response, its delay in it, and whether the loudspeaker distorts."""
    tail_s = float(rng.choice([0.006, 0.012, 0.06, 0.12, 0.2]))
    n = round(tail_s * RATE)
    taps = rng.standard_normal(n) * 10 ** (-2 * np.arange(n) / n)
    taps[0] += 2 * rng.choice([-1, 1])
    taps *= 10 ** (-rng.uniform(4, 30) / 20) / np.sqrt((taps**2).sum())
    return np.concatenate([np.zeros(round(rng.uniform(0.05, 0.42) * RATE)), taps]), bool(rng.random() < 0.4)


def echo_of(far: Floats, path: Floats, distorts: bool) -> Floats:
    if distorts:
        peak = np.percentile(np.abs(far), 99.9) + 1e-9
        far = peak * np.tanh(2.5 * far / peak) / np.tanh(2.5)
    return np.asarray(signal.fftconvolve(far, path)[: len(far)])


def frames(pcm: Samples) -> list[Samples]:
    return [pcm[at : at + FRAME] for at in range(0, len(pcm) - FRAME + 1, FRAME)]
