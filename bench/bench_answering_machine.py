"""Answering-machine detection: 20 ms while it is undecided."""

import pytest

import talkpath as tp


@pytest.mark.parametrize("rate", [8000, 16000])
def test_20ms(benchmark, speech_ring, rate: int) -> None:
    benchmark.group = f"answering machine 20 ms, {rate} Hz"
    frames, a = (
        speech_ring(rate // 50),
        tp.AnsweringMachineDetector(
            rate, initial_silence_ms=30000, greeting_ms=10000, total_ms=60000, maximum_words=100
        ),
    )
    state = {"n": 0}

    def step() -> None:
        state["n"] += 1
        if state["n"] % 400 == 0:
            a.reset()
        a.process(next(frames))

    benchmark(step)
