"""What the detectors are trained on: speech that registries ship or synthesisers make, and noises made here.

Speech    telephone prompts (Debian: asterisk-core-sounds-{en,es,fr,it,ru}-wav, asterisk-prompt-es-co,
          asterisk-prompt-fr-armelle), syllables and words by volunteers in some 30 languages (klettres-data,
          ktuberling-data, tuxpaint-stamps-default), and synthesis (espeak-ng, flite)
Music     of games (Debian: frozen-bubble-data, lincity-ng-data, neverball-data, pingus-data) and tunes made here; hold
          music proper (asterisk-moh-opsound-wav) stays unseen, for tests
Noises    white, pink, brown, hum, babble, crowds, clicks, typing, dishes, wind, engines, breath, tones, generated;
          crowds, traffic, machines, animals, tools of lincity-ng-data, tuxpaint-stamps-default, wesnoth-1.16-data
Line      level, spectral tilt, band limits, room, G.711

Everything is drawn from seeds; the same packages give the same data, but for the last bits of a few tunes (.it), which ffmpeg's
module player renders a little differently each time.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy import signal

import talkpath as tp

RATE_HZ = 8000
HOP, HOP_MS = 80, 10
FILL_MS, PAD_MS = 130, 20
SOUNDS = Path("/usr/share")
NOT_SPEECH = ("beep", "ascending", "descending", "confbridge-", "tt-monkeys", "tt-weasels", "silence", "/is.")
ESPEAK_VOICES = ("en-us", "en-gb", "de", "fr", "es", "it", "ru", "pt", "nl", "pl", "hi", "tr", "sv", "el", "cmn", "fi")
VOICED = re.compile("human|elf|dwarf|orc|troll|goblin|naga|drake|mermen|merm|lich|ghost|cheer|hit|die")
TEXTS = {
    "en": "Hello, good morning. I would like to know whether my order has been shipped. No, it was the one from last Tuesday.",
    "de": "Guten Tag, ich hätte eine Frage zu meiner Rechnung. Nein, das war schon im letzten Monat so.",
    "fr": "Bonjour, je voudrais savoir où en est ma commande. Oui, celle de mardi dernier, merci beaucoup.",
    "es": "Hola, buenos días. Quisiera saber si mi pedido ya ha salido. Sí, el del martes pasado.",
}


def decode(path: Path, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Any audio file as mono float; empty when it cannot be read."""
    if path.suffix in (".it", ".g722"):
        command = [
            "ffmpeg",
            "-v",
            "quiet",
            "-i",
            str(path),
            "-t",
            "120",
            "-f",
            "s16le",
            "-ac",
            "1",
            "-ar",
            str(rate_hz),
            "-",
        ]
        raw = subprocess.run(command, capture_output=True).stdout
        return np.frombuffer(raw, np.int16).astype(np.float32) / 32768
    raw_gsm = {"format": "RAW", "subtype": "GSM610", "samplerate": 8000, "channels": 1} if path.suffix == ".gsm" else {}
    try:
        x, from_hz = soundfile.read(path, dtype="float32", always_2d=True, **raw_gsm)
    except soundfile.LibsndfileError:
        return np.zeros(0, np.float32)
    return soxr.resample(x.mean(axis=1), from_hz, rate_hz).astype(np.float32)


