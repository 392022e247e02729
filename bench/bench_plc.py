"""Packet-loss concealment: 20 ms frames through Python; good, lost, and the first good one after, beside spandsp's."""

import numpy as np
import pytest
from conftest import peer
from peers import SpandspPlc

import talkpath as tp

RATES = [8000, 16000, 24000, 48000]


def voiced_ring(rate: int) -> list[np.ndarray]:
    """Frames of a voice-like sound whose pitch keeps moving."""
    t = np.arange(10 * rate) / rate
    phase = np.cumsum(140 + 40 * np.sin(2 * np.pi * 0.7 * t)) / rate
    x = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 12))
    x = 4000 * x + np.random.default_rng(1).normal(0, 150, len(x))
    n = rate // 50
    return [np.rint(x[i : i + n]).astype(np.int16) for i in range(0, len(x) - n + 1, n)]


@pytest.mark.parametrize("rate", RATES)
def test_good(benchmark, speech_ring, rate: int) -> None:
    benchmark.group = f"PLC good frame {rate} Hz"
    frames = speech_ring(rate // 50)
    p = tp.PacketLossConcealer(rate)
    benchmark(lambda: p.receive(next(frames)))


@pytest.mark.parametrize("rate", RATES)
def test_lost(benchmark, rate: int) -> None:
    """The first frame of a loss, the dearest: each round hears three good ones before."""
    benchmark.group = f"PLC lost frame {rate} Hz"
    frames = voiced_ring(rate)
    p = tp.PacketLossConcealer(rate)
    at = 0

    def setup() -> None:
        nonlocal at
        at += 3
        for k in range(3):
            p.receive(frames[(at + k) % len(frames)])

    benchmark.pedantic(p.conceal, setup=setup, rounds=3000, warmup_rounds=50)


@pytest.mark.parametrize("rate", RATES)
def test_recovery(benchmark, rate: int) -> None:
    benchmark.group = f"PLC first good frame after a loss {rate} Hz"
    frames = voiced_ring(rate)
    p = tp.PacketLossConcealer(rate)
    at = 0

    def setup():
        nonlocal at
        at += 3
        for k in range(2):
            p.receive(frames[(at + k) % len(frames)])
        p.conceal()
        return (frames[(at + 3) % len(frames)],), {}

    benchmark.pedantic(p.receive, setup=setup, rounds=3000, warmup_rounds=50)


def test_lost_spandsp(benchmark) -> None:
    benchmark.group, benchmark.extra_info["peer"] = "PLC lost frame 8000 Hz", "spandsp"
    plc, frames, at = peer(SpandspPlc), voiced_ring(8000), 0

    def setup() -> None:
        nonlocal at
        at += 3
        for k in range(3):
            plc.receive(frames[(at + k) % len(frames)])

    benchmark.pedantic(plc.conceal, setup=setup, rounds=3000, warmup_rounds=50)
