"""Wide-band calls in which both sides talk, for the suppressor's network: what was sent, what came back, and the same without echo.

    python training/echo/double_talk.py FOLDER --calls 1200 --seed 1

Speech, noises and music are those of training/enhance/ns_corpus.py (no English prompts, no CMU Arctic: they judge). The echo: a
loudspeaker that distorts, an image-source room, handset or hybrid, a delay of 2 to 400 ms, drift, a room that changes. Each call becomes
<number>.npy: int16, 16 kHz, rows sent, received, received without the echo.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from scipy import signal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "enhance"))
import ns_corpus
from ns_corpus import RATE_HZ

SECONDS = 12


def rooms(count: int, rng: np.random.Generator) -> list[list[np.ndarray]]:
    """Responses of the loudspeaker, of the talker's mouth, and of the loudspeaker moved."""
    import pyroomacoustics as pra

    made = []
    while len(made) < count:
        size, rt60_s = rng.uniform([2.4, 2.2, 2.2], [7, 6, 3.2]), rng.uniform(0.12, 0.7)
        try:
            absorption, order = pra.inverse_sabine(rt60_s, size)
        except ValueError:
            continue
        room = pra.ShoeBox(
            size, fs=RATE_HZ, materials=pra.Material(absorption), max_order=min(order, 18), air_absorption=True
        )
        microphone = rng.uniform([0.5, 0.5, 0.6], size - [0.5, 0.5, 0.8])
        room.add_microphone(microphone)
        for distance in (rng.uniform(0.06, 0.6), rng.uniform(0.1, 1.2), rng.uniform(0.1, 1.2)):
            way = rng.standard_normal(3)
            room.add_source(np.clip(microphone + distance * way / np.linalg.norm(way), 0.1, size - 0.1))
        room.compute_rir()
        responses = []
        for whole in room.rir[0]:
            h = whole[max(0, int(np.argmax(np.abs(whole))) - 16) :][: int(RATE_HZ * 0.7)]
            responses.append((h / np.sqrt((h**2).sum())).astype(np.float32))
        made.append(responses)
    return made


def short_path(rng: np.random.Generator) -> np.ndarray:
    """A handset, or a two-wire hybrid."""
    n = int(rng.uniform(0.004, 0.016) * RATE_HZ)
    h = rng.standard_normal(n) * np.exp(-np.arange(n) * rng.uniform(3, 5) / n)
    h[0] += rng.choice([-1.5, 1.5])
    return h / np.sqrt((h**2).sum())


