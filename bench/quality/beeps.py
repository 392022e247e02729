"""The beep of a voicemail, and hours in which none is: through the call."""

from typing import Any

import numpy as np
import voicemails

import talkpath as tp
from quality import material as m
from quality.scoring import percentile, share

GRACE_S = 1.0  # behind the beep's end


def heard(pcm: m.Samples, all_of_them: bool) -> list[tuple[float, float]]:
    """(when, Hz) of the first `voicemail.beep`, or of all: a new call after each, for a call reports one."""
    call, found = None, []
    for i, frame in enumerate(m.frames(pcm)):
        call = call or tp.CallPipeline(audio_format="pcm_8k", detection_method="audio", seed=1)
        call.transmit()
        for event in call.receive(tp.g711.ulaw_encode(frame)).events:
            if event.type == "voicemail.beep":
                found.append(((i + 1) / 50, event.frequency_hz))
                if not all_of_them:
                    return found
                call = None
                break
    return found


def with_beeps(count: int) -> dict[str, Any]:
    rows = []
    for number in range(count):
        mail = voicemails.voicemail(m.SEED, number)
        first = next(iter(heard(m.ulaw(mail.pcm), False)), None)
        begins, ends = mail.begins / m.RATE, mail.ends / m.RATE
        hit = first is not None and begins < first[0] <= ends + GRACE_S
        rows.append(
            (hit, first is not None and first[0] <= begins, first[0] - ends if hit and first else None, mail.kind)
        )
    late = [x for _, _, x, _ in rows if x is not None]
    kinds = sorted({kind for *_, kind in rows})
    return {
        "voicemails": count, "found": share([hit for hit, *_ in rows]), "early": sum(early for _, early, *_ in rows),
        "after_ms_p50": round(1000 * (percentile(late, 50) or 0)), "after_ms_p95": round(1000 * (percentile(late, 95) or 0)),
        "kinds": {kind: share([hit for hit, _, _, k in rows if k == kind]) for kind in kinds},
    }  # fmt: skip


CADENCES = {
    "ringback": [((440, 480), 2.0, 4.0), ((400, 450), 0.4, 0.2), ((425,), 1.0, 4.0)],
    "busy": [((480, 620), 0.5, 0.5), ((425,), 0.5, 0.5), ((400,), 0.375, 0.375)],
    "reorder": [((480, 620), 0.25, 0.25), ((425,), 0.25, 0.25)],
    "dial": [((350, 440), 6.0, 0.5), ((425,), 6.0, 0.5)],
}


def network_tones(minutes: float, rng: np.random.Generator) -> m.Floats:
    """Ringback, busy, reorder and dial tones of several countries, half a minute each."""
    parts: list[m.Floats] = []
    chosen = [period for periods in CADENCES.values() for period in periods]
    while sum(map(len, parts)) < minutes * 60 * m.RATE:
        hz, on_s, off_s = chosen[len(parts) % len(chosen)]
        t = np.arange(30 * m.RATE) / m.RATE
        x = sum((np.sin(2 * np.pi * f * t) for f in hz), np.zeros(len(t))) / len(hz)
        x *= (t % (on_s + off_s)) < on_s
        parts.append(x * 10 ** (rng.uniform(-24, -10) / 20) + 1e-4 * rng.standard_normal(len(t)))
    return np.concatenate(parts)


def without(minutes: float) -> dict[str, m.Floats]:
    """Sounds without a beep, by what they are."""
    rng, found = m.draws("no beep"), {}
    voices = [*m.agents(), *(("en", "es", "it") if m.prompts("en") else ())]
    if voices:
        talk = [m.speech(voice, minutes * 60 / len(voices), rng) * 10 ** (rng.uniform(-6, 6) / 20) for voice in voices]
        found["speech"] = np.concatenate(talk)
    if m.MUSIC.is_dir():
        found["music on hold"] = np.concatenate([m.piece(m.music(k), round(minutes * 12 * m.RATE), rng) * 0.5 for k in range(5)])  # fmt: skip
    found["network tones"] = network_tones(minutes, rng)
    return found


def measure(quick: bool) -> dict[str, Any]:
    missing = [
        "no peer: none that PyPI or Debian has can be called from Python (agent-transport's wheel has its server alone)"
    ]
    alarms = {}
    for kind, x in without(0.5 if quick else 20).items():
        events = heard(m.ulaw(m.to_int16(x)), True)
        apart = [at for k, (at, _) in enumerate(events) if k == 0 or at - events[k - 1][0] > 1.0]
        alarms[kind] = {"hours": round(len(x) / m.RATE / 3600, 2), "alarms": len(apart)}
    return {**with_beeps(6 if quick else 400), "false": alarms, "missing": missing}
