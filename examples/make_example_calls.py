"""Makes the two example calls in src/talkpath/data: stereo µ-law, left what comes from the line, right what the agent says.

    python examples/make_example_calls.py

Needs Debian's `flite` for the voices; everything else is computed here, with fixed seeds. The calls hold what a phone
agent meets: the agent's own voice coming back from a speakerphone, a caller who talks over it, key presses, line noise,
an answering machine's greeting and its beep.
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
NOISE_DBOV = -72.0  # a quiet line: barely above µ-law's smallest step, so the files stay small


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


def speakerphone(agent: np.ndarray, rng: np.random.Generator, delay_ms: float, loss_db: float) -> np.ndarray:
    """The agent's voice as a speakerphone returns it: overdriven small loudspeaker, room, network delay."""
    loudspeaker = np.tanh(3 * agent) / 3
    decay = np.exp(-np.arange(round(0.12 * RATE_HZ)) / (0.025 * RATE_HZ))
    room = rng.standard_normal(len(decay)) * decay
    room[0] = 2.0
    room /= np.sqrt((room**2).sum())
    echo = signal.sosfilt(signal.butter(2, [400, 3200], "bandpass", fs=RATE_HZ, output="sos"), loudspeaker)
    echo = np.convolve(echo, room)[: len(agent)] * 10 ** (-loss_db / 20)
    return np.concatenate([np.zeros(round(delay_ms * RATE_HZ / 1000)), echo])[: len(agent)]


def tone(frequency_hz: float, seconds: float, level_dbov: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    ramp = np.minimum(1, np.minimum(t, t[::-1]) / 0.005)
    return np.sqrt(2) * 10 ** (level_dbov / 20) * ramp * np.sin(2 * np.pi * frequency_hz * t)


def write(name: str, line: np.ndarray, agent: np.ndarray, rng: np.random.Generator) -> None:
    line = line + rng.standard_normal(len(line)) * 10 ** (NOISE_DBOV / 20)
    pcm = np.clip(np.rint(np.stack([line, agent], axis=1) * 32768), -32768, 32767).astype(np.int16)
    path = DATA / f"example_{name}.wav"
    wav.write_wav_coded(path, tp.g711.ulaw_encode(pcm.reshape(-1)), wav.ULAW, RATE_HZ, channels=2)
    print(f"{path.name}: {len(line) / RATE_HZ:.1f} s, {path.stat().st_size / 1024:.0f} KB")


def inbound() -> None:
    """Agent greets over a speakerphone, the caller barges in, then keys in an order number."""
    rng = np.random.default_rng(1)
    caller, agent = Track(19.5), Track(19.5)
    agent.add(
        0.4,
        say("Hi there! Thanks for calling Acme. You can ask me about orders, returns, or opening hours.", "slt", -22),
    )
    caller.add(3.4, say("Hello, I have a question about my order.", "rms", -20))
    agent.add(8.0, say("Sure. Please key in your order number.", "slt", -22))
    for i, digit in enumerate("4711#"):
        keys = tp.dtmf.generate(digit, RATE_HZ, tone_ms=110, level_dbov=-12.0).astype(np.float64) / 32768
        caller.add(11.4 + 0.35 * i, keys)
    agent.add(13.9, say("Thank you. Your order was shipped this morning.", "slt", -22))
    caller.add(17.6, say("Great, thanks. Bye.", "rms", -20))
    write("inbound", caller.samples + speakerphone(agent.samples, rng, delay_ms=180, loss_db=14), agent.samples, rng)


def voicemail() -> None:
    """An answering machine greets and beeps; the agent leaves its message."""
    rng = np.random.default_rng(2)
    line, agent = Track(13.0), Track(13.0)
    end_s = line.add(
        0.5,
        say("You have reached the Millers. We can't come to the phone right now. Please leave a message.", "awb", -21),
    )
    beep_s = line.add(end_s + 0.6, tone(1015.0, 0.42, -17))
    agent.add(beep_s + 0.3, say("Hello, this is Acme. Your order has arrived. Goodbye.", "slt", -22))
    write("voicemail", line.samples, agent.samples, rng)


if __name__ == "__main__":
    DATA.mkdir(exist_ok=True)
    inbound()
    voicemail()
