"""Makes the two example calls in src/talkpath/data: stereo µ-law, left what comes from the line, right what the agent says.

    python examples/make_example_calls.py

Needs Debian's `flite` for the voices. The calls hold what a phone agent meets: a caller who talks over it, key presses, an
answering machine's greeting and its beep. Echo and line noise come at run time (`talkpath demo`), so the files are small.
"""

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from scipy import signal

import talkpath as tp
from talkpath import wav

RATE_HZ = 8000
DATA = Path(__file__).resolve().parent.parent / "src/talkpath/data"


def say(text: str, voice: str, level_dbov: float) -> np.ndarray:
    """Speech at an active level, float in ±1.0, 300–3400 Hz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        speech = wav.read_wav(path, RATE_HZ).astype(np.float64) / 32768
    speech = signal.sosfilt(signal.butter(2, [250, 3500], "bandpass", fs=RATE_HZ, output="sos"), speech)
    active = np.abs(speech) > 0.02 * np.abs(speech).max()
    return speech * 10 ** (level_dbov / 20) / np.sqrt((speech[active] ** 2).mean())


class Track:
    """One direction of a call."""

    def __init__(self, seconds: float) -> None:
        self.samples = np.zeros(round(seconds * RATE_HZ))

    def add(self, at_s: float, sound: np.ndarray) -> float:
        """Mixes a sound in; returns when it ends."""
        start = round(at_s * RATE_HZ)
        self.samples[start : start + len(sound)] += sound[: len(self.samples) - start]
        return at_s + len(sound) / RATE_HZ


def tone(frequency_hz: float, seconds: float, level_dbov: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    ramp = np.minimum(1, np.minimum(t, t[::-1]) / 0.005)
    return np.sqrt(2) * 10 ** (level_dbov / 20) * ramp * np.sin(2 * np.pi * frequency_hz * t)


def write(name: str, line: np.ndarray, agent: np.ndarray) -> None:
    pcm = np.clip(np.rint(np.stack([line, agent], axis=1) * 32768), -32768, 32767).astype(np.int16)
    path = DATA / f"example_{name}.wav"
    codes = np.frombuffer(tp.g711.ulaw_encode(pcm.reshape(-1)), np.uint8) | 3  # six bits: files that zip well
    wav.write_wav_coded(path, codes.tobytes(), wav.ULAW, RATE_HZ, channels=2)
    print(f"{path.name}: {len(line) / RATE_HZ:.1f} s, {path.stat().st_size / 1024:.0f} KB")


def inbound() -> None:
    """Agent greets, the caller barges in, then keys in an order number."""
    caller, agent = Track(15.0), Track(15.0)
    agent.add(
        0.4,
        say("Hi, this is Acme. You can ask me about orders or opening hours.", "slt", -22),
    )
    caller.add(2.6, say("Hello, I have a question about my order.", "rms", -20))
    agent.add(6.6, say("Please key in your order number.", "slt", -22))
    for i, digit in enumerate("4711#"):
        keys = tp.dtmf.generate(digit, RATE_HZ, tone_ms=110, level_dbov=-12.0).astype(np.float64) / 32768
        caller.add(9.2 + 0.35 * i, keys)
    agent.add(12.2, say("It was shipped this morning.", "slt", -22))
    write("inbound", caller.samples, agent.samples)


def voicemail() -> None:
    """An answering machine greets and beeps; the agent leaves its message."""
    line, agent = Track(10.5), Track(10.5)
    end_s = line.add(
        0.5,
        say("You have reached the Millers. Please leave a message after the tone.", "awb", -21),
    )
    beep_s = line.add(end_s + 0.6, tone(1015.0, 0.42, -17))
    agent.add(beep_s + 0.3, say("Hello, this is Acme. Your order has arrived.", "slt", -22))
    write("voicemail", line.samples, agent.samples)


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    inbound()
    voicemail()
