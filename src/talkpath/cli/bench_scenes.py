"""The scenes of `talkpath bench`: generated calls through the pipeline, timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from talkpath._types import Samples
from talkpath.call.pipeline import CallPipeline
from talkpath.phone.voice import voice

FRAME_MS = 20
AGENT_S, CALLER_S, GAP_S = 4.5, 2.5, 1.0
TURN_S = AGENT_S + CALLER_S + 2 * GAP_S
ECHO_MS, ECHO_DB, NOISE_DBOV = 180, -22.0, -62.0
_MULAW, _L16 = "audio/x-mulaw;rate=8000", "audio/x-l16;rate=16000"
_OFFICE = {"background_audio": {"sound": "office", "volume": 0.2}}


@dataclass(frozen=True)
class Scene:
    """One kind of call."""

    name: str
    stream: str = _MULAW
    echo: bool = False
    speaks: bool = True
    fields: dict[str, Any] = field(default_factory=dict)


SCENES = (
    Scene("nobody speaks", speaks=False),
    Scene("a line without echo"),
    Scene("a line with echo", echo=True),
    Scene("… and a background", echo=True, fields=_OFFICE),
    Scene("… and noise suppression", echo=True, fields={**_OFFICE, "noise_cancellation": True}),
    Scene("16 kHz, echo, background", _L16, echo=True, fields=_OFFICE),
)


def sides(scene: Scene, rate_hz: int) -> tuple[Samples, Samples]:
    """What the agent says and what comes back, two turns that can be repeated."""
    rng = np.random.default_rng(77)  # none of the voices': their hiss would be found in this noise, as an echo
    n = round(2 * TURN_S * rate_hz)
    agent, caller = np.zeros(n), np.zeros(n)
    for turn in range(2) if scene.speaks else ():
        begin_s = turn * TURN_S
        for line, start_s, length_s, seed in (
            (agent, begin_s, AGENT_S, turn + 1),
            (caller, begin_s + AGENT_S + GAP_S, CALLER_S, turn + 11),
        ):
            start = round(start_s * rate_hz)
            said = voice(length_s, rate_hz, seed)
            line[start : start + len(said)] = said
    near = caller + 32768 * 10 ** (NOISE_DBOV / 20) * rng.standard_normal(n)
    if scene.echo:
        taps = rng.standard_normal(rate_hz // 25) * np.exp(-np.arange(rate_hz // 25) / (rate_hz / 150))
        taps *= 10 ** (ECHO_DB / 20) / np.sqrt((taps**2).sum())
        near += np.roll(np.convolve(agent, taps)[:n], ECHO_MS * rate_hz // 1000)
    return agent.astype(np.int16), np.clip(near, -32768, 32767).astype(np.int16)


def measure(scene: Scene, seconds: float) -> dict[str, Any]:
    """The scene, again and again for so long; its first two turns warm it up and do not count."""
    call = CallPipeline(stream=scene.stream, semantic_vad="high", seed=1, **scene.fields)
    rate_hz, n = call.config.wire.sample_rate_hz, call.config.frame_samples
    agent, near = sides(scene, rate_hz)
    wire = call.encode(near)
    size, count = n * call.config.wire.sample_bytes, len(agent) // n
    said = [agent[i * n : (i + 1) * n] for i in range(count)]
    payloads = [wire[i * size : (i + 1) * size] for i in range(count)]
    speaks = [bool(piece.any()) for piece in said]
    ends = [speaks[i] and not speaks[(i + 1) % count] for i in range(count)]
    times: list[int] = []
    collected, clock = gc.isenabled(), time.perf_counter_ns
    until: int | None = None
    turn = 0
    gc.disable()
    try:
        while until is None or clock() < until:
            for i in range(count):
                began = clock()
                if speaks[i]:
                    call.speak(said[i], rate_hz, f"turn {turn}", ends[i])
                call.transmit()
                call.receive(payloads[i])
                times.append(clock() - began)
                turn += ends[i]
            if until is None:
                until = clock() + round(seconds * 1e9)
                times.clear()
                cpu = time.thread_time_ns()
        cpu_us = (time.thread_time_ns() - cpu) / 1000 / len(times)
    finally:
        if collected:
            gc.enable()
    us = np.asarray(times) / 1000
    metrics = call.metrics
    return {
        "scene": scene.name,
        "median_us": round(float(np.median(us)), 1),
        "mean_us": round(cpu_us, 1),
        "p99_us": round(float(np.percentile(us, 99)), 1),
        "calls_a_core": int(FRAME_MS * 1000 / cpu_us),
        "memory_kb": round(call.state_bytes / 1024),
        "echo_delay_ms": metrics.echo_delay_ms,
        "interruptions": metrics.interruptions + metrics.false_interruptions,
    }


def figures(seconds: float) -> Iterator[dict[str, Any]]:
    """Of each scene."""
    for scene in SCENES:
        yield measure(scene, seconds / len(SCENES))
