"""Playout queue: a frame of 20 ms out of streamed speech, beside a deque of bytes as pipelines use it."""

from collections import deque

import numpy as np

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
    queue, out = tp.PlayoutQueue(max_queued_ms=600_000), np.empty(160, np.int16)
    rng = np.random.default_rng(1)
    for _ in range(590):
        queue.speak(rng.integers(-9000, 9000, 8000).astype(np.int16), 8000, "u")
    benchmark.pedantic(queue.read, kwargs={"out": out}, rounds=20000)


def test_deque_of_bytes(benchmark, speech_ring):
    """What many servers do: chunks in a deque, bytes sliced per frame; no fades, no positions."""
    benchmark.group = GROUP
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
