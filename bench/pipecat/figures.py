"""Pipecat's own parts and ours on the same messages: the delay of `deserialize`, the ends of utterances, what a VAD costs.

PYTHONPATH=src python bench/pipecat/figures.py       # where Pipecat is: pip install 'talkpath[pipecat]'
"""

import asyncio
import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests/integrations/pipecat"), str(ROOT / "tests")]

from loguru import logger  # noqa: E402
from pipecat.audio.vad.silero import SileroVADAnalyzer  # noqa: E402
from pipecat.audio.vad.vad_analyzer import VADAnalyzer  # noqa: E402
from pipecat.frames.frames import OutputAudioRawFrame  # noqa: E402
from pipecat.serializers.plivo import PlivoFrameSerializer  # noqa: E402
from pipecat_line import PipecatLine  # noqa: E402

from talkpath import CallConfig, Resampler, g711  # noqa: E402
from talkpath.integrations.pipecat import TalkpathVADAnalyzer  # noqa: E402
from talkpath.phone.voice import voice  # noqa: E402

PLAIN = CallConfig(echo_control=False, comfort_noise_enabled=False, idle_timeout=None, allow_interruptions=False)
VOICE = voice(4.0, 8000, seed=5)


def plivo() -> PlivoFrameSerializer:
    """Pipecat's."""
    return PlivoFrameSerializer("s1", params=PlivoFrameSerializer.InputParams(auto_hang_up=False))


def ages(emitted: list[tuple[float, int]], rate_hz: int, delay_s: float) -> tuple[float, float, float]:
    """Of what `deserialize` gave and when: the mean lump, and the mean and the greatest age of its oldest sample; ms."""
    before, found = 0, []
    for now, samples in emitted:
        found.append(1000 * (now - before / rate_hz + delay_s))
        before += samples
    lumps = [1000 * samples / rate_hz for _, samples in emitted]
    return float(np.mean(lumps)), float(np.mean(found)), float(np.max(found))


async def plivo_emits(rate_hz: int) -> list[tuple[float, int]]:
    serializer = plivo()
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=rate_hz))
    found = []
    for i in range(200):
        payload = base64.b64encode(g711.ulaw_encode(VOICE[i * 160 : i * 160 + 160])).decode()
        frame = await serializer.deserialize(json.dumps({"event": "media", "media": {"payload": payload}}))
        if frame is not None:
            found.append((0.02 * (i + 1), frame.num_frames))
    return found


def delay() -> None:
    """A message of 20 ms comes every 20 ms."""
    print("deserialize             lump mean    age mean    age max   (ms; 20 ms of age are the message itself)")
    for rate_hz in (8000, 16000, 24000):
        print(
            f"  Plivo's   {rate_hz:5d} Hz  {'{:9.1f} {:11.1f} {:10.1f}'.format(*ages(asyncio.run(plivo_emits(rate_hz)), rate_hz, 0.0))}"
        )
        for name, config in (("ours", CallConfig(idle_timeout=None)), ("ours, no echo control", PLAIN)):
            line = PipecatLine(
                config=config, rate_hz=rate_hz, caller=lambda i: g711.ulaw_encode(VOICE[i * 160 :][:160].copy())
            )
            line.run(3.9)
            emitted = [(now - 0.05 + 0.02, frame.num_frames) for now, frame in line.frames]
            call_delay_s = line.serializer.call.delay_ms / 1000 if line.serializer.call else 0.0
            print(
                f"  {name:9s} {rate_hz:5d} Hz  {'{:9.1f} {:11.1f} {:10.1f}'.format(*ages(emitted, rate_hz, call_delay_s))}"
            )


async def plivo_tail(pcm: np.ndarray, rate_hz: int) -> float:
    serializer, sent, n = plivo(), 0, rate_hz // 25
    await serializer.setup(SimpleNamespace(audio_in_sample_rate=16000))
    pcm = np.concatenate([pcm, np.zeros(-len(pcm) % n, np.int16)])  # as the output transport fills it up
    for i in range(0, len(pcm), n):
        data = await serializer.serialize(OutputAudioRawFrame(pcm[i : i + n].tobytes(), rate_hz, 1))
        sent += len(base64.b64decode(json.loads(data)["media"]["payload"])) if data else 0
    return 1000 * len(pcm) / rate_hz - sent / 8


def tails() -> None:
    """How much of an utterance's end is never sent: utterances of 0.4 to 2 s."""
    print("tail never sent, ms")
    for rate_hz in (8000, 16000, 24000, 44100, 48000):
        before, after = [], []
        for seconds in np.arange(0.4, 2.01, 0.2):
            pcm = np.full(round(seconds * rate_hz), 9000, np.int16)
            pcm[1::2] = 8000
            tone = (9000 * np.sin(2 * np.pi * 700 * np.arange(len(pcm)) / rate_hz)).astype(np.int16)
            before.append(asyncio.run(plivo_tail(tone, rate_hz)))
            line = PipecatLine(config=PLAIN)
            line.say(0.5, tone, rate_hz)
            line.run(4.0)
            loud = np.flatnonzero(np.abs(line.heard().astype(float)) > 1000)
            after.append(max(0.0, 1000 * seconds - (loud[-1] - loud[0]) / 8))
        print(
            f"  {rate_hz:5d} Hz  Plivo's {min(before):6.1f} to {max(before):6.1f}   ours {min(after):6.1f} to {max(after):6.1f}"
        )


def vad_cost_us(analyzer: VADAnalyzer, rate_hz: int, frames: int = 600) -> float:
    """Of one second of audio, in frames of 20 ms through `analyze_audio`; the median of frames, by 50."""
    analyzer.set_sample_rate(rate_hz)
    said = VOICE if rate_hz == 8000 else Resampler(8000, rate_hz).process(VOICE)
    n = rate_hz // 50
    pieces = [said[i : i + n].tobytes() for i in range(0, len(said) - n, n)]

    async def scene() -> float:
        seconds = []
        for k in range(frames // 50):
            begun = perf_counter()
            for i in range(50):
                await analyzer.analyze_audio(pieces[(50 * k + i) % len(pieces)])
            seconds.append(perf_counter() - begun)
        return median(seconds)

    return 1e6 * asyncio.run(scene())


def vad() -> None:
    """What a second of audio costs."""
    print("VAD through analyze_audio, µs a second of audio")
    line = PipecatLine(config=CallConfig(idle_timeout=None)).run(1.0)
    makers: dict[str, Callable[[], VADAnalyzer]] = {
        "Silero": SileroVADAnalyzer,
        "ours alone": TalkpathVADAnalyzer,
        "ours, of the call": lambda: TalkpathVADAnalyzer(line.serializer),
    }
    for rate_hz in (8000, 16000):
        costs = {name: vad_cost_us(make(), rate_hz) for name, make in makers.items()}
        first = costs["Silero"]
        print(
            f"  {rate_hz:5d} Hz  "
            + ", ".join(f"{name} {cost:.0f} ({first / cost:.0f}×)" for name, cost in costs.items())
        )


if __name__ == "__main__":
    logger.remove()
    delay()
    tails()
    vad()
