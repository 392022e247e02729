"""Calls for train_near_end.py as other devices and other rooms make them: crowds behind the caller, gain control, suppressors of many kinds.

    python training/echo/device_calls.py OUT --calls 1000 --seed 7001 [--crowds | --double-talk]

Speech, noises and music are those of training/enhance/ns_corpus.py without the voices and words that judge (LEFT_OUT); loudspeakers, rooms and short paths are
double_talk.py's. What the evaluation kit's generator does not have: both sides that talk from the start, callers who begin softly, crowds whose nearest
talker stands out (crowds.py), and between microphone and line a suppressor, a half-duplex switch, a noise gate, gain control. The output is in the kit's format:
labels.json, <id>.flac (left: sent, right: received, 8 kHz), <id>_near.flac (the caller alone).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import crowds
import numpy as np
import soundfile
import soxr
from call_features import ulaw
from crowds import CrowdMixer
from double_talk import in_room, loudspeaker, rooms, short_path
from scipy import ndimage, signal
from telephones import LINE_HZ, device, gsm, lost, of_db

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "enhance"))
import ns_corpus
from ns_corpus import RATE_HZ, corpus

HEARD_DB, QUIET_DB = -18, -50
LEFT_OUT = ("fr_CA", "ru_RU", "it_IT_f", "espeak-el", "espeak-ru", "flite-kal16", "flite-awb",
            *(f"ktuberling-{name}" for name in ("es", "it", "pl", "ru", "sv", "uk", "hu", "sl", "lt")))  # fmt: skip
TELEPHONE = signal.butter(4, [280, 3450], "bandpass", fs=RATE_HZ, output="sos")


class Shares(NamedTuple):
    """Of all calls: with echo, with a crowd, with a silent caller, with a caller who does not wait for the agent."""

    echo: float
    crowd: float
    silent: float
    double_talk: float


ORDINARY, CROWDS, DOUBLE_TALK = Shares(0.65, 0.35, 0.35, 0.2), Shares(0.3, 0.8, 0.35, 0.2), Shares(1, 0.1, 0.15, 0.75)


def at_level(x: np.ndarray, db: float) -> np.ndarray:
    """The active level set, where there is any."""
    return x * (of_db(db) / corpus.level(x, RATE_HZ)) if np.any(x) else x


def talk(mixer: CrowdMixer, clips: list[np.ndarray], seconds: float, gap_s: tuple[float, float]) -> np.ndarray:
    """One talker for so long."""
    rng, n, parts, at = mixer.rng, round(seconds * RATE_HZ), [], 0
    while at < n:
        clip = clips[rng.integers(len(clips))]
        clip = clip / corpus.level(clip, RATE_HZ) * of_db(rng.normal(0, 2))
        parts += [clip, np.zeros(int(rng.uniform(*gap_s) * RATE_HZ), np.float32)]
        at += len(parts[-1]) + len(clip)
    x = np.concatenate(parts)[:n].astype(np.float64)
    x[-160:] *= np.linspace(1, 0, 160)
    return x


def caller(mixer: CrowdMixer, n: int, agent_s: float, shares: Shares) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """What is said, at unit level, and where."""
    rng, near, said = mixer.rng, np.zeros(n), []
    draw, seconds = rng.random(), n / RATE_HZ
    if draw < shares.silent:
        return near, said
    clips, both = mixer.talker(), draw > 1 - shares.double_talk
    at_s = (
        max(0.05, agent_s + rng.uniform(-1, 1))
        if both
        else agent_s + rng.choice([rng.uniform(0.1, 2), rng.uniform(2, 8)])
    )
    for _ in range(rng.integers(1, 5 if both else 3)):
        low_s, high_s = ((0.3, 0.8), (0.8, 1.6), (1.6, 4.5))[2 if both else rng.integers(3)]
        x = talk(mixer, clips, rng.uniform(low_s, high_s), (0.03, 0.3))
        if rng.random() < 0.3:  # begins softly
            rise_s = rng.uniform(0.2, 1.0)
            x *= of_db(np.minimum(np.arange(len(x)) / (rise_s * RATE_HZ) - 1, 0) * rng.uniform(6, 18))
        start = round(at_s * RATE_HZ)
        if start + len(x) > n - RATE_HZ // 2:
            break
        near[start : start + len(x)] += x * of_db(rng.normal(0, 2))
        said.append((start, start + len(x)))
        at_s += len(x) / RATE_HZ + (rng.uniform(0.7, 1.5) if both else rng.uniform(1.3, max(1.4, seconds / 3)))
    return near, said


def background(mixer: CrowdMixer, n: int, crowd: float) -> np.ndarray:
    draw = mixer.rng.random()
    if draw < crowd:
        x = mixer.crowd(n)
    elif draw < crowd + 0.1:  # a television, somebody in the next room
        x = mixer.room(mixer.voice(n)[0], mixer.rng.uniform(0.5, 1.2))
    else:
        x = mixer.noise(n)
    return x / (np.sqrt((x**2).mean()) + 1e-9)


def line(x: np.ndarray) -> np.ndarray:
    y = soxr.resample(signal.sosfilt(TELEPHONE, x), RATE_HZ, LINE_HZ)
    return np.clip(np.rint(y * 32768), -32768, 32767).astype(np.int16)


def intervals(x: np.ndarray, down_db: float, gap_s: float) -> list[tuple[float, float]]:
    """Where a clean signal at the line's rate is less than so far below its active level, in seconds."""
    frames = x[: len(x) // 80 * 80].reshape(-1, 80).astype(np.float64)
    power = (frames**2).mean(axis=1)
    if power.max() < 1:
        return []
    loud = power > power[power > power.max() * 10**-2.5].mean() * 10 ** (-down_db / 10)
    loud = ndimage.binary_closing(np.pad(loud, 200), np.ones(int(gap_s * 100)))[200:-200]
    edges = np.flatnonzero(np.diff(np.pad(loud.astype(int), 1)))
    return [(float(a) / 100, float(b) / 100) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def power_db(x: np.ndarray) -> float:
    return 10 * float(np.log10(np.mean((x / 32768.0) ** 2) + 1e-12)) if len(x) else -120.0


def echo_of(sent: np.ndarray, n: int, response: list[np.ndarray], label: dict, rng: np.random.Generator) -> np.ndarray:
    """What comes back of what was sent, at any level; `label` gets its delay and what happens to it."""
    delay_s, at = rng.uniform(0.02, 0.5), np.arange(n, dtype=float)
    heard = soxr.resample(sent / 32768, LINE_HZ, RATE_HZ)[:n]
    heard = np.pad(heard, (0, n - len(heard)))
    short, back = rng.random() < 0.25, at - delay_s * RATE_HZ
    if rng.random() < 0.12:
        jump_s, when = rng.choice([-1, 1]) * rng.uniform(0.02, 0.12), rng.uniform(0.3, 0.75) * n
        jump_s = jump_s if delay_s + jump_s > 0.02 else -jump_s
        back[at > when] -= jump_s * RATE_HZ
        label["jump"], label["opts"] = [when / RATE_HZ, jump_s * 1000], [*label["opts"], "jump"]
    elif rng.random() < 0.12:
        back = back * (1 + rng.uniform(-1e-4, 1e-4))
    label["delay_ms"] = delay_s * 1000
    x = np.interp(back, at, heard)
    if short:
        label["category"] = "short"
        return signal.oaconvolve(x, short_path(rng))[:n]
    return in_room(loudspeaker(x, rng), response, rng)


def call(
    name: str, mixer: CrowdMixer, responses: list[list[np.ndarray]], shares: Shares
) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """The label, what was sent, what came back, and the caller in it."""
    rng = mixer.rng
    n = int(rng.uniform(12, 20) * 50) * RATE_HZ // 50
    agent_s = rng.uniform(0.1, 1.2) if rng.random() < 0.9 else rng.uniform(1.5, 3)
    label = {"id": name, "dur": n / RATE_HZ, "fs": LINE_HZ, "has_echo": bool(rng.random() < shares.echo), "opts": [], "jump": None, "delay_ms": None,
             "category": "room"}  # fmt: skip
    far = np.zeros(n)
    start, end = round(agent_s * RATE_HZ), n - round(rng.uniform(0.8, 1.6) * RATE_HZ)
    far[start:end] = talk(mixer, mixer.talker(), (end - start) / RATE_HZ, (0.1, 0.9))
    far_db, near_db = rng.uniform(-26, -14), rng.uniform(-36, -16)
    sent = ulaw(line(at_level(far, far_db)))
    label["agent_intervals"] = intervals(sent, 32, 0.3)

    near, said = caller(mixer, n, agent_s, shares)
    response = responses[rng.integers(len(responses))]
    if rng.random() < 0.6:
        near = signal.oaconvolve(near, response[1])[:n]
    near = at_level(near, near_db)
    noise = background(mixer, n, shares.crowd) * of_db((near_db if said else -24) - rng.uniform(12, 42))
    echo = np.zeros(n)
    if label["has_echo"]:
        heard = lost(sent, rng.uniform(0.005, 0.03), rng) if rng.random() < 0.15 else sent
        through_gsm = rng.random() < 0.2
        echo = echo_of(gsm(heard) if through_gsm else heard, n, response, label, rng)
        echo = at_level(echo, max(min(near_db - rng.uniform(-14, 20), far_db + 2), far_db - 40))
    else:
        through_gsm, label["category"] = rng.random() < 0.2, "none"
    (echo, near, noise), did = device(echo, near, noise, rng)
    whole = echo + near + noise
    if rng.random() < 0.08:  # too loud for the microphone
        most = np.abs(whole).max() * rng.uniform(0.3, 0.8)
        whole, did = np.clip(whole, -most, most), [*did, "clipped"]
    received, stem = line(whole), line(near)
    if through_gsm:
        received, did = gsm(received), [*did, "gsm"]
    received = ulaw(received)
    if rng.random() < 0.15:
        received, did = lost(received, rng.uniform(0.005, 0.03), rng), [*did, "loss"]
    label["opts"] += did
    back, rest, events = line(echo), line(echo + noise), []
    for begun, ended in said:
        first = max(0, begun // 2 - 160)
        parts = intervals(stem[first : ended // 2 + 2000], 27, 0.6)
        if not parts:
            continue
        on, off = first / LINE_HZ + parts[0][0], first / LINE_HZ + parts[-1][1]
        here = slice(round(on * LINE_HZ), round(off * LINE_HZ))
        own_db = power_db(stem[here])
        heard = own_db > QUIET_DB and own_db - power_db(rest[here]) > HEARD_DB
        events.append({"type": "barge" if heard else "unheard", "on": on, "off": off, "dur": off - on, "level_db": own_db,
                       "ser_db": own_db - power_db(back[here]) if label["has_echo"] else None})  # fmt: skip
    label["events"] = events
    return label, sent, received, stem


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--calls", type=int, default=800)
    parser.add_argument("--rooms", type=int, default=150)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument(
        "--crowds", action="store_true", help="most calls with a crowd behind the caller, most without echo"
    )
    parser.add_argument(
        "--double-talk", action="store_true", help="every call with echo, most callers talk from the start"
    )
    args = parser.parse_args()
    shares = DOUBLE_TALK if args.double_talk else CROWDS if args.crowds else ORDINARY
    args.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    speech, music, noises = ns_corpus.load(90, args.seed)
    speech = {name: clips for name, clips in speech.items() if not name.startswith(LEFT_OUT)}
    mixer, responses, labels = CrowdMixer(speech, music, noises, crowds.load(), args.seed), rooms(args.rooms, rng), []
    print(len(speech), "voices,", len(mixer.recordings), "crowds; material ready", flush=True)
    for i in range(args.calls):
        label, sent, received, stem = call(f"dev_{args.seed}_{i:04d}", mixer, responses, shares)
        soundfile.write(args.out / f"{label['id']}.flac", np.stack([sent, received], 1), LINE_HZ, subtype="PCM_16")
        soundfile.write(args.out / f"{label['id']}_near.flac", stem, LINE_HZ, subtype="PCM_16")
        labels.append(label)
    (args.out / "labels.json").write_text(json.dumps({"seed": args.seed, "calls": labels}, indent=0))


if __name__ == "__main__":
    main()
