"""Does silence after speech cost more than speech? Numbers that fade below 1e-38 would make some machines a hundred times slower.

    python bench/denormals.py [--minutes 15]

Every kernel with a state that fades hears 40 s of speech, then digital silence; so does a call. Both are timed by the thread's own clock in the same
process, a second of audio at a time. Printed: the time of a second of speech (its median) and of silence (the slowest lower quartile of any 20 of
them), and their ratio. Exits with 1 when silence costs more than twice as much somewhere, which the scatter of a busy machine does not reach.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]
from scenario import voice  # noqa: E402

import talkpath as tp  # noqa: E402

RATE_HZ, SPEECH_S = 8000, 20
Hear = Callable[[np.ndarray], Any]


def framed(step: Callable[[np.ndarray], Any]) -> Hear:
    """By frames of 20 ms."""
    return lambda second: [step(second[k : k + 160]) for k in range(0, RATE_HZ, 160)]


def concealer() -> Hear:
    """One frame of ten is lost."""
    plc, count = tp.PacketLossConcealer(RATE_HZ), iter(range(10**9))
    return framed(lambda frame: plc.conceal() if next(count) % 10 == 9 else plc.receive(frame))


def long_loss() -> Hear:
    """Of speech, a frame a second comes; then nothing any more."""
    plc, count = tp.PacketLossConcealer(RATE_HZ), iter(range(10**9))
    return framed(lambda frame: plc.receive(frame) if next(count) % 50 == 0 and frame.any() else plc.conceal())


def jitter() -> Hear:
    """One packet of ten is lost."""
    buffer, count = tp.JitterBuffer(RATE_HZ), iter(range(10**9))

    def step(frame: np.ndarray) -> None:
        k = next(count)
        if k % 10 != 9:
            buffer.put(frame, k % 65536, k * 160 % 2**32)
        buffer.get()

    return framed(step)


def two_sided(kernel: Any) -> Hear:
    """The far side is heard 100 ms later, softer."""
    late = np.zeros(800, np.int16)

    def hear(second: np.ndarray) -> None:
        nonlocal late
        both = np.concatenate([late, second])
        late = both[-800:]
        kernel.process((both[:RATE_HZ] // 8).astype(np.int16), second)

    return hear


def queue() -> Hear:
    """Speech through the playout queue, brought to a level."""
    call = tp.CallPipeline(normalize_level=True, comfort_noise_enabled=False, echo_control=False)

    def hear(second: np.ndarray) -> None:
        if second.any():
            call.speak(second, RATE_HZ, "a")
        for _ in range(50):
            call.transmit()

    return hear


def call(**fields: Any) -> Hear:
    """The caller speaks to an agent who speaks, over an echo."""
    x = tp.CallPipeline(seed=1, **fields)
    sent = [np.zeros(160, np.int16)] * 6

    def hear(second: np.ndarray) -> None:
        for k in range(0, RATE_HZ, 160):
            if k == 0 and second.any():
                x.speak(second, RATE_HZ, "a")
            sent.append(x.decode(x.transmit().payload))
            echo = sent.pop(0) // 10 if second.any() else 0
            x.receive(x.encode((second[k : k + 160] // 2 + echo).astype(np.int16)))

    return hear


def kernels() -> dict[str, Callable[[], Hear]]:
    """All that have a state which fades. (The answering machine detector's is the voice detector's.)"""
    noise = np.random.default_rng(1).integers(-3000, 3000, RATE_HZ).astype(np.int16)

    def mixer() -> Hear:
        mix = tp.AmbienceMixer(RATE_HZ)
        mix.play(noise, 0.3)
        return mix.mix

    return {
        "Resampler 8 to 16 kHz": lambda: tp.Resampler(RATE_HZ, 16000).process,
        "PacketLossConcealer": concealer,
        "PacketLossConcealer, all lost": long_loss,
        "JitterBuffer": jitter,
        "DtmfDetector": lambda: tp.DtmfDetector(RATE_HZ).process,
        "BeepDetector": lambda: tp.BeepDetector(RATE_HZ).process,
        "CallProgressDetector": lambda: tp.CallProgressDetector(RATE_HZ).process,
        "VoiceActivityDetector": lambda: tp.VoiceActivityDetector(RATE_HZ).process,
        "NoiseSuppressor": lambda: tp.NoiseSuppressor(RATE_HZ).process,
        "DelayEstimator": lambda: two_sided(tp.DelayEstimator(RATE_HZ)),
        "EchoCanceller": lambda: two_sided(tp.EchoCanceller(RATE_HZ)),
        "BargeInGate": lambda: two_sided(tp.BargeInGate(RATE_HZ)),
        "AmbienceMixer": mixer,
        "LevelNormalizer": lambda: tp.LevelNormalizer(RATE_HZ).process,
        "playout queue, levelled": queue,
        "call": call,
        "call, all on": lambda: call(noise_cancellation=True, normalize_level=True, detection_method="audio"),
    }


def timed(hear: Hear, second: np.ndarray) -> float:
    begun = time.thread_time_ns()
    hear(second)
    return (time.thread_time_ns() - begun) / 1000


def measure(make: Callable[[], Hear], minutes: float) -> tuple[float, float]:
    """Microseconds of a second of speech, and of silence at its dearest."""
    hear = make()
    said = voice(SPEECH_S * 1000, RATE_HZ, 3).reshape(SPEECH_S, RATE_HZ)
    speech = np.median([timed(hear, second) for _ in range(2) for second in said])
    nothing = np.zeros(RATE_HZ, np.int16)
    silence = np.array([timed(hear, nothing) for _ in range(int(minutes * 60))])
    windows = silence[: len(silence) // 20 * 20].reshape(-1, 20)
    return float(speech), float(np.quantile(windows, 0.25, axis=1).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15)
    options = parser.parse_args()
    worst = 0.0
    print("| kernel | a second of speech, µs | of silence, µs | ratio |\n|---|---|---|---|")
    for name, make in kernels().items():
        speech, silence = measure(make, options.minutes)
        worst = max(worst, silence / speech)
        print(f"| {name} | {speech:.0f} | {silence:.0f} | {silence / speech:.2f} |", flush=True)
    return int(worst > 2.0)


if __name__ == "__main__":
    sys.exit(main())
