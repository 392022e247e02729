"""Callers who interrupt, and callers who do not, on lines with and without an echo: what `agent.speech_paused` does, beside the usual gates.

A line is the same for everybody, so nobody can react to a pause: the first one decides. It is right when it comes within a second of the caller's
first sound, or when there is none and the caller said nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from peers import Missing, SpeexEcho, WebRtcApm, silero_vad, webrtc_vad

import talkpath as tp
from quality import material as m
from quality.scoring import percentile, share

SECONDS = 13
AGENT_FROM_S = 0.4
REACH_S = 0.7  # after a word's end a pause still belongs to it


@dataclass
class Line:
    """One call: what is sent, what comes back, what the caller says and when (s; None: nothing)."""

    far: m.Samples
    near: m.Samples
    lost: np.ndarray
    onset_s: float | None
    end_s: float
    has_echo: bool


def line(number: int, has_echo: bool) -> Line:
    """The `number`-th: half of the callers interrupt, a quarter has something loud behind it."""
    rng = m.draws("interruptions", int(has_echo), number)
    n = SECONDS * m.RATE
    voice = m.agents()[int(rng.integers(len(m.agents())))]
    agent = np.zeros(n)
    said = m.speech(voice, SECONDS - AGENT_FROM_S - 0.6, rng) * 10 ** (rng.uniform(-4, 3) / 20)
    agent[round(AGENT_FROM_S * m.RATE) :][: len(said)] = said
    far = m.ulaw(m.to_int16(agent))
    caller, onset_s, end_s = np.zeros(n), None, 0.0
    loudness = rng.uniform(-32, -20)
    if rng.random() < 0.5:
        word = m.at_level(m.word(rng, 0.5, 2.0), loudness)
        start = round((rng.uniform(0.8, 2.5) if rng.random() < 0.3 else rng.uniform(2.5, 9.5)) * m.RATE)
        caller[start : start + len(word)] = word
        sounds = np.flatnonzero(m.active(word))
        onset_s, end_s = start / m.RATE + sounds[0] / 100, start / m.RATE + (sounds[-1] + 1) / 100
    near = caller.copy()
    if has_echo:
        path, distorts = m.echo_path(rng)
        heard = far / 32768
        if rng.random() < 0.2:
            heard = m.gsm(far) / 32768
        near += m.echo_of(heard, path, distorts)
    kind = str(rng.choice(m.NOISES, p=[0.35, 0.2, 0.1, 0.1, 0.15, 0.1]))
    near += m.noise(kind, n, rng) * 10 ** ((loudness - rng.uniform(18, 40)) / 20)
    pcm = m.to_int16(m.telephone_band(near))
    if rng.random() < 0.2:
        pcm = m.gsm(pcm)
    lost = rng.random(n // m.FRAME) < (rng.uniform(0.005, 0.03) if rng.random() < 0.25 else 0.0)
    return Line(far, m.ulaw(pcm), lost, onset_s, end_s, has_echo)


# --- who listens: the time of the first pause, s ---------------------------------------------------------------------------------------


def of_the_call(line: Line, min_ms: int) -> float | None:
    call = tp.CallPipeline(
        audio_format="pcm_8k", normalize_level=False, comfort_noise_enabled=False, seed=1,
        semantic_vad={"eagerness": "high", "min_interruption_duration_ms": min_ms},
    )  # fmt: skip
    call.speak(line.far, m.RATE, "a", True)
    for i, frame in enumerate(m.frames(line.near)):
        events = call.transmit().events
        heard = call.conceal() if line.lost[i] else call.receive(tp.g711.ulaw_encode(frame))
        if any(event.type == "agent.speech_paused" for event in (*events, *heard.events)):
            return (i + 1) / 50
    return None


def sustained(
    clean: Callable[[m.Samples, m.Samples], m.Samples], is_speech: Callable[[m.Samples], bool], line: Line, min_ms: int
) -> float | None:
    """The usual gate: speech for so long, holes of 60 ms allowed, while the agent speaks."""
    run, hole, last = 0, 0, np.zeros(m.FRAME, np.int16)
    for i, (near, far) in enumerate(zip(m.frames(line.near), m.frames(line.far), strict=True)):
        last = last if line.lost[i] else near
        if is_speech(clean(last, far)):
            run, hole = run + 20 + hole, 0
        else:
            hole += 20
            if hole > 60:
                run = hole = 0
        if run >= min_ms:
            return (i + 1) / 50
    return None


def webrtc(line: Line, min_ms: int) -> float | None:
    apm, vad = WebRtcApm(m.RATE), webrtc_vad(m.RATE)
    return sustained(apm, lambda pcm: vad(pcm) > 0, line, min_ms)


def speex(line: Line, min_ms: int) -> float | None:
    echo, vad = SpeexEcho(m.RATE, suppress=True), webrtc_vad(m.RATE)
    return sustained(echo, lambda pcm: vad(pcm) > 0, line, min_ms)


def silero(line: Line, min_ms: int) -> float | None:
    vad = silero_vad(m.RATE)
    return sustained(lambda near, far: near, lambda pcm: vad(pcm) > 0.5, line, min_ms)


Listener = Callable[[Line, int], float | None]
LISTENERS: dict[str, tuple[Listener, tuple[int, ...]]] = {
    "talkpath": (of_the_call, (100, 300)),
    "WebRTC AEC3 + NS, webrtcvad": (webrtc, (300,)),
    "speexdsp 700 ms + suppressor, webrtcvad": (speex, (300,)),
    "Silero on the raw line": (silero, (300,)),
}


# --- marks ----------------------------------------------------------------------------------------------------------------------------


def spoken_s(line: Line, until_s: float | None) -> float:
    """Time in which only the agent could be heard, up to its pause."""
    sounds = m.active(line.far / 32768, 35.0)
    until = len(sounds) if until_s is None else round(until_s * 100)
    if line.onset_s is not None:
        until = min(until, round(line.onset_s * 100))
    return float(sounds[:until].sum() / 100)


def measure(quick: bool) -> dict[str, Any]:
    counts = {True: 6, False: 4} if quick else {True: 400, False: 250}
    lines = {has_echo: [line(k, has_echo) for k in range(n)] for has_echo, n in counts.items()}
    rows, missing = [], []
    for name, (listen, durations) in LISTENERS.items():
        for min_ms in durations:
            row: dict[str, Any] = {"who": name, "min_ms": min_ms}
            try:
                for has_echo, all_lines in lines.items():
                    row["echo" if has_echo else "no_echo"] = marks(all_lines, [listen(x, min_ms) for x in all_lines])
            except Missing as why:
                missing.append(f"{name}: not installed: {why}")
                continue
            rows.append(row)
    return {"rows": rows, "missing": missing}


def marks(lines: list[Line], pauses: list[float | None]) -> dict[str, Any]:
    right, false, late, minutes = [], 0, [], 0.0
    for x, pause_s in zip(lines, pauses, strict=True):
        belongs = pause_s is not None and x.onset_s is not None and x.onset_s < pause_s <= x.end_s + REACH_S
        is_false = pause_s is not None and not belongs
        false += is_false
        minutes += spoken_s(x, pause_s if is_false else None) / 60
        if x.onset_s is not None and not is_false:
            late.append(pause_s - x.onset_s if belongs and pause_s is not None else 9.0)
        right.append(not is_false and (x.onset_s is None or late[-1] <= 1.0))
    return {
        "calls": len(lines), "right": share(right), "false": false, "false_a_minute": round(false / max(minutes, 1e-9), 3),
        "interrupted": len(late), "median_s": percentile(late, 50),
        **{f"in_{ms}_ms": share([x <= ms / 1000 for x in late]) for ms in (300, 500, 1000)},
    }  # fmt: skip
