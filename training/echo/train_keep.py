"""Trains the network of keep_net.c and writes csrc/echo/keep_net_weights.npz, from which gen_keep_net.py makes the C table.

    python training/echo/train_keep.py --wide FOLDER [FOLDER …] --calls FOLDER [FOLDER …] --cache DIRECTORY

`--wide`: folders of double_talk.py, each call at both rates; `--calls`: folders of 8 kHz calls as train_near_end.py takes them.
The near-end network is as committed and does not learn. See README.md here.
"""

import argparse
import ctypes
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import call_features
import numpy as np
import soxr
import torch
from call_features import Call, ulaw

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from learning import Cycle, weights_of

LOW_FEATURES, UNITS_BELOW, HIGH_BANDS, PER_HIGH = call_features.FEATURES, call_features.UNITS, 7, 6
FEATURES = UNITS_BELOW + LOW_FEATURES + HIGH_BANDS * PER_HIGH
EDGES = [3, 7, 11, 15, 20, 26, 32, 39, 48, 59, 72, 88, 104, 116, 130, 146, 164, 184, 210, 240]
LOW_BANDS, BANDS, UNITS = 12, 19, 48
HOPS, BATCH = 1200, 48
NOISE = 0.11  # power of the noise that is put back, of the floor's
LOUDNESS = 0.3  # exponent of amplitude
CUT_COSTS = 3.0


def band_db(pcm: np.ndarray, rate_hz: int, hops: int) -> np.ndarray:
    """Power of each band at the end of each hop."""
    edges = EDGES if rate_hz == 16000 else EDGES[: LOW_BANDS + 1]
    return 10 * np.log10(call_features.bands(pcm, rate_hz, edges)[:hops] + 1e-10)


