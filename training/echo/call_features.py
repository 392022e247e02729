"""Calls in, what the near-end network learns from out: features made by the C code itself, labels from the clean stems.

A folder of calls holds labels.json, <id>.flac (left: sent, right: received, 8 kHz) and <id>_near.flac (the caller alone), as the
evaluation kit's gen.py writes them. Each call is taken as it is and once more changed: another speed, which makes other
voices of both sides, other levels, callers from other calls, voices and tones in the background.
"""

import ctypes
import itertools
import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import soxr
from scipy.signal import fftconvolve, lfilter

import talkpath

CSRC = Path(__file__).resolve().parents[2] / "csrc"
RATE_HZ, HOP, FFT, SLOT, FIRST_BIN = 8000, 80, 256, 40, 4
EDGES = [3, 7, 11, 15, 20, 26, 32, 39, 48, 59, 72, 88, 104]
BANDS, PER_BAND = 12, 14
FEATURES = BANDS * PER_BAND + 24
UNITS = 48  # of the near-end network's layers
FLOOR_BIAS_DB = 4.8
NEWS_S = 1.5


class Config(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("sample_rate_hz", "tail_ms", "max_delay_ms", "suppress")]


def native() -> ctypes.CDLL:
    """The C core with all its symbols."""
    library = Path(tempfile.gettempdir()) / f"talkpath_train_{os.getpid()}.so"
    sources = [str(p) for p in CSRC.rglob("*.c") if "fuzz" not in p.parts]
    subprocess.run(["cc", "-std=c11", "-O3", "-fno-math-errno", "-ffp-contract=off", "-shared", "-fPIC", f"-I{CSRC}",
                    f"-I{CSRC / 'include'}", *sources, "-lm", "-o", str(library)], check=True)  # fmt: skip
    lib = ctypes.CDLL(str(library))
    library.unlink()
    lib.tp_simd_init()
    lib.tp_echo_canceller_size.restype = ctypes.c_size_t
    lib.tp_echo_canceller_features.restype = ctypes.POINTER(ctypes.c_float)
    return lib


