"""Trains the network of keep_bins.c and writes csrc/echo/keep_bins_weights.npz, from which gen_keep_bins.py makes the C table.

    python training/echo/train_bins.py FOLDER [FOLDER …] [--calls 1000] [--steps 3000]

FOLDER: of double_talk.py. The other networks are as committed and do not learn; the measures are made by the C code itself. Every
other call is at 8 kHz, every eighth has no echo. See README.md here.
"""

import argparse
import ctypes
import sys
import time
from pathlib import Path

import call_features
import numpy as np
import soxr
import torch
from call_features import powers, ulaw

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from learning import Cycle, weights_of

ROWS, MEASURES, UNITS, BINS = 17, 15, 16, 240
SLOTS = 100  # taken of a call
WARM_UP = 60  # slots
LOUDNESS = 0.3  # exponent of amplitude
CUT_COSTS = 4.0
BATCH = 200  # slots
LN_10 = 2.302585


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(MEASURES, UNITS, bias=False)  # the last measure is 1
        self.out = torch.nn.Linear(UNITS, 1)
        with torch.no_grad():  # the band's gain
            self.out.weight *= 0.1
            self.out.bias.zero_()

    def forward(self, measures: torch.Tensor) -> torch.Tensor:
        """Of (…, MEASURES) the gain."""
        return torch.sigmoid(LN_10 * measures[..., 0] + self.out(torch.relu(self.hidden(measures)))[..., 0])


def measures(
    lib: ctypes.CDLL, near: np.ndarray, far: np.ndarray, rate_hz: int, warm_up: int = WARM_UP
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (slots, ROWS, bins) where something may be cut, and the numbers of these slots."""
    _memory, state = call_features.canceller(lib, rate_hz, 1)
    slot, bins = rate_hz // 200, BINS if rate_hz == 16000 else 112
    rows = np.full((ROWS, bins), np.nan, np.float32)
    lib.tp_echo_canceller_tap.restype = ctypes.POINTER(ctypes.c_void_p)
    lib.tp_echo_canceller_tap(state)[0] = rows.ctypes.data
    out, n = np.empty(slot, np.int16), ctypes.c_size_t(slot)
    made, where = [], []
    for k in range(min(len(near), len(far)) // slot):
        at = [ctypes.c_void_p(x.ctypes.data + 2 * slot * k) for x in (near, far)]
        rows[0, 0] = np.nan
        lib.tp_echo_canceller_process(state, *at, n, ctypes.c_void_p(out.ctypes.data))
        if k >= warm_up and not np.isnan(rows[0, 0]):
            made.append(rows.copy())
            where.append(k)
    return np.array(made), np.array(where)


def extract(lib: ctypes.CDLL, paths: list[Path], rng: np.random.Generator) -> list[tuple[np.ndarray, ...]]:
    """Of each call so many slots: rows (slots, ROWS, bins), the power wanted (slots, bins), what is loud in the call."""
    calls = []
    for i, path in enumerate(paths):
        far, near, want = np.load(path)
        rate_hz = 16000 if i % 2 else 8000
        if i // 2 % 4 == 3:
            near = want
        if rate_hz == 8000:
            far, near, want = (soxr.resample(x, 16000, 8000) for x in (far, near, want))
            far, near = ulaw(far), ulaw(near)
        rows, where = measures(lib, *(np.ascontiguousarray(x) for x in (near, far)), rate_hz)
        if len(where) < 2 * SLOTS:
            continue
        taken = np.sort(rng.choice(len(where), SLOTS, replace=False))
        wanted = powers(want, rate_hz, 1)[where[taken]].astype(np.float32)
        calls.append((rows[taken], wanted, np.float32((wanted**LOUDNESS).mean())))
    return calls


def loss_of(
    gain: torch.Tensor, residual: torch.Tensor, noise: torch.Tensor, want: torch.Tensor, loud: torch.Tensor
) -> torch.Tensor:
    """How loud what comes out is, against how loud it should be; too soft costs more where there is something to lose."""
    want = torch.minimum(want, residual)
    out = gain**2 * residual + (1 - gain**2) * noise
    error = (out + 1e-9) ** (LOUDNESS / 2) - (want + 1e-9) ** (LOUDNESS / 2)
    matters = (error < 0) & (want > 8 * noise)
    return (error**2 * torch.where(matters, CUT_COSTS, 1.0) / (loud[:, None] + 0.01)).mean()


class Slots:
    """Of all calls of one rate."""

    def __init__(self, calls: list[tuple[np.ndarray, ...]]) -> None:
        self.rows, self.want = (torch.from_numpy(np.concatenate([call[i] for call in calls])) for i in range(2))
        self.loud = torch.from_numpy(np.repeat([call[2] for call in calls], SLOTS))

    def loss(self, network: Network | None, which: np.ndarray | slice = slice(None)) -> torch.Tensor:
        """None: all is kept."""
        rows = self.rows[which]
        gain = network(rows[:, :MEASURES].transpose(1, 2)) if network else torch.ones_like(rows[:, 0])
        return loss_of(gain, rows[:, -2], rows[:, -1], self.want[which], self.loud[which])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parents[2] / "csrc/echo/keep_bins_weights.npz"
    )
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    chooser = np.random.default_rng(1)
    paths = sorted(path for folder in args.folders for path in folder.glob("*.npy"))
    paths = [paths[i] for i in chooser.permutation(len(paths))[: args.calls]]
    started = time.time()
    calls = extract(call_features.native(), paths, chooser)
    unseen, seen = calls[: len(calls) // 8], calls[len(calls) // 8 :]
    print(f"{len(calls)} calls, {time.time() - started:.0f} s", flush=True)
    rates = [[Slots([c for c in part if c[1].shape[1] == bins]) for bins in (112, BINS)] for part in (unseen, seen)]
    network = Network()
    cycle = Cycle(network, args.steps, 1e-2, weight_decay=1e-4, rise=0.1)
    for step in range(args.steps):
        losses = [slots.loss(network, np.sort(chooser.integers(0, len(slots.rows), BATCH))) for slots in rates[1]]
        cycle.step(losses[0] + losses[1])
        if step % 200 == 199 or step == args.steps - 1:
            with torch.no_grad():
                there, nothing = ([slots.loss(n).item() for slots in rates[0]] for n in (cycle.average, None))
            print(
                f"step {step + 1}: unseen, at 8 and 16 kHz {there[0]:.4f} {there[1]:.4f} "
                f"(untouched {nothing[0]:.4f} {nothing[1]:.4f}); {time.time() - started:.0f} s",
                flush=True,
            )
            np.savez(args.out, **weights_of(cycle.average))


if __name__ == "__main__":
    main()
