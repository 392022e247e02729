"""The agent's echo: how far it is turned down while only it sounds, and what is left of a caller who speaks over it."""

from collections.abc import Callable
from typing import Any

import numpy as np
from peers import Missing, SpeexEcho, WebRtcApm

import talkpath as tp
from quality import material as m
from quality.scoring import aligned, mean, pesq, usable

SECONDS, CALLER_FROM_S = 12, 6.0
Clean = Callable[[m.Samples, m.Samples], m.Samples]


def through_the_call() -> Clean:
    """Frames through a call whose agent says exactly `far`."""
    call = tp.CallPipeline(
        audio_format="pcm_8k",
        normalize_level=False,
        allow_interruptions=False,
        comfort_noise_enabled=False,
        seed=1,
    )

    def clean(near: m.Samples, far: m.Samples) -> m.Samples:
        call.speak(far, m.RATE, "a")
        call.transmit()
        return np.array(call.receive(tp.g711.ulaw_encode(near)).pcm)

    return clean


CLEANERS: dict[str, Callable[[], Clean]] = {
    "talkpath": through_the_call,
    "WebRTC AEC3 + NS": lambda: WebRtcApm(m.RATE),
    "WebRTC AEC3": lambda: WebRtcApm(m.RATE, noise=False),
    "speexdsp 700 ms + suppressor": lambda: SpeexEcho(m.RATE, suppress=True),
    "speexdsp 700 ms": lambda: SpeexEcho(m.RATE),
    "untouched": lambda: lambda near, far: near,
}


def line(number: int) -> tuple[m.Samples, m.Samples, m.Floats, m.Floats]:
    """(far, near, the caller alone, its echo alone): the agent speaks all the time, the caller over it in the second half."""
    rng = m.draws("echo", number)
    n = SECONDS * m.RATE
    agents = m.agents()
    far = m.ulaw(m.to_int16(m.speech(agents[number % len(agents)], SECONDS, rng)))
    caller, start = np.zeros(n), round(CALLER_FROM_S * m.RATE)
    talker = "en" if m.prompts("en") else agents[0]
    caller[start:] = m.at_level(m.speech(talker, SECONDS - CALLER_FROM_S, rng), float(rng.uniform(-28, -20)))
    path, distorts = m.echo_path(rng)
    echo = m.telephone_band(m.echo_of(far / 32768, path, distorts))
    quiet = m.telephone_band(m.noise("white", n, rng) * 10 ** (rng.uniform(-66, -58) / 20))
    caller = m.telephone_band(caller)
    return far, m.ulaw(m.to_int16(caller + echo + quiet)), caller, echo


def loss_db(near: m.Floats, out: m.Floats, echo: m.Floats, start_s: float, end_s: float) -> float | None:
    """Mean power of frames in which the echo is loud, before and after; the two are 20 ms apart at most."""
    power = [(x[: len(x) // 160 * 160].reshape(-1, 160) ** 2).mean(axis=1) for x in (near, out, echo)]
    inside = slice(round(start_s * 50), round(end_s * 50))
    chosen = power[2][inside] > 10 ** (-48 / 10)
    if chosen.sum() < 10:
        return None
    before, after = power[0][inside][chosen].mean(), power[1][inside][chosen].mean()
    return float(10 * np.log10(before / max(after, 1e-12)))


def measure(quick: bool) -> dict[str, Any]:
    lines = [line(k) for k in range(3 if quick else 60)]
    judges, missing = usable(pesq=pesq)
    rows = []
    for name, make in CLEANERS.items():
        early, later, spoken = [], [], []
        try:
            for far, near, caller, echo in lines:
                clean = make()
                out = np.concatenate([clean(a, b) for a, b in zip(m.frames(near), m.frames(far), strict=True)]) / 32768
                for values, span in ((early, (0.0, 3.0)), (later, (3.0, CALLER_FROM_S - 0.1))):
                    value = loss_db(near / 32768, out, echo, *span)
                    if value is not None:
                        values.append(value)
                if judges:
                    start = round(CALLER_FROM_S * m.RATE)
                    spoken.append(judges["pesq"](*aligned(caller[start:], out[start:])))
        except Missing as why:
            missing.append(f"{name}: not installed: {why}")
            continue
        rows.append({"who": name, "lines": len(lines), "early_db": mean(early), "later_db": mean(later), "pesq": mean(spoken)})  # fmt: skip
    return {"rows": rows, "missing": missing}
