"""Echo cancellation: 20 ms frames through Python, beside WebRTC's (livekit) and speexdsp's."""

import pytest
from conftest import peer
from echo_line import frames
from peers import SpeexEcho, WebRtcApm

import talkpath as tp

PEERS = {"WebRTC AEC3 + NS": WebRtcApm, "speexdsp 700 ms": SpeexEcho}


@pytest.mark.parametrize("agent", ["speaks", "silent"])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_talkpath(benchmark, rate, agent):
    benchmark.group = f"echo canceller 20 ms, {rate} Hz, agent {agent}"
    line, process = frames(rate, agent == "speaks"), tp.EchoCanceller(rate).process
    benchmark(lambda: process(*next(line)))


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("system", PEERS)
def test_peer(benchmark, rate, system):
    benchmark.group, benchmark.extra_info["peer"] = f"echo canceller 20 ms, {rate} Hz, agent speaks", system
    line, process = frames(rate, True), peer(PEERS[system], rate)
    benchmark(lambda: process(*next(line)))