def trimmed(x: np.ndarray, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Without silence at both ends; empty when there is nothing else."""
    edge, width = rate_hz // 100, rate_hz // 50
    if len(x) < 10 * edge:
        return x[:0]
    power = np.convolve(x**2, np.ones(width) / width, "same")
    loud = np.flatnonzero(power > power.max() * 1e-3)
    return x[max(0, loud[0] - edge) : loud[-1] + edge] if power.max() > 1e-7 else x[:0]


def speakers() -> dict[str, list[Path]]:
    """{speaker: files}."""
    found: dict[str, list[Path]] = {}
    for folder in sorted((SOUNDS / "asterisk/sounds").iterdir()):
        files = [p for p in sorted(folder.rglob("*")) if p.suffix in (".wav", ".gsm") and p.is_file()]
        files = [p for p in files if not any(word in str(p) for word in NOT_SPEECH) and not folder.is_symlink()]
        if len(files) > 20:
            found[folder.name] = files
    for pattern in ("klettres/*", "ktuberling/sounds/*"):
        for folder in sorted(SOUNDS.glob(pattern)):
            files = (
                sorted(p for p in folder.rglob("*") if p.suffix in (".ogg", ".wav", ".opus")) if folder.is_dir() else []
            )
            if files:
                found[f"{folder.parent.name}-{folder.name}"] = files
    for path in sorted((SOUNDS / "tuxpaint/stamps").rglob("*_desc_??.ogg")):
        found.setdefault(f"tuxpaint-{path.stem[-2:]}", []).append(path)
    return found


def dialogue() -> dict[str, list[Path]]:
    """{speaker: files} of Debian's fillets-ng-data-{cs,nl}: two actors each, and whoever else speaks, in sentences and cries."""
    found: dict[str, list[Path]] = {}
    for language in ("cs", "nl"):
        for path in sorted((SOUNDS / "games/fillets-ng/sound").rglob(f"{language}/*.ogg")):
            who = path.stem.split("-")[1] if path.stem.count("-") > 1 else "x"
            found.setdefault(f"fillets-{language}-{who if who in ('m', 'v') else 'others'}", []).append(path)
    return found


def synthesised(rate_hz: int = RATE_HZ) -> Iterator[tuple[str, np.ndarray]]:
    """espeak-ng in several languages, pitches and speeds; flite's voices."""
    rng = np.random.default_rng(7)
    for voice in ESPEAK_VOICES:
        for variant in ("", "+f2", "+m3"):
            text = TEXTS.get(voice[:2], TEXTS["en"])
            command = ["espeak-ng", "-v", voice + variant, "-p", str(rng.integers(20, 80)), "-s", str(rng.integers(120, 200)),
                       "--stdout", text]  # fmt: skip
            raw = subprocess.run(command, capture_output=True).stdout
            if len(raw) > 2000:
                yield f"espeak-{voice}{variant}", tp.read_wav(raw, rate_hz).astype(np.float32) / 32768
    for voice in ("kal16", "awb", "rms", "slt"):
        path = Path(tempfile.gettempdir()) / f"talkpath-flite-{voice}.wav"
        subprocess.run(["flite", "-voice", voice, "-t", TEXTS["en"], "-o", str(path)], check=True)
        yield f"flite-{voice}", tp.read_wav(path, rate_hz).astype(np.float32) / 32768
        path.unlink()


def load_speech(
    per_speaker: int, seed: int, rate_hz: int = RATE_HZ, chosen: dict[str, list[Path]] | None = None
) -> dict[str, list[np.ndarray]]:
    """{speaker: clips}, at most `per_speaker` seconds of each; of the `chosen` files, or else of speakers()."""
    rng = np.random.default_rng(seed)
    pool: dict[str, list[np.ndarray]] = {}
    for name, files in (chosen or speakers()).items():
        seconds, clips = 0.0, []
        for i in rng.permutation(len(files)):
            clip = trimmed(decode(files[i], rate_hz), rate_hz)[: 10 * rate_hz]
            if len(clip) > 0.15 * rate_hz:
                clips.append(clip)
                seconds += len(clip) / rate_hz
            if seconds > per_speaker:
                break
        if clips:
            pool[name] = clips
    for name, speech in synthesised(rate_hz):
        pool[name] = [trimmed(speech, rate_hz)]
    return pool


def load_music(rate_hz: int = RATE_HZ) -> list[np.ndarray]:
    files = [p for pattern in ("frozen-bubble/snd/*zik*.ogg", "lincity-ng/music/*/*.ogg", "neverball/bgm/*.ogg", "pingus/data/music/*.it")
             for p in sorted((SOUNDS / "games").glob(pattern))]  # fmt: skip
    tracks = [decode(p, rate_hz)[: 300 * rate_hz] for p in files]
    return [track for track in tracks if len(track) > 20 * rate_hz]


def load_noises(rate_hz: int = RATE_HZ) -> list[np.ndarray]:
    files = [p for p in sorted((SOUNDS / "games/lincity-ng/sounds").glob("*.wav")) if not p.name.startswith("School")]
    files += [
        p for p in sorted((SOUNDS / "tuxpaint/stamps").rglob("*.ogg")) if "_" not in p.stem and "symbols" not in p.parts
    ]
    files += [
        p for p in sorted((SOUNDS / "games/wesnoth/1.16/data/core/sounds").rglob("*.ogg")) if not VOICED.search(p.name)
    ]
    noises = [decode(p, rate_hz) for p in files]
    return [noise for noise in noises if len(noise) > rate_hz // 2]


def activity(clip: np.ndarray, hop: int = HOP) -> np.ndarray:
    """1 where a recording of speech sounds, per sample: 35 dB below its loud parts or above, and above its own noise."""
    n = len(clip) // hop
    power = (clip[: n * hop].reshape(n, hop) ** 2).mean(axis=1) + 1e-12
    loud = np.percentile(power[power > power.max() * 1e-4], 90)
    noise = np.percentile(power, 2)
    speech = power > max(loud * 10**-3.5, min(noise * 4, loud * 10**-2.2))
    return np.resize(np.repeat(speech, hop).astype(np.float32), len(clip))


def labels(active: np.ndarray) -> np.ndarray:
    """Per hop, as people label: pauses shorter than FILL_MS belong to the speech, and so does PAD_MS at both ends."""
    speech = active[: len(active) // HOP * HOP].reshape(-1, HOP).mean(axis=1) > 0.5
    edges = np.flatnonzero(np.diff(np.concatenate([[0], speech.astype(int), [0]])))
    for end, start in zip(edges[1::2][:-1], edges[::2][1:], strict=True):
        if (start - end) * HOP_MS < FILL_MS:
            speech[end:start] = True
    pad = PAD_MS // HOP_MS
    return np.convolve(speech, np.ones(2 * pad + 1), "same").clip(0, 1).astype(np.float32)


def level(x: np.ndarray, rate_hz: int = RATE_HZ) -> float:
    """rms of the frames within 25 dB of the loudest."""
    width = rate_hz // 50
    n = len(x) // width
    power = (x[: n * width].reshape(n, width) ** 2).mean(axis=1) if n else np.array([np.mean(x**2) + 1e-20])
    return float(np.sqrt(power[power >= power.max() * 10**-2.5].mean() + 1e-20))


class Mixer:
    """Draws labelled telephone audio."""

    def __init__(
        self, speech: dict[str, list[np.ndarray]], music: list[np.ndarray], noises: list[np.ndarray], seed: int,
        harder: bool = False, rate_hz: int = RATE_HZ,
    ) -> None:  # fmt: skip
        self.speech, self.music, self.noises, self.names = speech, music, noises, sorted(speech)
        self.rng, self.harder, self.rate_hz = np.random.default_rng(seed), harder, rate_hz
        amount = np.sqrt([sum(map(len, speech[name])) for name in self.names])
        self.shares = amount / amount.sum()

    def talker(self) -> list[np.ndarray]:
        return self.speech[self.names[self.rng.choice(len(self.names), p=self.shares)]]

    def clip(self) -> np.ndarray:
        clips = self.talker()
        return clips[self.rng.integers(len(clips))]

    def voice(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """One talker with pauses, at unit active level, and where speech sounds."""
        rng, out, active = self.rng, np.zeros(n, np.float32), np.zeros(n, np.float32)
        clips = self.talker()
        at = int(rng.exponential(0.7) * self.rate_hz)
        while at < n:
            clip = clips[rng.integers(len(clips))]
            if rng.random() < 0.15:  # another speed, and with it another pitch
                clip = signal.resample_poly(clip, *((9, 10), (10, 9), (17, 20), (23, 20))[rng.integers(4)]).astype(
                    np.float32
                )
            sounds = activity(clip, self.rate_hz // 100)
            if self.harder and not active.any() and rng.random() < 0.5:  # the stream begins within speech
                at, skipped = 0, rng.integers(0, len(clip) // 2)
                clip, sounds = clip[skipped:], sounds[skipped:]
            sounds = sounds[: n - at]
            clip = clip[: n - at] / level(clip, self.rate_hz) * 10 ** (rng.normal(0, 2) / 20)
            out[at : at + len(clip)] += clip
            active[at : at + len(clip)] = sounds
            at += len(clip) + int(rng.choice([rng.uniform(0.03, 0.4), rng.exponential(1.2)]) * self.rate_hz)
        return out, active

    def babble(self, n: int) -> np.ndarray:
        out = np.zeros(n, np.float32)
        for _ in range(self.rng.integers(3, 10)):
            track = np.concatenate([np.zeros(0, np.float32), *(self.clip() for _ in range(12))])
            track = np.resize(track, n + self.rate_hz)
            start = self.rng.integers(0, self.rate_hz)
            out += track[start : start + n] / level(track, self.rate_hz)
        if self.rng.random() < 0.6:
            out = self.room(out, self.rng.uniform(0.3, 0.8))
        return out

    def room(self, x: np.ndarray, rt60_s: float) -> np.ndarray:
        n = int(rt60_s * self.rate_hz)
        tail = self.rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)
        tail[0] = self.rng.uniform(2, 12)
        return np.convolve(x, tail / np.sqrt((tail**2).sum()))[: len(x)].astype(np.float32)

    def colored(self, n: int, exponent: float) -> np.ndarray:
        spectrum = np.fft.rfft(self.rng.standard_normal(n))
        f = np.maximum(np.arange(len(spectrum)), 1) / len(spectrum)
        return np.fft.irfft(spectrum * f**-exponent, n).astype(np.float32)

    def impulses(self, n: int) -> np.ndarray:
        """Typing, clicks, dishes: short resonant bursts, alone or in runs."""
        rng, out = self.rng, np.zeros(n, np.float32)
        rate, ring = rng.uniform(0.5, 12), rng.choice([0.004, 0.02, 0.12])
        at = 0.0
        while True:
            at += rng.exponential(1 / rate) + 0.02
            start = int(at * self.rate_hz)
            if start >= n:
                return out
            m = min(int(ring * 6 * self.rate_hz), n - start)
            t = np.arange(m) / self.rate_hz
            body = sum(
                np.sin(2 * np.pi * rng.uniform(300, 0.475 * self.rate_hz) * t) for _ in range(rng.integers(0, 4))
            )
            burst = (
                (rng.standard_normal(m) * rng.uniform(0, 1) + body) * np.exp(-t / ring) * 10 ** (rng.normal(0, 5) / 20)
            )
            out[start : start + m] += burst

    def tones(self, n: int) -> np.ndarray:
        """Network tones, keys and beeps, with cadences."""
        rng, t = self.rng, np.arange(n) / self.rate_hz
        kind = rng.integers(4)
        if kind == 0:
            pair = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477, 1633])
            on, off = rng.uniform(0.05, 0.3, 2)
        elif kind == 1:
            pair = ((440, 480), (425, 425), (480, 620), (350, 440), (400, 450))[rng.integers(5)]
            on, off = ((2, 4), (1, 4), (0.5, 0.5), (0.25, 0.25), (9, 0.1), (0.4, 0.2))[rng.integers(6)]
        else:
            pair = (rng.uniform(300, 2800),) * 2
            on, off = rng.uniform(0.08, 2), rng.uniform(0.1, 3)
        gate = ((t + rng.uniform(0, 5)) % (on + off)) < on
        return (gate * (np.sin(2 * np.pi * pair[0] * t) + np.sin(2 * np.pi * pair[1] * t))).astype(np.float32)

    def hum(self, n: int) -> np.ndarray:
        t, base = np.arange(n) / self.rate_hz, self.rng.choice([50.0, 60.0, 100.0, 120.0, self.rng.uniform(60, 250)])
        parts = [
            np.sin(2 * np.pi * base * k * t + self.rng.uniform(0, 6)) * self.rng.uniform(0, 1) / k for k in range(1, 20)
        ]
        return (sum(parts) + 0.2 * self.colored(n, 0.5)).astype(np.float32)

    def swells(self, n: int) -> np.ndarray:
        """Wind, traffic, breath: coloured noise with a slow envelope."""
        knots = self.rng.exponential(1, max(4, int(n / self.rate_hz * self.rng.uniform(0.5, 5)))) ** 1.5
        envelope = np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)
        noise = self.colored(n, self.rng.uniform(0, 1.2))
        if self.rng.random() < 0.5:
            low = self.rng.uniform(200, 1500)
            noise = signal.sosfilt(signal.butter(2, [low, low * 2], "bandpass", fs=self.rate_hz, output="sos"), noise)
        return (noise * envelope).astype(np.float32)

    def tune(self, n: int) -> np.ndarray:
        """Notes with partials, chords, a beat."""
        rng, out = self.rng, np.zeros(n, np.float32)
        scale = np.array([0, 2, 4, 5, 7, 9, 11]) + rng.integers(12)
        for _ in range(rng.integers(1, 4)):  # instruments
            beat_s, octave, partials = rng.uniform(0.12, 0.6), rng.integers(2, 6), rng.integers(1, 14)
            decay_s, tilt, vibrato = (
                rng.uniform(0.1, 1.5),
                rng.uniform(0.5, 2),
                rng.choice([0, 0, rng.uniform(0.002, 0.02)]),
            )
            chord = rng.choice([1, 1, 3, 4])
            at = 0
            while at < n:
                m = min(int(beat_s * rng.choice([0.5, 1, 1, 2, 4]) * self.rate_hz) + 1, n - at)
                t = np.arange(m) / self.rate_hz
                envelope = (
                    np.minimum(t / 0.01, 1)
                    * np.exp(-t / decay_s)
                    * np.minimum((m - np.arange(m)) / (self.rate_hz // 100), 1)
                )
                for degree in rng.integers(7) + 2 * np.arange(chord):
                    hz = 16.35 * 2 ** (octave + (scale[degree % 7] + 12 * (degree // 7)) / 12)
                    phase = 2 * np.pi * hz * (t + vibrato * np.sin(2 * np.pi * 5.5 * t) / (2 * np.pi * 5.5))
                    for k in range(1, partials + 1):
                        if hz * k < 0.475 * self.rate_hz:
                            out[at : at + m] += envelope * k**-tilt * np.sin(k * phase + k)
                at += m if rng.random() < 0.9 else 2 * m
        if rng.random() < 0.5:
            out += rng.uniform(0.1, 0.5) * out.std() * self.impulses(n)
        return out

    def song(self, n: int) -> np.ndarray:
        if self.rng.random() < 0.5:
            return self.tune(n)
        track = self.music[self.rng.integers(len(self.music))]
        if self.rng.random() < 0.5:
            start = self.rng.integers(0, max(1, len(track) - 2 * n))
            up, down = ((4, 5), (9, 10), (10, 9), (5, 4))[self.rng.integers(4)]
            return np.resize(signal.resample_poly(track[start : start + 2 * n], up, down), n).astype(np.float32)
        start = self.rng.integers(0, max(1, len(track) - n))
        return np.resize(track[start : start + n], n)

    def cries(self, n: int) -> np.ndarray:
        """Sirens, birds, babies, squeaks: gliding harmonics above the pitch of speech."""
        rng, out, at = self.rng, np.zeros(n, np.float32), 0
        base, partials, tilt = np.exp(rng.uniform(np.log(380), np.log(2500))), rng.integers(1, 8), rng.uniform(0, 1.5)
        length_s, pause_s = rng.uniform(0.08, 1.5), rng.exponential(0.6)
        while at < n:
            m = min(int(length_s * rng.uniform(0.6, 1.4) * self.rate_hz) + self.rate_hz // 80, n - at)
            knots = base * 2 ** rng.uniform(-0.4, 0.4, rng.integers(2, 6))
            hz = np.interp(np.linspace(0, len(knots) - 1, m), np.arange(len(knots)), knots)
            phase = 2 * np.pi * np.cumsum(hz) / self.rate_hz
            envelope = np.sin(np.pi * (np.arange(m) + 1) / (m + 1)) ** rng.uniform(0.2, 1)
            out[at : at + m] += envelope * sum(
                np.where(hz * k < 0.475 * self.rate_hz, k**-tilt * np.sin(k * phase), 0) for k in range(1, partials + 1)
            )
            at += m + int(rng.exponential(pause_s) * self.rate_hz)
        return out

    def recorded(self, n: int) -> np.ndarray:
        """A recorded noise, over and over, at another speed and from another place each time."""
        out, at, track = np.zeros(n, np.float32), 0, self.noises[self.rng.integers(len(self.noises))]
        track = signal.resample_poly(track, *((1, 1), (3, 4), (4, 3), (7, 8))[self.rng.integers(4)]).astype(np.float32)
        fade = np.minimum(np.arange(len(track)), np.arange(len(track))[::-1]).clip(0, self.rate_hz // 10).astype(
            np.float32
        ) / (self.rate_hz // 10)
        track = track * fade
        while at < n:
            piece = np.roll(track, self.rng.integers(len(track))) if self.rng.random() < 0.3 else track
            m = min(len(piece), n - at)
            out[at : at + m] += piece[:m]
            at += (
                max(1, m - self.rate_hz // 20)
                if self.rng.random() < 0.7
                else m + int(self.rng.exponential(0.7) * self.rate_hz)
            )
        return out

    def noise(self, n: int) -> np.ndarray:
        """One kind, or two, at unit level."""
        kinds = [lambda n: self.colored(n, self.rng.uniform(0, 1)), self.babble, self.babble, self.impulses, self.impulses, self.tones,
                 self.hum, self.swells, self.swells, self.song, self.song, self.recorded, self.recorded, self.recorded]  # fmt: skip
        out = np.zeros(n, np.float32)
        for _ in range(1 + (self.rng.random() < 0.3)):
            kind = kinds[self.rng.integers(len(kinds))]
            if self.harder and self.rng.random() < 0.6:
                kind = (self.song, self.song, self.cries)[self.rng.integers(3)]
            x = kind(n)
            out = out + x / (np.sqrt((x**2).mean()) + 1e-9)
        return out / (np.sqrt((out**2).mean()) + 1e-9)

    def draw(self, seconds: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(int16 samples, the clean speech in them at unit active level, where it sounds) of one telephone signal."""
        rng, n = self.rng, round(seconds * self.rate_hz)
        clean, active = (
            self.voice(n) if rng.random() < (0.65 if self.harder else 0.87) else np.zeros((2, n), np.float32)
        )
        line = self.room(clean, rng.uniform(0.1, 0.5)) if rng.random() < 0.3 else clean
        x = line.copy()
        if rng.random() < 0.85:
            snr_db = rng.uniform(-5, 40) if rng.random() < 0.3 else rng.uniform(-3, 20)
            noise = self.noise(n) * 10 ** (-snr_db / 20)
            if rng.random() < 0.2:  # comes or goes
                edge = rng.integers(0, n)
                noise[:edge] *= rng.uniform(0, 0.3)
            x = x + noise
        if rng.random() < 0.5:
            tilt = rng.uniform(-0.7, 0.7)
            x = signal.lfilter([1, tilt], [1], x)
        if rng.random() < 0.6:
            band = [rng.uniform(60, 320), rng.uniform(3000, 3700)]
            x = signal.sosfilt(signal.butter(2, band, "bandpass", fs=self.rate_hz, output="sos"), x)
        gain = 10 ** (rng.uniform(-42, -8) / 20)
        x = x * gain + rng.standard_normal(n) * 10 ** (rng.uniform(-85, -58) / 20)
        pcm = np.clip(np.rint(x * 32768), -32768, 32767).astype(np.int16)
        law = rng.random()
        if law < 0.6:
            pcm = tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm))
        elif law < 0.75:
            pcm = tp.g711.alaw_decode(tp.g711.alaw_encode(pcm))
        return pcm, clean, active