def canceller(lib: ctypes.CDLL, rate_hz: int, suppress: int) -> tuple[ctypes.Array, ctypes.c_void_p]:
    """The memory of an echo canceller, to be kept, and its address."""
    config = Config(rate_hz, 128, 600, suppress)
    memory = ctypes.create_string_buffer(lib.tp_echo_canceller_size(ctypes.byref(config)) + 64)
    state = ctypes.c_void_p((ctypes.addressof(memory) + 63) // 64 * 64)
    lib.tp_echo_canceller_init(state, ctypes.byref(config))
    return memory, state


def features(lib: ctypes.CDLL, near: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Of every hop: shape (hops, FEATURES)."""
    _memory, state = canceller(lib, RATE_HZ, 0)
    now = np.ctypeslib.as_array(lib.tp_echo_canceller_features(state), (FEATURES,))
    hops = min(len(near), len(far)) // HOP
    result, scratch = np.empty((hops, FEATURES), np.float16), np.empty(HOP, np.int16)
    out, n, process = scratch.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(HOP), lib.tp_echo_canceller_process
    at_near, at_far = near.ctypes.data, far.ctypes.data
    for k in range(hops):
        process(state, ctypes.c_void_p(at_near + 2 * HOP * k), ctypes.c_void_p(at_far + 2 * HOP * k), n, out)
        result[k] = now
    return result


def window(rate_hz: int) -> np.ndarray:
    """grid.c's."""
    wide = rate_hz // RATE_HZ
    fft, slot = wide * FFT, wide * SLOT
    rise = np.sin(np.pi / 2 * (np.arange(fft - 2 * slot) + 0.5) / (fft - 2 * slot)) ** 2
    return np.concatenate([rise, np.cos(np.pi / 2 * (np.arange(2 * slot) + 0.5) / (2 * slot))])


def spectra(pcm: np.ndarray, rate_hz: int, slots: int) -> np.ndarray:
    """Of the frame that ends with every so many slots, all bins of grid.c's transform, not scaled."""
    wide = rate_hz // RATE_HZ
    fft, slot = wide * FFT, wide * SLOT
    x = np.concatenate([np.zeros(fft - slots * slot), pcm / 32768])
    frames = np.lib.stride_tricks.sliding_window_view(x, fft)[:: slots * slot]
    return np.fft.rfft(frames * window(rate_hz))


def powers(pcm: np.ndarray, rate_hz: int, slots: int) -> np.ndarray:
    """Of every bin, every so many slots, as grid.c sees it: its window, its bins from FIRST_BIN on."""
    wide = rate_hz // RATE_HZ
    power = np.abs(spectra(pcm, rate_hz, slots)) ** 2 / ((window(rate_hz) ** 2).sum() * wide)
    return power[:, FIRST_BIN : FIRST_BIN + (240 if wide == 2 else 112)]


def bands(pcm: np.ndarray, rate_hz: int = RATE_HZ, edges: list[int] = EDGES) -> np.ndarray:
    """Mean power in each band, of every hop."""
    power = powers(pcm, rate_hz, 2)
    return np.stack([power[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)], axis=1)


class Call:
    """One call: both signals, the caller's stem, what happens when."""

    def __init__(self, folder: Path, label: dict) -> None:
        pcm, _ = soundfile.read(folder / f"{label['id']}.flac", dtype="int16")
        self.far, self.near = np.ascontiguousarray(pcm[:, 0]), np.ascontiguousarray(pcm[:, 1])
        path = folder / f"{label['id']}_near.flac"
        self.stem = soundfile.read(path, dtype="int16")[0] if path.exists() else np.zeros_like(self.near)
        self.events = [(e["type"], e["on"], e["off"]) for e in label["events"]]
        self.has_echo = bool(label["has_echo"])
        delay_s = (label.get("delay_ms") or 0) / 1000
        jump_s = abs(label["jump"][1]) / 1000 if label.get("jump") else 0.0
        self.agent = [(a, b) for a, b in label["agent_intervals"]]
        self.jump_s = label["jump"][0] if label.get("jump") else None
        # What is not the caller is echo and noise, where nothing between the mixture and here changed the sum.
        self.sums = self.has_echo and not set(label["opts"]) & {"gsm", "loss"} and path.exists()
        self.echo = [(a + delay_s - jump_s - 0.05, b + delay_s + jump_s + 0.4) for a, b in self.agent]
        self.speech = any(t != "nonspeech" for t, _, _ in self.events)


def ulaw(x: np.ndarray) -> np.ndarray:
    pcm = np.clip(np.round(x), -32768, 32767).astype(np.int16)
    return np.array(talkpath.g711.ulaw_decode(talkpath.g711.ulaw_encode(pcm)))


def tones(n: int, rng: np.random.Generator) -> np.ndarray:
    """Ring, busy and key tones in a cadence, or a melody of them."""
    t = np.arange(n) / RATE_HZ
    if rng.random() < 0.6:
        on = (t + rng.uniform(0, 5)) % rng.uniform(0.3, 5) < rng.uniform(0.1, 2)
        return on * sum(np.sin(2 * np.pi * hz * t) for hz in rng.uniform(300, 2000, rng.integers(1, 3)))
    note = np.repeat(rng.integers(0, 24, n // 800 + 1), 800 * int(rng.integers(1, 5)))[:n]
    phase = 2 * np.pi * np.cumsum(220 * 2 ** (note / 12)) / RATE_HZ
    return (np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)) * (0.4 + 0.6 * np.exp(-(t % 0.4) * 5))


def other_echo(echo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another level, and half the time a worse loudspeaker."""
    echo = echo * 10 ** (rng.uniform(-8, 8) / 20)
    if rng.random() < 0.5:
        peak = np.percentile(np.abs(echo), 99.9) + 1
        x = np.clip(echo / peak, -1.2, 1.2) * rng.uniform(1, 3)
        even = rng.uniform(0, 0.3) * x**2
        echo = peak * (np.tanh(x + even - np.mean(even)) if rng.random() < 0.6 else np.clip(x, -1, 1))
    return echo


def changed(call: Call, others: list[Call], rng: np.random.Generator, tone_share: float) -> Call:
    """Another call made of this one."""
    new = object.__new__(Call)
    new.__dict__.update(call.__dict__)
    near, far, stem = (x.astype(np.float64) for x in (call.near, call.far, call.stem))
    if call.sums and rng.random() < 0.6:
        near = stem + other_echo(near - stem, rng)
    rms = np.sqrt(np.mean(near**2)) + 1
    for _ in range(
        rng.integers(1, 4) if rng.random() < (0.25 if call.speech else 0.6) else 0
    ):  # callers of other calls
        other, shift = others[rng.integers(len(others))], rng.integers(-3 * RATE_HZ, 3 * RATE_HZ)
        events = [(k, a + shift / RATE_HZ, b + shift / RATE_HZ) for k, a, b in other.events]
        events = [e for e in events if e[1] > 0 and e[2] < len(near) / RATE_HZ]
        taken = [
            e for e in events if e[0] != "nonspeech" and all(e[2] + 0.2 < a or e[1] > b + 0.2 for _, a, b in new.events)
        ]
        add = np.zeros_like(near)
        for _, a, b in taken:
            i, j = round((a - 0.1) * RATE_HZ), round((b + 0.15) * RATE_HZ)
            source = other.stem[max(0, i - shift) : max(0, j - shift)].astype(np.float64)
            source = source[: max(0, len(near) - max(i, 0))]
            add[max(i, 0) : max(i, 0) + len(source)] += source * 10 ** (rng.uniform(-8, 8) / 20)
        near, stem = near + add, stem + add
        new.events = new.events + taken
    if rng.random() < 0.15:  # people talking behind the caller
        n, level = len(near), rms * 10 ** (rng.uniform(-24, -8) / 20)
        crowd = np.zeros(n)
        for _ in range(rng.integers(3, 8)):
            x = others[rng.integers(len(others))].stem.astype(np.float64)
            x = x[np.abs(x) > 0] if np.any(x) else x
            if len(x) > 800:
                crowd += np.roll(np.resize(x, n), rng.integers(n)) / (np.sqrt(np.mean(x**2)) + 1)
        near = near + crowd * level / (np.sqrt(np.mean(crowd**2)) + 1e-9)
    if rng.random() < tone_share:
        near = near + tones(len(near), rng) * rms * 10 ** (rng.uniform(-15, 6) / 20)
    if rng.random() < 0.15:
        near = near + rng.standard_normal(len(near)) * rms * 10 ** (rng.uniform(-40, -18) / 20)
    if rng.random() < 0.4:  # another line: tone control
        w = [float(v) for v in rng.uniform(-0.6, 0.6, 2)]
        near, stem = (lfilter([1.0, w[0]], [1.0, w[1]], x) for x in (near, stem))
    if rng.random() < 0.3:  # more room
        n = int(rng.uniform(0.08, 0.3) * RATE_HZ)
        tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 10 ** (rng.uniform(-30, -12) / 20)
        tail[0] = 1.0
        near, stem = (fftconvolve(x, tail)[: len(x)] for x in (near, stem))
    speed = rng.uniform(0.85, 1.16)
    near, far, stem = (soxr.resample(x, RATE_HZ, RATE_HZ * speed, quality="MQ") for x in (near, far, stem))
    cut = max(0.0, call.agent[0][0] * speed - rng.uniform(0.02, 0.3)) if call.agent and rng.random() < 0.2 else 0.0
    cut = round(cut * RATE_HZ) / RATE_HZ
    gain, far_gain = 10 ** (rng.uniform(-8, 5) / 20), 10 ** (rng.uniform(-5, 4) / 20)
    start = round(cut * RATE_HZ)
    new.near, new.far = ulaw(near[start:] * gain), ulaw(far[start:] * far_gain)
    new.stem = np.clip(stem[start:] * gain, -32768, 32767).astype(np.int16)
    new.events = [(k, a * speed - cut, b * speed - cut) for k, a, b in new.events]
    new.agent = [(a * speed - cut, b * speed - cut) for a, b in call.agent]
    new.echo = [(a * speed - cut, b * speed - cut) for a, b in call.echo]
    new.jump_s = None if call.jump_s is None else call.jump_s * speed - cut
    return new


def labels(call: Call, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of every hop: speech of the caller (0, 1), its weight; the gain each band should get, its weight."""
    hops = len(x)
    t = (np.arange(hops) + 1) * HOP / RATE_HZ
    power = bands(call.stem)[:hops]
    power = np.pad(power, ((0, hops - len(power)), (0, 0)))
    level = power.mean(axis=1)
    around = np.max([np.roll(level, s) for s in range(-4, 5)], axis=0)
    speaks, weight = np.zeros(hops, np.float16), np.ones(hops, np.float16)
    talk = np.zeros(hops, bool)
    for a, b in call.agent:
        talk |= (t > a) & (t < b + 1.0)
    weight[talk] = 2
    if call.has_echo:  # nothing is known of the echo yet, or no longer
        for start in [call.echo[0][0] + 0.05] * bool(call.echo) + [call.jump_s] * (call.jump_s is not None):
            weight[(t > start) & (t < start + NEWS_S)] *= 2
    for kind, on, off in call.events:
        inside, near_by = (t > on) & (t <= off + 0.02), (t > on - 0.02) & (t <= off + 0.15)
        if kind == "nonspeech":
            continue
        weight[near_by & ~inside] = 0
        if kind == "unheard":
            weight[near_by] = 0
        if kind == "unheard" or not inside.any():
            continue
        loud = around > np.percentile(level[inside], 95) * 10 ** (-2.7)
        speaks[inside & loud] = 1
        weight[inside] = np.where(loud[inside], 1.5, 0)
        if kind == "back":
            weight[inside] = np.where(loud[inside], 0.15, 0)
    # Gains: the caller and the noise stay, the rest goes; without echo all stays.
    bandwise = x[:, : BANDS * PER_BAND].reshape(hops, BANDS, PER_BAND).astype(np.float64)
    near_db = bandwise[..., 0] - 50
    residual = 10 ** ((near_db - bandwise[..., 4]) / 10)
    noise = 10 ** ((near_db - bandwise[..., 1] - FLOOR_BIAS_DB) / 10)
    gain = np.sqrt(np.clip((power + noise) / residual, 0, 1))
    echo = np.zeros(hops, bool)
    if call.has_echo:
        for a, b in call.echo:
            echo |= (t > a) & (t < b)
    gain[~echo] = 1
    return speaks, weight, gain.astype(np.float16), np.where(echo, 1, 0.3).astype(np.float16)


def load(folder: Path, plain: bool, tone_share: float | None, seed: int) -> list[dict[str, np.ndarray]]:
    """Features and labels of a folder's calls as they are (`plain`), and of those made of them: None, or how many have tones."""
    lib, rng = native(), np.random.default_rng(seed)
    calls = [Call(folder, c) for c in json.loads((folder / "labels.json").read_text())["calls"]]
    others = [c for c in calls if any(k in ("barge", "idle_speech") for k, _, _ in c.events)]
    result = []
    for call in calls:
        for each in [call] * plain + ([] if tone_share is None else [changed(call, others, rng, tone_share)]):
            x = features(lib, each.near, each.far)
            speaks, weight, gain, gain_weight = labels(each, x)
            result.append({"x": x, "speaks": speaks, "weight": weight, "gain": gain, "gain_weight": gain_weight})
    return result
