"""What a call costs, through `CallPipeline`, scene by scene; each scene is shown to be what its name says before its time counts.

    python bench/call_cost.py [--seconds 63]        # bench/speed.py takes these figures for docs/benchmarks

One frame is `receive` + `transmit`, and the `speak` that feeds it. Agent and caller take turns of 4.5 s and 2.5 s in generated voices, so
the agent speaks half of the time; it is never interrupted. The usual Python parts do their share of the same work in the same run
(usual_parts.py says which they are). Medians and 99th percentiles in µs; compare ratios between machines, not times.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import talkpath as tp

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]
from machine import described  # noqa: E402
from peers import Missing, silero_vad, webrtc_vad  # noqa: E402
from scenario import voice  # noqa: E402
from timing import figures, timed  # noqa: E402
from usual_parts import UsualParts  # noqa: E402

AGENT_MS, CALLER_MS, GAP_MS = 4500, 2500, 1000
TURN_MS = AGENT_MS + CALLER_MS + 2 * GAP_MS
ECHO_MS, ECHO_DB, NOISE_DBOV = 180, -22.0, -62.0
WARM_UP_FRAMES = 2 * TURN_MS // 20


def warm_up(frames: int) -> int:
    """Frames that do not count: two turns, of a short bench the first half."""
    return min(WARM_UP_FRAMES, frames // 2)


@dataclass
class Scene:
    """One kind of call."""

    name: str
    stream: str = "audio/x-mulaw;rate=8000"
    echo: bool = False
    speaks: bool = True
    fields: dict[str, Any] = field(default_factory=dict)


OFFICE = {"background_audio": {"sound": "office", "volume": 0.2}}
SCENES = [
    Scene("nobody speaks", speaks=False),
    Scene("a line without echo"),
    Scene("a line with echo", echo=True),
    Scene("… and a background", echo=True, fields=OFFICE),
    Scene("… and noise suppression", echo=True, fields={**OFFICE, "noise_cancellation": True}),
    Scene("L16 at 16 kHz, echo, background", "audio/x-l16;rate=16000", echo=True, fields=OFFICE),
]


def sides(rate_hz: int, seconds: int, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """(agent, near): what the agent says, and what the line brings: the caller, noise, the agent's echo in a small room."""
    rng = np.random.default_rng(3)
    n = seconds * rate_hz
    agent, caller = np.zeros(n), np.zeros(n)
    for turn, at_ms in enumerate(range(0, seconds * 1000 - TURN_MS + 1, TURN_MS)):
        for line, start_ms, ms, pitch in (
            (agent, at_ms, AGENT_MS, 120.0),
            (caller, at_ms + AGENT_MS + GAP_MS, CALLER_MS, 190.0),
        ):
            at = start_ms * rate_hz // 1000
            said = voice(ms, rate_hz, seed=turn % 7 + 1, pitch=pitch, level=0.1)
            line[at : at + len(said)] = said
    agent, caller = (agent, caller) if scene.speaks else (np.zeros(n), np.zeros(n))
    near = caller + 32768 * 10 ** (NOISE_DBOV / 20) * rng.standard_normal(n)
    if scene.echo:
        taps = rng.standard_normal(rate_hz // 25) * np.exp(-np.arange(rate_hz // 25) / (rate_hz / 150))
        taps *= 10 ** (ECHO_DB / 20) / np.sqrt((taps**2).sum())
        delay = ECHO_MS * rate_hz // 1000
        near[delay:] += np.convolve(agent, taps)[: n - delay]
    return agent.astype(np.int16), np.clip(near, -32768, 32767).astype(np.int16)


def sides_of(name: str, seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sides of the scene of that name, at 8 kHz."""
    return sides(8000, seconds, next(scene for scene in SCENES if scene.name == name))


def measure(scene: Scene, seconds: int) -> dict[str, Any]:
    """Times of one scene, after it was shown to be what it says."""
    call = tp.CallPipeline(stream=scene.stream, semantic_vad="high", seed=1, **scene.fields)
    rate_hz, n = call.config.wire.sample_rate_hz, call.config.frame_samples
    agent, near = sides(rate_hz, seconds, scene)
    wire = call.encode(near)
    size = len(wire) // len(near) * n
    events: list[str] = []
    turn = [0]

    def frame(i: int) -> Callable[[], None]:
        said = agent[i * n : (i + 1) * n]
        payload = wire[i * size : (i + 1) * size]
        speaks = bool(said.any())
        ends = speaks and not agent[(i + 1) * n : (i + 2) * n].any()

        def one() -> None:
            if speaks:
                call.speak(said, rate_hz, f"turn {turn[0]}", ends)
            sent = call.transmit()
            heard = call.receive(payload)
            if sent.events or heard.events:
                events.extend(e.type for e in (*sent.events, *heard.events))
            turn[0] += ends

        return one

    frames = [frame(i) for i in range(len(agent) // n)]
    times = timed(frames)[warm_up(len(frames)) :]
    # The scene is what it says.
    metrics = call.metrics
    turns = seconds * 1000 // TURN_MS if scene.speaks else 0
    assert events.count("agent.speech_completed") == turns, f"{scene.name}: the agent said {events}"
    assert metrics.interruptions == metrics.false_interruptions == 0, f"{scene.name}: the agent was interrupted"
    assert events.count("user.turn_completed") == turns, f"{scene.name}: {metrics.turns} turns of the caller"
    assert (metrics.echo_delay_ms is not None) == scene.echo, f"{scene.name}: echo at {metrics.echo_delay_ms} ms"
    assert not scene.echo or abs(metrics.echo_delay_ms - ECHO_MS) < 40, (
        f"{scene.name}: echo at {metrics.echo_delay_ms} ms"
    )
    return {"name": scene.name, **figures(times), "memory_kb": round(call.state_bytes / 1024)}


def usual_parts(seconds: int) -> tuple[list[dict[str, Any]], list[str]]:
    """The same line with echo and background through the usual parts: figures of those that are installed, and what is not."""
    rows, missing = [], []
    agent, near = sides(8000, seconds, SCENES[3])
    wire = tp.g711.ulaw_encode(near)
    for name, vad in (("usual parts, webrtcvad", webrtc_10_ms), ("usual parts, Silero", lambda: silero_vad(16000))):
        try:
            parts = UsualParts(vad())
        except Missing as why:
            missing.append(f"{name}: not installed: {why}")
            continue

        def frame(i: int, parts: Any = parts) -> Callable[[], None]:
            said, payload = agent[i * 160 : (i + 1) * 160], wire[i * 160 : (i + 1) * 160]

            def one() -> None:
                parts.transmit(said)
                parts.receive(payload)

            return one

        times = timed(frame(i) for i in range(len(agent) // 160))[warm_up(len(agent) // 160) :]
        rows.append({"name": name, **figures(times)})
    return rows, missing


def webrtc_10_ms() -> Callable[[np.ndarray], bool]:
    is_speech = webrtc_vad(16000)
    return lambda pcm: is_speech(pcm) > 0


def measured(seconds: int) -> dict[str, Any]:
    """All of it; `ratio`: of the mean, to that of ours with echo and background."""
    scenes = [measure(scene, seconds) for scene in SCENES]
    peers, missing = usual_parts(seconds)
    ours = next(row["mean_us"] for row in scenes if row["name"] == SCENES[3].name)
    for row in [*scenes, *peers]:
        row["ratio"] = round(row["mean_us"] / ours, 2)
    return {"seconds": seconds, "scenes": scenes, "peers": peers, "missing": missing}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=63, help="of each scene, a multiple of 9, at least 18")
    args = parser.parse_args()
    found = measured(args.seconds)
    print(f"{described()}; {args.seconds} s a scene, 20 ms a frame")
    print(f"{'':36} {'median':>8} {'mean':>8} {'p99':>8} µs   mean, of ours with echo and background")
    for row in [*found["scenes"], *found["peers"]]:
        times = "".join(f" {row[name]:8.1f}" for name in ("median_us", "mean_us", "p99_us"))
        print(f"{row['name']:36}{times}      {row['ratio']:5.2f}")
    for line in found["missing"]:
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
