"""Lost frames: what the call makes of them, beside spandsp's concealment and nothing at all."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from peers import Missing, SpandspPlc

import talkpath as tp
from quality import material as m
from quality.scoring import aligned, mean, pesq, plcmos, usable

CONDITIONS = {"1 %": (0.01, 1), "5 %": (0.05, 1), "10 %": (0.10, 1), "20 %": (0.20, 1), "10 %, bursts of 2": (0.10, 2), "10 %, bursts of 4": (0.10, 4)}  # fmt: skip


class Concealer(Protocol):
    def receive(self, pcm: m.Samples) -> m.Samples: ...
    def conceal(self) -> m.Samples: ...


class Call:
    """Through the call, whose agent is silent."""

    def __init__(self) -> None:
        self.call = tp.CallPipeline(audio_format="pcm_8k", seed=1)

    def receive(self, pcm: m.Samples) -> m.Samples:
        self.call.transmit()
        return np.array(self.call.receive(tp.g711.ulaw_encode(pcm)).pcm)

    def conceal(self) -> m.Samples:
        self.call.transmit()
        return np.array(self.call.conceal().pcm)


class Silence:
    """Nothing is done."""

    def receive(self, pcm: m.Samples) -> m.Samples:
        return pcm

    def conceal(self) -> m.Samples:
        return np.zeros(m.FRAME, np.int16)


SYSTEMS: dict[str, Callable[[], Concealer]] = {"talkpath": Call, "spandsp": SpandspPlc, "silence": Silence}


def mask(condition: str, number: int, frames: int) -> np.ndarray:
    """Which frames are lost; never one of the first five."""
    rate, burst = CONDITIONS[condition]
    rng, lost = m.draws("losses", condition, number), np.zeros(frames, bool)
    while lost.mean() < rate * 0.95:
        at = int(rng.integers(5, frames - burst))
        lost[at : at + max(1, int(rng.geometric(1 / burst)))] = True
    return lost


def talk(number: int) -> m.Floats:
    rng = m.draws("losses talk", number)
    voices = [*(m.LANGUAGES if m.prompts("en") else ()), *(["hibari"] * (not m.available()["Hibari"]))] or m.agents()
    x = m.speech(voices[number % len(voices)], 6.0, rng)
    return x[: len(x) // m.FRAME * m.FRAME]


def measure(quick: bool) -> dict[str, Any]:
    talks = [talk(number) for number in range(1 if quick else 15)]
    judges, missing = usable(pesq=pesq, plcmos=plcmos)
    rows = []
    for who, make in SYSTEMS.items():
        row: dict[str, Any] = {"who": who}
        try:
            for condition in CONDITIONS:
                marks: dict[str, list[float]] = {name: [] for name in judges}
                for number, x in enumerate(talks):
                    frames, system = m.frames(m.ulaw(m.to_int16(x))), make()
                    lost = mask(condition, number, len(frames))
                    out = np.concatenate([system.conceal() if gone else system.receive(frame) for frame, gone in zip(frames, lost, strict=True)]) / 32768  # fmt: skip
                    for name, judge in judges.items():
                        marks[name].append(judge(out) if name == "plcmos" else judge(*aligned(x, out)))
                row[condition] = {name: mean(values) for name, values in marks.items()}
        except Missing as why:
            missing.append(f"{who}: not installed: {why}")
            continue
        rows.append(row)
    return {"rows": rows, "missing": missing, "talks": len(talks)}
