"""Resampler: 20 ms frames through Python, beside soxr's stream, libsamplerate, speexdsp and Pipecat's."""

import pytest
from conftest import peer
from peers import pipecat_resampler, samplerate_resampler, soxr_resampler, speex_resampler

import talkpath as tp

RATIOS = [(8000, 16000), (16000, 8000), (24000, 8000), (24000, 16000), (44100, 16000), (22050, 8000), (48000, 8000)]
PEERS = {
    "soxr HQ": soxr_resampler,
    "libsamplerate medium": samplerate_resampler,
    "speexdsp q5": speex_resampler,
    "Pipecat": pipecat_resampler,
}
OURS = ("voice", "low_latency", "hifi")


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda r: f"{r[0]}-{r[1]}")
@pytest.mark.parametrize("system", [*OURS, *PEERS])
def test_20ms(benchmark, speech_ring, system: str, ratio: tuple[int, int]) -> None:
    benchmark.group = f"resample 20 ms, {ratio[0]} → {ratio[1]} Hz"
    if system in PEERS:
        process = peer(PEERS[system], *ratio)
        benchmark.extra_info["peer"] = system
    else:
        process = tp.Resampler(*ratio, quality=system).process
        benchmark.extra_info["peer"] = "talkpath" if system == "voice" else f"talkpath {system}"
    frames = speech_ring(ratio[0] // 50)
    benchmark(lambda: process(next(frames)))
