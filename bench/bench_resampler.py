"""Resampler: 20 ms frames through Python, beside soxr's stream and libsamplerate."""

import pytest
import soxr

import talkpath as tp

try:
    import samplerate
except ImportError:
    samplerate = None

RATIOS = [(8000, 16000), (16000, 8000), (24000, 8000), (24000, 16000), (44100, 16000), (22050, 8000), (48000, 8000)]


def make(system: str, rate_in: int, rate_out: int):
    if system.startswith("talkpath"):
        return tp.Resampler(rate_in, rate_out, quality=system.split("-", 1)[1]).process
    if system == "soxr-HQ":
        return soxr.ResampleStream(rate_in, rate_out, 1, dtype="int16", quality="HQ").resample_chunk
    resampler, ratio = samplerate.Resampler("sinc_medium", 1), rate_out / rate_in
    return lambda pcm: resampler.process(pcm * (1 / 32768), ratio)


SYSTEMS = ["talkpath-voice", "talkpath-low_latency", "talkpath-hifi", "soxr-HQ"]
if samplerate is not None:
    SYSTEMS.append("samplerate-medium")


@pytest.mark.parametrize("ratio", RATIOS, ids=lambda r: f"{r[0]}-{r[1]}")
@pytest.mark.parametrize("system", SYSTEMS)
def test_20ms(benchmark, speech_ring, system: str, ratio: tuple[int, int]) -> None:
    benchmark.group = f"resample 20 ms {ratio[0]} → {ratio[1]} Hz"
    frames = speech_ring(ratio[0] // 50)
    process = make(system, *ratio)
    benchmark(lambda: process(next(frames)))
