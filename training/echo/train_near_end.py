"""Trains the network of near_end.c and writes csrc/echo/near_net_weights.npz, from which gen_near_net.py makes the C table.

    python training/echo/train_near_end.py FOLDER [FOLDER …] --check FOLDER [--steps 4400 2000 | --go-on 6400 [--mean-with FILE …]] [--cache DIRECTORY]

Needs talkpath, torch, scipy, soundfile and soxr. See README.md here.
"""

import argparse
import sys
import time
from pathlib import Path

import call_features
import numpy as np
import torch
from call_features import BANDS, FEATURES, UNITS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from learning import Cycle, take, weights_of

HOPS, PIECE, BATCH = 2000, 250, 64
GAIN_LOSS = 4.0
NAMES = ["x", "speaks", "weight", "gain", "gain_weight"]


class Network(torch.nn.Module):
    """Dense, two gated recurrent layers, and out: the logit of the caller's speech, then a gain for each band."""

    def __init__(self, mean: torch.Tensor, spread: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("spread", spread)
        self.dense = torch.nn.Linear(FEATURES, UNITS)
        self.gru = torch.nn.GRU(UNITS, UNITS, num_layers=2, batch_first=True)
        self.out = torch.nn.Linear(UNITS, 1 + BANDS)

    def forward(
        self, x: torch.Tensor, state: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        y, state = self.gru(torch.tanh(self.dense(((x - self.mean) / self.spread).clamp(-4, 4))), state)
        z = self.out(y)
        return z[..., 0], torch.sigmoid(z[..., 1:]), state

    def weights(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean.numpy(), "spread": self.spread.numpy()} | weights_of(self)


def packed(folder: Path, plain: bool, tone_share: float | None, seed: int, cache: Path | None) -> list[np.ndarray]:
    """Arrays of equal length for all calls of a folder: NAMES."""
    files = [cache / f"{folder.name}_{plain}_{tone_share}_{seed}_{name}.npy" for name in NAMES] if cache else []
    if files and all(f.exists() for f in files):
        return [np.load(f, mmap_mode="r") for f in files]
    calls = call_features.load(folder, plain, tone_share, seed)
    result = []
    for name in NAMES:
        array = np.zeros((len(calls), HOPS, *calls[0][name].shape[1:]), np.float16)
        for row, call in zip(array, calls, strict=True):
            n = min(HOPS, len(call[name]))
            row[:n] = call[name][:n]
        result.append(array)
    for f, array in zip(files, result, strict=False):
        np.save(f, array)
    return result


def loss_of(outputs: tuple, truth: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    logit, gain, _ = outputs
    _, speaks, weight, want, gain_weight = truth
    speech = torch.nn.functional.binary_cross_entropy_with_logits(logit, speaks, weight, reduction="sum") / (
        weight.sum() + 1
    )
    error = ((gain + 1e-4) ** 0.5 - (want + 1e-4) ** 0.5) ** 2
    # Taking from the caller is worse than leaving echo.
    error = error * torch.where((gain < want) & (speaks > 0)[..., None], 3.0, 1.0)
    return speech, (error.mean(-1) * gain_weight).sum() / (gain_weight.sum() + 1)


def train(
    network: Network, parts: list[list[np.ndarray]], check: list[np.ndarray], steps: int, rate: float, out: Path
) -> Network:
    started, cycle = time.time(), Cycle(network, steps, rate, weight_decay=2e-3, rise=0.08)
    chooser = np.random.default_rng(3)
    pieces, firsts = HOPS // PIECE, np.cumsum([0] + [len(part[0]) for part in parts])
    for step in range(steps):
        piece = step % pieces
        if piece == 0:
            drawn, state = np.sort(chooser.choice(firsts[-1], BATCH, replace=False)), None
        here = slice(piece * PIECE, (piece + 1) * PIECE)
        truth = [
            torch.from_numpy(np.concatenate([part[i][drawn[(drawn >= a) & (drawn < b)] - a, here] for part, a, b in
                                             zip(parts, firsts[:-1], firsts[1:], strict=True)]).astype(np.float32))
            for i in range(len(NAMES))
        ]  # fmt: skip
        outputs = network(truth[0] + 0.5 * torch.randn(FEATURES), state)
        state = outputs[2].detach()
        speech, gain = loss_of(outputs, truth)
        cycle.step(speech + GAIN_LOSS * gain)
        if step % 200 == 199 or step == steps - 1:
            unseen = [torch.from_numpy(a[::2].astype(np.float32)) for a in check]
            with torch.no_grad():
                there = loss_of(cycle.average(unseen[0]), unseen)
            print(f"step {step + 1}: speech {speech:.4f} gain {gain:.4f}; unseen {there[0]:.4f} {there[1]:.4f}; "
                  f"{time.time() - started:.0f} s", flush=True)  # fmt: skip
            np.savez(out, **cycle.average.weights())
    return cycle.average


def seed_of(folder: Path) -> int:
    return int("".join(c for c in folder.name if c.isdigit()) or 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--check", type=Path, required=True)
    parser.add_argument("--steps", type=int, nargs=2, default=[4400, 2000])
    parser.add_argument(
        "--go-on", type=int, help="steps of one cycle more over all there is, from the weights in --out"
    )
    parser.add_argument(
        "--mean-with",
        type=Path,
        nargs="*",
        default=[],
        help="keep the mean of these weights and where that cycle ended",
    )
    parser.add_argument("--cache", type=Path)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parents[2] / "csrc/echo/near_net_weights.npz"
    )
    args = parser.parse_args()
    others = [dict(np.load(path)) for path in args.mean_with]
    torch.manual_seed(1)
    torch.set_num_threads(1)

    parts = [packed(folder, True, 0.08, seed_of(folder), args.cache) for folder in args.folders]
    check = packed(args.check, True, None, 0, args.cache)
    print(f"{sum(len(p[0]) for p in parts)} calls, {sum((p[2] > 0).sum() for p in parts) / 360000:.1f} h", flush=True)
    changed = [packed(folder, False, 0.3, seed_of(folder) + 50, args.cache) for folder in args.folders]
    if args.go_on:
        weights = np.load(args.out)
        network = Network(torch.from_numpy(weights["mean"]), torch.from_numpy(weights["spread"]))
        take(network, weights)
        end = train(network, parts + changed, check, args.go_on, 3e-3, args.out).weights()
        if others:
            np.savez(
                args.out, **{name: np.mean([value, *(w[name] for w in others)], axis=0) for name, value in end.items()}
            )
        return
    some = np.concatenate([p[0][::7, ::9].reshape(-1, FEATURES) for p in parts]).astype(np.float32)
    mean, spread = torch.from_numpy(some.mean(0)), torch.from_numpy(some.std(0)).clamp(min=1.0)
    network = train(Network(mean, spread), parts, check, args.steps[0], 4e-3, args.out)

    # Once more, with as many calls made in other ways, more of them with tones.
    train(network, parts + changed, check, args.steps[1], 2e-3, args.out)


if __name__ == "__main__":
    main()
