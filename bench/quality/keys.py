"""Keys: presses that must be taken and presses that must not, after ITU-T Q.24's limits, and talk that holds none."""

from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from peers import Missing, spandsp_dtmf

import talkpath as tp
from quality import material as m
from quality.beeps import network_tones

KEYS = "123A456B789C*0#D"
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
PLAIN: dict[str, Any] = {"on_ms": 50, "gap_ms": 50, "dbm0": -10.0, "twist_db": 0.0, "low_off": 0.0, "high_off": 0.0, "hole_ms": 0, "snr_db": None, "speech_db": None}  # fmt: skip

ACCEPT: dict[str, dict[str, Any]] = {
    "50 ms on, 50 ms off": {},
    "40 ms on, 40 ms off": {"on_ms": 40, "gap_ms": 40},
    "100 ms on, 100 ms off": {"on_ms": 100, "gap_ms": 100},
    **{f"{which} {off:+.1%}": {f"{which}_off": off} for which in ("low", "high") for off in (-0.015, 0.015)},
    "both +1.5%": {"low_off": 0.015, "high_off": 0.015},
    "both -1.5%": {"low_off": -0.015, "high_off": -0.015},
    "high tone 8 dB weaker": {"twist_db": -8.0},
    "low tone 4 dB weaker": {"twist_db": 4.0},
    **{f"{level} dBm0": {"dbm0": float(level)} for level in (-36, -30, -20, -5, 0)},
    **{f"a hole of {ms} ms": {"hole_ms": ms, "on_ms": 120} for ms in (5, 10)},
    **{f"noise {snr} dB down": {"snr_db": float(snr)} for snr in (24, 18, 15, 12)},
    **{f"speech {db} dB down": {"speech_db": float(db), "on_ms": 90, "gap_ms": 90} for db in (25, 20, 15)},
}  # fmt: skip
REJECT: dict[str, dict[str, Any]] = {
    "20 ms on": {"on_ms": 20},
    "23 ms on": {"on_ms": 23},
    **{f"{which} {off:+.1%}": {f"{which}_off": off} for which in ("low", "high") for off in (-0.035, 0.035)},
    "both +3.5%": {"low_off": 0.035, "high_off": 0.035},
    "both -3.5%": {"low_off": -0.035, "high_off": -0.035},
}


def press(key: str, rng: np.random.Generator, how: dict[str, Any]) -> m.Floats:
    place, n = KEYS.index(key), round(how["on_ms"] * m.RATE / 1000)
    t, twist = np.arange(n) / m.RATE, how["twist_db"]
    low, high = how["dbm0"] - max(0.0, twist), how["dbm0"] + min(0.0, twist)
    x = np.zeros(n)
    for hz, off, dbm0 in ((LOW[place // 4], how["low_off"], low), (HIGH[place % 4], how["high_off"], high)):
        x += 10 ** ((dbm0 - 3.17) / 20) * np.sin(2 * np.pi * hz * (1 + off) * t + rng.uniform(0, 6.28))
    if how["hole_ms"]:
        at = int(rng.uniform(0.3, 0.6) * n)
        x[at : at + how["hole_ms"] * m.RATE // 1000] = 0
    return x


def presses(name: str, changed: dict[str, Any], count: int) -> tuple[str, m.Samples]:
    """The keys, and the line."""
    rng, how = m.draws("keys", name), {**PLAIN, **changed}
    keys = "".join("".join(rng.permutation(list(KEYS))) for _ in range(-(-count // 16)))[:count]
    parts = [np.zeros(m.RATE // 5)]
    for key in keys:
        parts += [press(key, rng, how), np.zeros(round((how["gap_ms"] + rng.uniform(0, 12)) * m.RATE / 1000))]
    x = np.concatenate([*parts, np.zeros(m.RATE // 3)])
    power = 10 ** ((how["dbm0"] - 3.17) / 10)
    if how["speech_db"] is not None:
        talk = m.speech("en" if m.prompts("en") else m.agents()[0], len(x) / m.RATE + 1, rng)
        x += m.at_level(talk, 0.0)[: len(x)] * np.sqrt(power) * 10 ** (-how["speech_db"] / 20)
    noise = 10 ** (-75 / 20) if how["snr_db"] is None else np.sqrt(power) * 10 ** (-how["snr_db"] / 20)
    return keys, m.ulaw(m.to_int16(x + noise * rng.standard_normal(len(x))))


def through_the_call() -> Callable[[m.Samples], str]:
    call = tp.CallPipeline(audio_format="pcm_8k", seed=1)

    def process(frame: m.Samples) -> str:
        call.transmit()
        events = call.receive(tp.g711.ulaw_encode(frame)).events
        return "".join(event.digit for event in events if event.type == "user.dtmf")

    return process


def measure(quick: bool) -> dict[str, Any]:
    count = 16 if quick else 192
    accept = [presses(name, how, count) for name, how in ACCEPT.items()]
    reject = [presses(name, how, count) for name, how in REJECT.items()]
    rng = m.draws("talk-off")
    talk = [
        m.speech(voice, 20 if quick else 600, rng)
        for voice in (*m.agents(), *(("en", "es", "it") if m.prompts("en") else ()))
    ]
    if m.MUSIC.is_dir():
        talk += [m.piece(m.music(k), (5 if quick else 180) * m.RATE, rng) * 0.6 for k in range(5)]
    talk.append(network_tones(0.5 if quick else 10, rng))
    rows, missing = [], []
    for name, make in (("talkpath", through_the_call), ("spandsp", spandsp_dtmf)):
        try:
            taken = [(keys, run(make(), pcm)) for keys, pcm in accept]
        except Missing as why:
            missing.append(f"{name}: not installed: {why}")
            continue
        refused = [run(make(), pcm) for _, pcm in reject]
        rows.append({
            "who": name,
            "accept": sum(right(keys, got) for keys, got in taken), "accept_of": len(accept),
            "reject": sum(len(got) <= 0.01 * count for got in refused), "reject_of": len(reject),
            "failed": [test for test, (keys, got) in zip(ACCEPT, taken, strict=True) if not right(keys, got)]
            + [test for test, got in zip(REJECT, refused, strict=True) if len(got) > 0.01 * count],
            "false": sum(len(run(make(), m.ulaw(m.to_int16(x)))) for x in talk),
        })  # fmt: skip
    return {"rows": rows, "missing": missing, "presses": count * (len(accept) + len(reject)), "hours": round(sum(map(len, talk)) / m.RATE / 3600, 2)}  # fmt: skip


def run(process: Callable[[m.Samples], str], pcm: m.Samples) -> str:
    return "".join(process(frame) for frame in m.frames(pcm))


def right(keys: str, got: str) -> bool:
    """99 in 100 in their order, and no more than 1 in 100 besides."""
    matched = sum(block.size for block in SequenceMatcher(None, keys, got, autojunk=False).get_matching_blocks())
    return matched >= 0.99 * len(keys) and len(got) - matched <= 0.01 * len(keys)
