"""A call: receive and transmit of 20 ms, all features on, beside the same work by the usual Python parts in the same run.

µ-law at 8 kHz on the line, PCM at 16 kHz for the orchestrator, the agent speaks half of the time, ambience on, the agent's echo
30 dB down. The usual parts: audioop for µ-law, soxr streams for rates, WebRTC's AEC3 and noise suppression (livekit), Silero or
webrtcvad, NumPy for the mix. They do not conceal, detect keys, beeps or machines, or decide turns.
"""

import importlib.util
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

import talkpath as tp
from talkpath import ambience

ROOT = Path(__file__).resolve().parent.parent
FRAME = 160
SECONDS = 60


def voices(seed):
    """Noise in syllables and pauses: something to work on that is not always the same."""
    rng = np.random.default_rng(seed)
    n = SECONDS * 8000
    envelope = (
        np.repeat(rng.uniform(0.1, 1.0, n // 1200), 1200) * np.repeat(rng.random(n // 16000 + 1) < 0.5, 16000)[:n]
    )
    shaped = np.convolve(rng.standard_normal(n), np.hanning(9) / 4, "same")
    return np.rint(3000 * shaped * envelope).astype(np.int16)


@pytest.fixture(scope="module")
def sides():
    """[(payload from the line, the agent's frame)], in turn."""
    agent, caller = voices(1), voices(2)
    near = caller // 2 + np.concatenate([np.zeros(1600, np.int16), agent[:-1600]]) // 32
    wire = tp.g711.ulaw_encode(near.astype(np.int16))
    return [(wire[i : i + FRAME], agent[i : i + FRAME]) for i in range(0, len(agent), FRAME)]


def drive(call, sides):
    """A function that takes the next frame through the call."""
    frames = cycle(sides)

    def one():
        payload, said = next(frames)
        if said.any():
            call.speak(said, 8000, "a")
        call.transmit()
        call.receive(payload)

    return one


@pytest.mark.parametrize("noise_cancellation", [False, True], ids=["NS off", "NS on"])
def test_talkpath(benchmark, sides, noise_cancellation):
    benchmark.group = "call: receive + transmit of 20 ms"
    call = tp.CallPipeline(
        background_audio={"sound": "office"},
        detection_method="audio",
        noise_cancellation=noise_cancellation,
        allow_interruptions=False,  # an agent that is interrupted is silent from then on
    )
    benchmark.pedantic(drive(call, sides), rounds=6000, warmup_rounds=200)
    assert call.metrics.discarded_chunks == call.metrics.interruptions == 0


def test_transmit_only(benchmark, sides):
    benchmark.group = "call: transmit of 20 ms, ambience on"
    call = tp.CallPipeline(background_audio={"sound": "office"}, max_queued_ms=600_000)
    for _, said in sides:
        call.speak(said, 8000, "a")
    benchmark.pedantic(call.transmit, rounds=2500)


class UsualParts:
    """What pipelines put together from packages, and the copies between them."""

    def __init__(self, vad):
        audioop = pytest.importorskip("audioop", reason="audioop (or audioop-lts) is not installed")
        soxr = pytest.importorskip("soxr")
        livekit = pytest.importorskip("livekit.rtc", reason="livekit is not installed")
        self.ulaw_to_linear, self.linear_to_ulaw = audioop.ulaw2lin, audioop.lin2ulaw
        self.up, self.near_up = (soxr.ResampleStream(8000, 16000, 1, dtype="int16") for _ in range(2))
        self.down = soxr.ResampleStream(16000, 8000, 1, dtype="int16")
        self.frame = livekit.AudioFrame
        self.apm = livekit.AudioProcessingModule(
            echo_cancellation=True, noise_suppression=True, high_pass_filter=True, auto_gain_control=False
        )
        self.vad = vad
        self.loop, self.at = ambience.generate("office", 16000), 0
        self.far, self.near = np.zeros(0, np.int16), np.zeros(0, np.int16)

    def transmit(self, said):
        """20 ms of the agent at 8 kHz, mixed at 16 kHz as such pipelines do, to the line."""
        x = self.up.resample_chunk(said)
        if self.at + len(x) > len(self.loop):
            self.at = 0
        mixed = x.astype(np.float32) + 0.3 * self.loop[self.at : self.at + len(x)].astype(np.float32)
        self.at += len(x)
        mixed = np.clip(mixed, -32768, 32767).astype(np.int16)
        self.far = np.concatenate([self.far, mixed])
        while len(self.far) >= 160:
            self.apm.process_reverse_stream(self.frame(self.far[:160].tobytes(), 16000, 1, 160))
            self.far = self.far[160:]
        return self.linear_to_ulaw(self.down.resample_chunk(mixed).tobytes(), 2)

    def receive(self, payload):
        """20 ms from the line to clean PCM and a probability."""
        pcm = np.frombuffer(self.ulaw_to_linear(payload, 2), np.int16)
        self.near = np.concatenate([self.near, self.near_up.resample_chunk(pcm)])
        out = []
        while len(self.near) >= 160:
            frame = self.frame(self.near[:160].tobytes(), 16000, 1, 160)
            self.near = self.near[160:]
            self.apm.process_stream(frame)
            clean = np.frombuffer(frame.data, np.int16)
            out.append((clean, self.vad(clean)))
        return out


def webrtc_vad():
    webrtcvad = pytest.importorskip("webrtcvad", reason="webrtcvad-wheels is not installed")
    vad = webrtcvad.Vad(3)
    return lambda pcm: vad.is_speech(pcm.tobytes(), 16000)


def silero_vad():
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    package = importlib.util.find_spec("silero_vad")  # importing it would import torch
    if package is None or package.submodule_search_locations is None:
        pytest.skip("silero-vad is not installed")
    spec = importlib.util.spec_from_file_location("silero", ROOT / "examples/silero_vad.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    silero = module.Silero(Path(package.submodule_search_locations[0]) / "data/silero_vad.onnx", 16000)
    waiting = []

    def probability(pcm):
        waiting.append(pcm)
        if sum(map(len, waiting)) < silero.frame_samples:
            return None
        samples = np.concatenate(waiting)
        waiting[:] = [samples[silero.frame_samples :]]
        return silero.process(samples[: silero.frame_samples])

    return probability


@pytest.mark.parametrize("vad", [webrtc_vad, silero_vad], ids=["webrtcvad", "Silero"])
def test_usual_parts(benchmark, sides, vad):
    benchmark.group = "call: receive + transmit of 20 ms"
    parts, frames = UsualParts(vad()), cycle(sides)

    def one():
        payload, said = next(frames)
        parts.transmit(said)
        parts.receive(payload)

    benchmark.pedantic(one, rounds=1500, warmup_rounds=100)


WARM_UP, TIMED = 75, 75


class Server:
    """Some calls in a group, all of them in their second and third second; then others, as far into theirs."""

    def __init__(self, sides, calls, threads):
        self.sides, self.calls, self.group = sides, calls, tp.CallGroup(threads)
        self.many, self.first, self.frame = [], 0, WARM_UP + TIMED

    def of_call(self, j):
        return self.sides[(self.frame + 37 * (self.first + j)) % len(self.sides)]

    def exchange(self):
        """One frame of time."""
        self.group.exchange([(call, self.of_call(j)[0]) for j, call in enumerate(self.many)])

    def speak(self):
        for j, call in enumerate(self.many):
            said = self.of_call(j)[1]
            if said.any():
                call.speak(said, 8000, "a")

    def next_frame(self):
        self.frame += 1
        if self.frame >= WARM_UP + TIMED:
            # An agent that is interrupted would be silent from then on.
            self.many = [
                tp.CallPipeline(detection_method="audio", allow_interruptions=False) for _ in range(self.calls)
            ]
            self.first += self.calls
            for self.frame in range(WARM_UP):
                self.speak()
                self.exchange()
            self.frame = WARM_UP
        self.speak()


@pytest.mark.parametrize("calls", [10, 500, 1000])
@pytest.mark.parametrize("threads", [1, 2])
def test_group(benchmark, sides, calls, threads):
    """Per exchange: divide by the number of calls."""
    benchmark.group = f"call group: {calls} calls, 20 ms each"
    server = Server(sides, calls, threads)
    benchmark.pedantic(server.exchange, setup=server.next_frame, rounds=max(TIMED, 30_000 // calls))