def loudspeaker(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x = signal.sosfilt(signal.butter(2, rng.uniform(80, 600), "highpass", fs=RATE_HZ, output="sos"), x)
    if rng.random() < 0.6:  # resonances
        for _ in range(rng.integers(1, 4)):
            b, a = signal.iirpeak(rng.uniform(500, 6000), rng.uniform(1, 8), fs=RATE_HZ)
            x = x + rng.uniform(-0.6, 1.5) * signal.lfilter(b, a, x)
    peak = np.percentile(np.abs(x), 99.9) + 1e-9
    v, kind = x / peak, rng.integers(8)
    if kind == 0:
        drive = rng.uniform(1, 4)
        v = np.tanh(drive * v) / np.tanh(drive)
    elif kind == 1:
        v = np.clip(v, -1.3, 1.3)
        v = v + rng.uniform(0.05, 0.35) * v**2 - rng.uniform(0.05, 0.35) * v**3
    elif kind == 2:
        b = 1.5 * v - 0.3 * v**2
        v = 2 / (1 + np.exp(-np.where(b > 0, 4.0, rng.uniform(0.5, 2.5)) * b)) - 1
    elif kind == 3:
        limit = rng.uniform(0.25, 0.8)
        v = np.clip(v, -limit, limit)
    elif kind == 4:  # rattles
        v = v + rng.uniform(0.02, 0.1) * np.abs(v) * signal.lfilter([1, -1], [1, -0.5], rng.standard_normal(len(v)))
    v = v - v.mean()
    return v * peak


def in_room(x: np.ndarray, responses: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """A loudspeaker there; now and then somebody moves it."""
    n = len(x)
    result = signal.oaconvolve(x, responses[0])[:n]
    if rng.random() < 0.15:
        turn = np.clip((np.arange(n) / RATE_HZ - rng.uniform(2, 10)) / rng.uniform(0.2, 1), 0, 1)
        result = result * (1 - turn) + turn * signal.oaconvolve(x, responses[2])[:n]
    return result


def level(x: np.ndarray, active: np.ndarray) -> float:
    sounds = active > 0
    return float(np.sqrt((x[sounds] ** 2).mean())) + 1e-9 if sounds.any() else 1e-9


def call(mixer: ns_corpus.Mixer, rng: np.random.Generator, responses: list[list[np.ndarray]]) -> np.ndarray:
    n = SECONDS * RATE_HZ
    far, far_active = mixer.voice(n)
    if rng.random() < 0.4:  # hardly a pause
        more, more_active = mixer.voice(n)
        quiet = far_active == 0
        far, far_active = np.where(quiet, more, far), np.maximum(far_active, quiet * more_active)
    if rng.random() < 0.08:
        far = far + mixer.song(n) * 10 ** (rng.uniform(-25, 0) / 20)
    near, near_active = mixer.voice(n) if rng.random() < 0.8 else (np.zeros(n, np.float32), np.zeros(n, np.float32))
    if rng.random() < 0.4:
        more, more_active = mixer.voice(n)
        quiet = near_active == 0
        near, near_active = (
            (np.where(quiet, more, near), np.maximum(near_active, quiet * more_active))
            if near.any()
            else (near, near_active)
        )
    if rng.random() < 0.35 and near.any():  # silent for a while
        a = rng.integers(0, n)
        near[a : a + int(rng.uniform(0.2, 0.7) * n)] = 0
    far = far * 10 ** (rng.uniform(-34, -16) / 20)
    far = far + mixer.bed(n) * 10 ** (rng.uniform(-85, -50) / 20)
    if rng.random() < 0.15:  # a narrow-band agent on a wide-band line
        far = signal.sosfilt(signal.butter(6, rng.uniform(3400, 6000), fs=RATE_HZ, output="sos"), far)
    far = np.clip(far, -1, 1)

    echo, path = loudspeaker(far, rng), responses[rng.integers(len(responses))]
    delay_s = rng.uniform(0.002, 0.08) if rng.random() < 0.6 else rng.uniform(0.04, 0.4)
    if rng.random() < 0.1:
        speed = 1 + rng.uniform(-1e-4, 1e-4)
        echo = np.interp(np.arange(n) * speed, np.arange(n), echo)
    echo = np.concatenate([np.zeros(int(delay_s * RATE_HZ)), echo])[:n]
    if rng.random() < 0.8:
        echo = in_room(echo, path, rng)
        near = signal.oaconvolve(near, path[1])[:n]
    else:
        echo = signal.oaconvolve(echo, short_path(rng))[:n]
    if rng.random() < 0.05:
        echo = 0 * echo
    level_db = rng.uniform(-36, -18)
    echo_db = rng.uniform(-12, 18) if near.any() else rng.uniform(-12, 10)
    echo = echo * 10 ** ((level_db + echo_db * -1) / 20) / level(echo, np.roll(far_active, int(delay_s * RATE_HZ)))
    near = near * 10 ** (level_db / 20) / level(near, near_active) if near.any() else near
    noise = (mixer.noise(n) if rng.random() < 0.5 else mixer.bed(n)).astype(np.float64)
    noise *= 10 ** ((level_db - (rng.uniform(12, 45) if rng.random() < 0.85 else rng.uniform(0, 12))) / 20) / (
        np.sqrt((noise**2).mean()) + 1e-9
    )
    line = np.stack([near + noise + echo, near + noise])
    if rng.random() < 0.5:
        line = signal.sosfilt(signal.butter(2, rng.uniform(40, 250), "highpass", fs=RATE_HZ, output="sos"), line)
    if rng.random() < 0.3:
        line = signal.lfilter([1, rng.uniform(-0.5, 0.5)], [1], line)
    if rng.random() < 0.15:
        line = signal.sosfilt(signal.butter(6, rng.uniform(3400, 7000), fs=RATE_HZ, output="sos"), line)
    line = np.clip(line, -1, 1)
    return np.clip(np.rint(np.stack([far, *line]) * 32768), -32768, 32767).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=int, default=1200)
    parser.add_argument("--rooms", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(args.seed)
    mixer = ns_corpus.Mixer(*ns_corpus.load(60, args.seed), args.seed)
    responses = rooms(args.rooms, rng)
    print("material ready", flush=True)
    for i in range(args.calls):
        np.save(args.folder / f"{i:04d}.npy", call(mixer, rng, responses))


if __name__ == "__main__":
    main()
