"""Playout queue: a frame of 20 ms out of streamed speech, beside a deque of bytes as pipelines use it."""

from collections import deque

import numpy as np
import pytest

import talkpath as tp

GROUP = "playout queue, 20 ms at 8000 Hz"


def test_talkpath(benchmark, speech_ring):
    benchmark.group = GROUP
    queue, out, frames = tp.PlayoutQueue(), np.empty(160, np.int16), speech_ring(160)

    def frame():
        queue.speak(next(frames), 8000, "u")
        queue.read(out=out)

    benchmark(frame)


def test_read_only(benchmark):
    benchmark.group = GROUP
    benchmark.extra_info["peer"] = "talkpath, read alone"
    queue, out = tp.PlayoutQueue(max_queued_ms=600_000), np.empty(160, np.int16)
    rng = np.random.default_rng(1)
    for _ in range(590):
        queue.speak(rng.integers(-9000, 9000, 8000).astype(np.int16), 8000, "u")
    benchmark.pedantic(queue.read, kwargs={"out": out}, rounds=20000)


@pytest.mark.parametrize("queued", ["nothing", "10 minutes", "10 minutes, a mark every 20 ms", "25,000 utterances"])
def test_speak(benchmark, speech_ring, queued):
    """A chunk of 20 ms behind what waits: the same however much that is."""
    benchmark.group = f"speak, 20 ms at 8000 Hz, {queued} queued"
    queue, frames = tp.PlayoutQueue(max_queued_ms=600_000), speech_ring(160)
    utterances = 25_000 if queued.startswith("25,000") else 1
    for k in range({"nothing": 0, "25,000 utterances": 25_000}.get(queued, 29_000)):
        queue.speak(next(frames), 8000, f"u{k % utterances}")
        if "mark" in queued:
            queue.checkpoint(str(k))
    out = np.empty(160, np.int16)

    def next_frame():
        queue.read(out=out)
        queue.events()
        return (next(frames), 8000, f"u{utterances - 1}"), {}

    benchmark.pedantic(queue.speak, setup=next_frame, rounds=9000)


@pytest.mark.parametrize("queued", ["nothing", "10 minutes"])
def test_transmit(benchmark, speech_ring, queued):
    """A call's frame, and what is queued behind it."""
    benchmark.group = f"transmit, 20 ms at 8000 Hz, {queued} queued"
    call, frames = tp.CallPipeline(max_queued_ms=600_000), speech_ring(160)
    for k in range(1 if queued == "nothing" else 29_000):
        call.speak(next(frames), 8000, "u")
        if k % 5 == 0:
            call.checkpoint(str(k))

    def next_frame():
        call.speak(next(frames), 8000, "u")

    benchmark.pedantic(call.transmit, setup=next_frame, rounds=9000)


def test_deque_of_bytes(benchmark, speech_ring):
    """What many servers do: chunks in a deque, bytes sliced per frame; no fades, no positions."""
    benchmark.group = GROUP
    benchmark.extra_info["peer"] = "deque of bytes"
    waiting, frames = deque(), speech_ring(160)
    buffer = bytearray()

    def frame():
        waiting.append(next(frames).tobytes())
        while len(buffer) < 320:
            buffer.extend(waiting.popleft())
        out = np.frombuffer(bytes(buffer[:320]), np.int16)
        del buffer[:320]
        return out

    benchmark(frame)