def features(lib: ctypes.CDLL, near: np.ndarray, far: np.ndarray, rate_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """Of every hop (hops, FEATURES), and whether the agent may be in the air."""
    _memory, state = call_features.canceller(lib, rate_hz, 1)
    parts = []
    for name, n in (("units", UNITS_BELOW), ("features", LOW_FEATURES), ("high", HIGH_BANDS * PER_HIGH)):
        get = lib[f"tp_echo_canceller_{name}"]
        get.restype = ctypes.POINTER(ctypes.c_float)
        parts.append(np.ctypeslib.as_array(get(state), (n,)))
    lib.tp_echo_canceller_state.restype = ctypes.POINTER(ctypes.c_int)
    flags = np.ctypeslib.as_array(lib.tp_echo_canceller_state(state), (4,))  # hops, far_sounds, far_active
    hop = rate_hz // 100
    hops = min(len(near), len(far)) // hop
    x, active = np.empty((hops, FEATURES), np.float16), np.empty(hops, bool)
    scratch = np.empty(hop, np.int16)
    out, n = scratch.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(hop)
    a, b = UNITS_BELOW, UNITS_BELOW + LOW_FEATURES
    for k in range(hops):
        lib.tp_echo_canceller_process(state, ctypes.c_void_p(near.ctypes.data + 2 * hop * k),
                                      ctypes.c_void_p(far.ctypes.data + 2 * hop * k), n, out)  # fmt: skip
        x[k, :a], x[k, a:b], x[k, b:] = parts
        active[k] = flags[3] != 0
    return x, active


def arrays(x: np.ndarray, active: np.ndarray, want_db: np.ndarray, wide: bool) -> tuple[np.ndarray, ...]:
    """Features, and in dB the residual, its floor, and what it should be; only where something may be cut."""
    low = x[:, UNITS_BELOW : UNITS_BELOW + LOW_BANDS * 14].reshape(len(x), LOW_BANDS, 14).astype(np.float32)
    power = np.full((3, len(x), BANDS), -100.0, np.float32)
    power[0, :, :LOW_BANDS] = low[..., 0] - 50 - low[..., 4]
    power[1, :, :LOW_BANDS] = power[0, :, :LOW_BANDS] - low[..., 2]
    if wide:
        high = x[:, -HIGH_BANDS * PER_HIGH :].reshape(len(x), HIGH_BANDS, PER_HIGH).astype(np.float32)
        power[0, :, LOW_BANDS:] = high[..., 0] - 50 - high[..., 3]
        power[1, :, LOW_BANDS:] = power[0, :, LOW_BANDS:] - high[..., 1]
    power[2, :, : want_db.shape[1]] = want_db[: len(x)]
    return x[active][:HOPS], power[:, active][:, :HOPS].astype(np.float16)


def of_double_talk(lib: ctypes.CDLL, folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """All of a folder's calls at 16 kHz, every other one at 8 kHz too."""
    for i, path in enumerate(sorted(folder.glob("*.npy"))):
        far, near, want = (np.ascontiguousarray(row) for row in np.load(path))
        x, active = features(lib, near, far, 16000)
        yield *arrays(x, active, band_db(want, 16000, len(x)), True), 1
        if i % 2 == 0:
            far, near, want = (np.ascontiguousarray(soxr.resample(v, 16000, 8000)) for v in (far, near, want))
            x, active = features(lib, ulaw(near), ulaw(far), 8000)
            yield *arrays(x, active, band_db(want, 8000, len(x)), False), 0


def of_calls(lib: ctypes.CDLL, folder: Path) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    for label in json.loads((folder / "labels.json").read_text())["calls"]:
        call = Call(folder, label)
        x, active = features(lib, call.near, call.far, 8000)
        _, _, gain, _ = call_features.labels(call, x[:, UNITS_BELOW : UNITS_BELOW + LOW_FEATURES])
        made, power = arrays(x, active, np.zeros((len(x), LOW_BANDS)), False)
        power[2, :, :LOW_BANDS] = power[0, :, :LOW_BANDS] + 20 * np.log10(gain[active][:HOPS].astype(np.float32) + 1e-4)
        yield made, power, 0


def extract(calls: Iterator[tuple[np.ndarray, np.ndarray, int]], cache: Path) -> None:
    kept = [call for call in calls if len(call[0]) > 200]
    x, power = np.zeros((len(kept), HOPS, FEATURES), np.float16), np.zeros((len(kept), 3, HOPS, BANDS), np.float16)
    for i, (a, b, _) in enumerate(kept):
        x[i, : len(a)], power[i, :, : len(a)] = a, b
    cache.mkdir(parents=True)
    for name, array in {
        "x": x,
        "power": power,
        "length": [len(a) for a, _, _ in kept],
        "wide": [w for _, _, w in kept],
    }.items():
        np.save(cache / f"{name}.npy", array)


class Parts:
    """Arrays of several folders, as one."""

    def __init__(self, caches: list[Path], name: str) -> None:
        self.arrays = [np.load(cache / f"{name}.npy", mmap_mode="r") for cache in caches]
        self.place = [(i, j) for i, array in enumerate(self.arrays) for j in range(len(array))]

    def __getitem__(self, at: tuple[int, ...]) -> np.ndarray:
        i, j = self.place[at[0]]
        return self.arrays[i][(j, *at[1:])].astype(np.float32)


class Network(torch.nn.Module):
    def __init__(self, mean: torch.Tensor, spread: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.dense = torch.nn.Linear(FEATURES, UNITS)
        self.gru = torch.nn.GRU(UNITS, UNITS, batch_first=True)
        self.out = torch.nn.Linear(UNITS, BANDS)

    def forward(
        self, x: torch.Tensor, wide: torch.Tensor, state: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x = ((x - self.mean) / self.spread).clamp(-4, 4)
        x = torch.cat([x[..., : -HIGH_BANDS * PER_HIGH], x[..., -HIGH_BANDS * PER_HIGH :] * wide[:, None, None]], -1)
        y, state = self.gru(torch.tanh(self.dense(x)), state)
        return torch.sigmoid(self.out(y)), state

    def weights(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean.numpy(), "spread": self.spread.numpy()} | weights_of(self)


def loss_of(gain: torch.Tensor, power: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """How loud what comes out is, against how loud it should be; too soft costs more where there is something to lose."""
    residual, floor, want = (10 ** (power[:, i] / 10) for i in range(3))
    want = torch.minimum(want, residual)
    out = gain**2 * residual + (1 - gain**2) * NOISE * floor
    error = (out + 1e-9) ** (LOUDNESS / 2) - (want + 1e-9) ** (LOUDNESS / 2)
    scale = ((want + 1e-9) ** LOUDNESS * counts).sum((1, 2)) / (counts.sum((1, 2)) + 1)
    matters = (error < 0) & (want > 4 * floor)
    error = error**2 * torch.where(matters, CUT_COSTS, 1.0) / (scale[:, None, None] + 0.01)
    return (error * counts).sum() / (counts.sum() + 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wide", type=Path, nargs="*", default=[])
    parser.add_argument("--calls", type=Path, nargs="*", default=[])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parents[2] / "csrc/echo/keep_net_weights.npz"
    )
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    lib = call_features.native()
    for folders, reader in ((args.wide, of_double_talk), (args.calls, of_calls)):
        for folder in folders:
            if not (args.cache / folder.name / "wide.npy").exists():
                extract(reader(lib, folder), args.cache / folder.name)
    caches = sorted(p for p in args.cache.iterdir() if (p / "wide.npy").exists())
    x, power = Parts(caches, "x"), Parts(caches, "power")
    length, wide = (np.concatenate([np.load(cache / f"{name}.npy") for cache in caches]) for name in ("length", "wide"))
    print(f"{len(length)} calls, {length.sum() / 360000:.1f} h", flush=True)
    chooser = np.random.default_rng(3)
    order = chooser.permutation(len(length))
    unseen, seen = np.sort(order[:96]), order[96:]

    some = np.sort(chooser.choice(seen, min(600, len(seen)), replace=False))
    pieces = [x[i, : length[i] : 17] for i in some]
    sample, sample_wide = np.concatenate(pieces), np.repeat(wide[some], [len(piece) for piece in pieces])
    mean, spread = sample.mean(0), np.maximum(sample.std(0), 1.0)
    high = slice(-HIGH_BANDS * PER_HIGH, None)
    mean[high], spread[high] = (
        sample[sample_wide == 1, high].mean(0),
        np.maximum(sample[sample_wide == 1, high].std(0), 1.0),
    )
    mean[:UNITS_BELOW], spread[:UNITS_BELOW] = 0, 0.25

    def batch(rows: np.ndarray, piece: slice) -> tuple[torch.Tensor, ...]:
        counts = np.zeros((len(rows), piece.stop - piece.start, BANDS), np.float32)
        for i, row in enumerate(rows):
            counts[i, : max(0, length[row] - piece.start), : BANDS if wide[row] else LOW_BANDS] = 1
        there = np.stack([x[row, piece] for row in rows]), np.stack([power[row, :, piece] for row in rows])
        return (
            *map(torch.from_numpy, there),
            torch.from_numpy(counts),
            torch.from_numpy(wide[rows].astype(np.float32)),
        )

    network = Network(torch.from_numpy(mean), torch.from_numpy(spread))
    cycle = Cycle(network, args.steps, 4e-3, weight_decay=2e-3, rise=0.08)
    noise = torch.full((FEATURES,), 0.5)
    noise[:UNITS_BELOW] = 0.01
    started, cuts = time.time(), 5
    for step in range(args.steps):
        piece = step % cuts
        if piece == 0:
            rows, state = np.sort(chooser.choice(seen, BATCH, replace=False)), None
        there, levels, counts, is_wide = batch(rows, slice(piece * HOPS // cuts, (piece + 1) * HOPS // cuts))
        gain, state = network(there + noise * torch.randn(FEATURES), is_wide, state)
        state = state.detach()
        loss = loss_of(gain, levels, counts)
        cycle.step(loss)
        if step % 200 == 199 or step == args.steps - 1:
            there, levels, counts, is_wide = batch(unseen, slice(0, HOPS))
            with torch.no_grad():
                check = loss_of(cycle.average(there, is_wide, None)[0], levels, counts)
                nothing = loss_of(torch.ones_like(levels[:, 0]), levels, counts)
            print(
                f"step {step + 1}: {loss:.4f}; unseen {check:.4f} (untouched {nothing:.4f}); {time.time() - started:.0f} s",
                flush=True,
            )
            np.savez(args.out, **cycle.average.weights())


if __name__ == "__main__":
    main()
