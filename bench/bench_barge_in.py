"""The barge-in gate, all of echo control in it: 20 ms frames through Python."""

import pytest
from echo_line import frames

import talkpath as tp


@pytest.mark.parametrize("agent", ["speaks", "silent"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_talkpath(benchmark, rate, agent):
    benchmark.group = f"barge-in gate 20 ms, {rate} Hz, agent {agent}"
    line, process = frames(rate, agent == "speaks"), tp.BargeInGate(rate).process
    benchmark(lambda: process(*next(line)))
