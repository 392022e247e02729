"""Is that speech, and what is left of it when noise is taken away: through the call, beside the peers, after µ-law."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from peers import Missing, Process, RNNoise, WebRtcApm, silero_vad, speex_denoise, ten_vad, webrtc_vad

import talkpath as tp
from quality import material as m
from quality.scoring import aligned, dnsmos, mean, pesq, roc_auc, stoi, usable

EDGE_FRAMES = 3  # so near to a change of the label nobody is judged
VAD_CONDITIONS: dict[str, float | None] = {"clean": None, "10 dB": 10.0, "5 dB": 5.0}


# --- voice activity -------------------------------------------------------------------------------------------------------------------


def of_the_call() -> Process:
    call = tp.CallPipeline(audio_format="pcm_8k", seed=1)

    def process(frame: m.Samples) -> float:
        call.transmit()
        call.receive(tp.g711.ulaw_encode(frame))
        return call.metrics.speech_probability

    return process


def of_rnnoise() -> Process:
    rnnoise = RNNoise(m.RATE)

    def process(frame: m.Samples) -> float:
        rnnoise(frame)
        return rnnoise.probability

    return process


def of_webrtc() -> Process:
    """How many of its four modes say speech."""
    modes = [webrtc_vad(m.RATE, mode) for mode in range(4)]
    return lambda frame: sum(mode(frame) for mode in modes)


VADS: dict[str, Callable[[], Process]] = {
    "talkpath": of_the_call,
    "Silero": partial(silero_vad, m.RATE),
    "RNNoise": of_rnnoise,
    "ten-vad": partial(ten_vad, m.RATE),
    "webrtcvad": of_webrtc,
}


def talks(count: int) -> list[tuple[m.Floats, np.ndarray]]:
    """(clean talk with pauses, per frame: speech): Hibari, and actors that no network has heard; half of the time nobody."""
    found = []
    for number in range(count):
        rng = m.draws("vad", number)
        parts: list[m.Floats] = [np.zeros(m.RATE // 2)]
        while sum(map(len, parts)) < 20 * m.RATE:
            if number % 2 or m.available()["Hibari"]:
                x = m.word(rng, 0.3, 3.0)
            else:
                x = m.said("hibari", m.SENTENCES[int(rng.integers(len(m.SENTENCES)))])
                x = x[: round(rng.uniform(1.0, 5.0) * m.RATE)]
            parts += [m.at_level(x, float(rng.uniform(-28, -20))), np.zeros(round(rng.uniform(0.3, 3.0) * m.RATE))]
        x = np.concatenate(parts)
        x = x[: len(x) // m.FRAME * m.FRAME]
        speaks = np.zeros(len(x) // 80, bool)
        at = 0
        for part in parts:
            if part.any():
                sounds = m.active(part, 35.0)
                speaks[at // 80 : at // 80 + len(sounds)] |= sounds[: len(speaks) - at // 80]
            at += len(part)
        found.append((x, speaks.reshape(-1, 2).any(axis=1)))
    return found


def judged(speaks: np.ndarray) -> np.ndarray:
    """Frames that are not at an edge."""
    changes = np.flatnonzero(np.diff(speaks.astype(int)))
    keep = np.ones(len(speaks), bool)
    for at in changes:
        keep[max(0, at + 1 - EDGE_FRAMES) : at + 1 + EDGE_FRAMES] = False
    return keep


def vad(quick: bool) -> dict[str, Any]:
    material = talks(2 if quick else 40)
    speaks = np.concatenate([label for _, label in material])
    keep = np.concatenate([judged(label) for _, label in material])
    lines: dict[str, list[m.Samples]] = {}
    for name, snr_db in VAD_CONDITIONS.items():
        lines[name] = []
        for number, (x, _) in enumerate(material):
            rng = m.draws("vad noise", name, number)
            kinds = ("white", "pink", "hum", "office", "music")
            noise = m.noise(kinds[number % len(kinds)] if snr_db else "white", len(x), rng)
            level = -24 - snr_db if snr_db else -65.0
            lines[name].append(m.ulaw(m.to_int16(m.telephone_band(x) + noise * 10 ** (level / 20))))
    rows, missing = [], []
    for who, make in VADS.items():
        row: dict[str, Any] = {"who": who}
        try:
            for name, pcms in lines.items():
                scores = []
                for pcm in pcms:
                    process = make()
                    scores += [float(process(frame)) for frame in m.frames(pcm)]
                row[name] = round(roc_auc(np.array(scores)[keep], speaks[keep]), 4)
        except Missing as why:
            missing.append(f"{who}: not installed: {why}")
            continue
        rows.append(row)
    return {"rows": rows, "missing": missing, "minutes": round(len(speaks) / 3000, 1)}


# --- noise suppression ----------------------------------------------------------------------------------------------------------------


def suppressing_call() -> Process:
    call = tp.CallPipeline(audio_format="pcm_8k", noise_cancellation=True, seed=1)

    def process(frame: m.Samples) -> m.Samples:
        call.transmit()
        return np.array(call.receive(tp.g711.ulaw_encode(frame)).pcm)

    return process


SUPPRESSORS: dict[str, Callable[[], Process]] = {
    "untouched": lambda: lambda frame: frame,
    "talkpath": suppressing_call,
    "RNNoise": partial(RNNoise, m.RATE),
    "WebRTC": lambda: WebRtcApm(m.RATE, echo=False),
    "speexdsp": partial(speex_denoise, m.RATE),
}
JUDGES = {"pesq": pesq, "stoi": stoi, "dnsmos": dnsmos}


def noisy(number: int) -> tuple[m.Floats, m.Samples]:
    """(what was said, what the line brings): English prompts and Hibari, 0 to 10 dB."""
    rng = m.draws("noise suppression", number)
    talker = "en" if m.prompts("en") and number % 2 else "hibari" if not m.available()["Hibari"] else m.agents()[0]
    clean = m.telephone_band(m.speech(talker, 8.0, rng))
    kind = m.NOISES[number % len(m.NOISES)]
    noise = m.telephone_band(m.noise(kind, len(clean), rng)) * 10 ** (
        (-22 - (0, 5, 10)[number // len(m.NOISES) % 3]) / 20
    )
    return clean, m.ulaw(m.to_int16(clean + noise))


def suppression(quick: bool) -> dict[str, Any]:
    mixes = [noisy(number) for number in range(2 if quick else 36)]
    judges, missing = usable(**JUDGES)
    rows: list[dict[str, Any]] = []
    for who, make in SUPPRESSORS.items():
        marks: dict[str, list[float]] = {name: [] for name in judges}
        try:
            for clean, pcm in mixes:
                process = make()
                out = np.concatenate([process(frame) for frame in m.frames(pcm)]) / 32768
                said, left = aligned(clean, out)
                for name, judge in judges.items():
                    marks[name].append(judge(left) if name == "dnsmos" else judge(said, left))
        except Missing as why:
            missing.append(f"{who}: not installed: {why}")
            continue
        rows.append({"who": who, **{name: mean(values) for name, values in marks.items()}})
    return {"rows": rows, "missing": missing, "mixes": len(mixes)}


def measure(quick: bool) -> dict[str, Any]:
    return {"vad": vad(quick), "suppression": suppression(quick)}
