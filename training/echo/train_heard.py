"""The last cycle of both of the suppressor's networks: listeners hear whole calls, and say how these sound.

    python training/echo/train_heard.py FOLDER [FOLDER …] [--calls 360] [--steps 450]

FOLDER: of double_talk.py. Goes on from keep_net_weights.npz and keep_bins_weights.npz and writes both. Every third call is at 8 kHz, every
eighth has no echo. See README.md here.
"""

import argparse
import sys
import time
from pathlib import Path

import call_features
import numpy as np
import soxr
import torch
import train_bins
import train_keep
from call_features import ulaw
from heard import EAR_SLOTS, Call, both_talk, pad

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from learning import Cycle, take
from listeners import Aecmos, Ear

HERE = Path(__file__).resolve().parents[2] / "csrc/echo"
AT_ONCE = 4  # calls a step
LEAST_SLOTS = 400  # in which something may be cut
ECHO, ELSE, EAR = 0.3, 0.14, 0.2  # what a mark is worth: Aecmos's, the ear's
LEVELS = 15  # to each side that a weight of the bands' network can have: gen_keep_net.py's MOST


class Both(torch.nn.Module):
    """The bands' network with its weights rounded as the C has them, and the bins'."""

    def __init__(self, bands: train_keep.Network, bins: train_bins.Network) -> None:
        super().__init__()
        self.bands, self.bins = bands, bins

    def of_bands(self, *seen):
        rounded = {}
        for name, weight in self.bands.named_parameters():
            rounded[name] = weight
            if weight.ndim == 2:
                scale = weight.detach().abs().amax(1, keepdim=True).clamp(min=1e-6) / LEVELS
                rounded[name] = weight + ((weight / scale).round() * scale - weight).detach()
        return torch.func.functional_call(self.bands, rounded, seen)


def load(paths: list[Path], listener: Aecmos) -> list[Call]:
    lib, calls = call_features.native(), []
    for i, path in enumerate(paths):
        far, near, want = np.load(path)
        rate_hz = 8000 if i % 3 == 2 else 16000
        if i % 8 == 7:
            near = want
        if rate_hz == 8000:
            far, near, want = (soxr.resample(x, 16000, 8000) for x in (far, near, want))
            far, near = ulaw(far), ulaw(near)
        far, near, want = (np.ascontiguousarray(x) for x in (far, near, want))
        rows, where = train_bins.measures(lib, near, far, rate_hz, warm_up=0)
        if len(where) > LEAST_SLOTS:
            calls.append(Call(lib, far, near, want, rate_hz, rows, where))
            if rate_hz == 16000 and both_talk(near, want):
                calls[-1].listen(listener, far, near)
    return calls


class Listeners:
    def __init__(self, listener: Aecmos) -> None:
        self.listener, self.dice = listener, torch.Generator().manual_seed(1)
        self.ears = {bins: Ear(31.25 * np.arange(bins)) for bins in (129, 257)}

    def hear(self, both: Both, call: Call) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss by the bins' own measure, and marks (echo, else, ear); 0 where there is none."""
        kept, gain = call.gains(both.of_bands, both.bins)
        loss = train_bins.loss_of(kept, call.residual, call.noise, call.want, call.loud[None])
        spectrum = call.cleaned(gain, self.dice)
        power = (spectrum.real**2 + spectrum.imag**2)[None, ::EAR_SLOTS]
        marks = torch.cat([torch.zeros(2), self.ears[power.shape[2]].quality(call.wanted, power)])
        if call.sent is not None:
            made = self.listener.features(call.sound(spectrum)[None])
            marks = marks + pad(self.listener(call.sent, call.received, made)[0], (0, 1))
        return loss, marks


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--calls", type=int, default=360)
    parser.add_argument("--steps", type=int, default=450)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the weights")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    chooser = np.random.default_rng(1)
    paths = sorted(path for folder in args.folders for path in folder.glob("*.npy"))
    started, listener = time.time(), Aecmos()
    calls = load([paths[i] for i in chooser.permutation(len(paths))[: args.calls]], listener)
    unseen, seen = calls[: len(calls) // 10], calls[len(calls) // 10 :]
    print(f"{len(calls)} calls, {time.time() - started:.0f} s", flush=True)

    names = [args.out / f"keep_{name}_weights.npz" for name in ("net", "bins")]
    weights = [dict(np.load(name)) for name in names]
    bands = train_keep.Network(*(torch.from_numpy(weights[0][k]) for k in ("mean", "spread")))
    bins = train_bins.Network()
    take(bands, weights[0])
    take(bins, weights[1])
    both, listeners = Both(bands, bins), Listeners(listener)

    def report(both: Both, step: int) -> None:
        with torch.no_grad():
            heard = [listeners.hear(both, call) for call in unseen]
        loss = [np.mean([float(a) for (a, _), c in zip(heard, unseen, strict=True) if c.wide == w]) for w in (0, 1)]
        marks = torch.stack([m for (_, m), c in zip(heard, unseen, strict=True) if c.sent is not None]).mean(0).tolist()
        print(f"step {step}: unseen, at 8 and 16 kHz {loss[0]:.4f} {loss[1]:.4f}; "
              f"echo {marks[0]:.3f}, else {marks[1]:.3f}, ear {marks[2]:.3f}; {time.time() - started:.0f} s", flush=True)  # fmt: skip

    report(both, 0)
    cycle = Cycle(both, args.steps, 1e-3, weight_decay=1e-4, rise=0.1)
    for step in range(args.steps):
        total = 0.0
        for i in chooser.choice(len(seen), AT_ONCE, replace=False):
            loss, marks = listeners.hear(both, seen[i])
            total = total + (2 * loss - marks @ torch.tensor([ECHO, ELSE, EAR])) / AT_ONCE
        cycle.step(total)
        if step % 50 == 49 or step == args.steps - 1:
            report(cycle.average, step + 1)
            np.savez(names[0], **cycle.average.bands.weights())
            np.savez(names[1], **train_bins.weights_of(cycle.average.bins))


if __name__ == "__main__":
    main()
