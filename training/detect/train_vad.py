"""Trains the VAD's network and writes csrc/detect/vad_weights.npz, from which gen_vad.py makes the C table.

    python training/detect/train_vad.py [--signals 5000 4000] [--steps 2750 3000 2400]

Needs talkpath, torch, scipy, soundfile, soxr, silero-vad, onnxruntime and the packages named in corpus.py. About 40 minutes on one core,
in one run: draw labelled telephone audio (seeds 1 and 2), extract features (vad_features.py), train two small GRU layers with
binary cross entropy (AdamW, one-cycle learning rate, state carried over pieces of 2.5 s, average of the last weights), then go on with
more of what is hard, and last with a teacher's labels (teacher.py); store eight bits a weight.
No file of any evaluation set is used.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from corpus import HOP, RATE_HZ, Mixer, labels, load_music, load_noises, load_speech
from learning import Cycle, weights_of
from teacher import Teacher
from vad_features import FEATURES, features, quantised

SECONDS, PIECES, BATCH = 10.0, 4, 128
DENSE, HIDDEN, LAYERS = 32, 32, 2
NEAR_HOPS = 3  # from an edge of speech
SPEECH_SHARE = 0.55  # of what the threshold is set for


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(FEATURES, DENSE)
        self.gru = torch.nn.GRU(DENSE, HIDDEN, num_layers=LAYERS, batch_first=True)
        self.out = torch.nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        y, state = self.gru(torch.tanh(self.dense(x)), state)
        return self.out(y)[..., 0], state


def draw(mixer: Mixer, count: int, teacher: Teacher) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(features, labels of the energy rule, the teacher's targets)."""
    hops, together = round(SECONDS * RATE_HZ) // HOP, 50
    x, (y, taught) = np.empty((count, hops, FEATURES), np.float16), np.empty((2, count, hops), np.float16)
    for start in range(0, count, together):
        drawn = [mixer.draw(SECONDS) for _ in range(min(together, count - start))]
        pcm, clean, active = zip(*drawn, strict=True)
        x[start : start + together] = features(np.stack(pcm))
        y[start : start + together] = sounds = np.stack([labels(a) for a in active])
        taught[start : start + together] = teacher.targets(np.stack(clean), sounds)
    return torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(taught)


def loss_of(logits: torch.Tensor, targets: torch.Tensor, edge: float = 1.0) -> torch.Tensor:
    """Cross entropy of the hops that are to be judged, those near an edge of speech counting `edge`."""
    speech = torch.nn.functional.pad((targets > 0.5).float(), (1, 1), mode="replicate")
    edges = (speech[:, 2:] != speech[:, 1:-1]) | (speech[:, :-2] != speech[:, 1:-1])
    near = torch.nn.functional.max_pool1d(edges.float()[:, None], 2 * NEAR_HOPS + 1, 1, NEAR_HOPS)[:, 0]
    weight = (targets >= 0) * (1 - near * (1 - edge))
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets.clamp(min=0), reduction="none")
    return (each * weight).sum() / weight.sum()


def train(
    network: Network, data: list[torch.Tensor], check: list[torch.Tensor], steps: int, of: int, rate: float, seed: int, skip: int, out: Path,
    edge: float = 1.0,
) -> Network:  # fmt: skip
    """`steps` of a learning-rate cycle `of` so many, not judging the first `skip` hops; returns the average of the last weights."""
    started, (x, y), (x_check, y_check) = time.time(), data, check
    cycle = Cycle(network, of, rate, weight_decay=1e-3, rise=0.05)
    chooser = np.random.default_rng(seed)
    for step in range(steps):
        piece = step % PIECES
        if piece == 0:
            batch, state = torch.from_numpy(chooser.integers(0, len(x), BATCH)), None
            xs, ys = x[batch].float().chunk(PIECES, 1), y[batch].float().chunk(PIECES, 1)
        first = skip if piece == 0 else 0
        logits, state = network(xs[piece], state)
        state = state.detach()
        loss = loss_of(logits[:, first:], ys[piece][:, first:], edge)
        cycle.step(loss)
        if step % 250 == 249 or step == steps - 1:
            with torch.no_grad():
                unseen = loss_of(cycle.average(x_check.float())[0], y_check.float())
            print(
                f"step {step + 1}: loss {loss:.4f}, unseen mixtures {unseen:.4f}, {time.time() - started:.0f} s",
                flush=True,
            )
        if step % 250 == 249:
            np.savez(out, **quantised(weights_of(cycle.average)))
    return cycle.average


def centre(network: Network, x: torch.Tensor, y: torch.Tensor) -> float:
    """Moves the output's bias so that F1 is highest at 0.5 where SPEECH_SHARE is speech; returns the logit that was best before."""
    with torch.no_grad():
        judged = y >= 0
        logits, truth = network(x.float())[0][judged], y[judged] > 0.5
        grid = np.linspace(-1.5, 1.5, 61)
        rates = [[(logits[chosen] > c).float().mean().item() for chosen in (truth, ~truth)] for c in grid]
        f1 = [2 * hit / (hit + 1 + false * (1 - SPEECH_SHARE) / SPEECH_SHARE) for hit, false in rates]
        best = float(grid[int(np.argmax(f1))])
        network.out.bias -= best
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--signals", type=int, nargs=2, default=[5000, 4000])
    parser.add_argument("--steps", type=int, nargs=3, default=[2750, 3000, 2400])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[2] / "csrc/detect/vad_weights.npz")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)

    speech, music, noises = load_speech(per_speaker=240, seed=1), load_music(), load_noises()
    minutes = sum(len(clip) for clips in speech.values() for clip in clips) / RATE_HZ / 60
    print(f"{len(speech)} speakers, {minutes:.0f} min", flush=True)
    teacher, mixer = Teacher(), Mixer(speech, music, noises, seed=1)
    data, check = draw(mixer, args.signals[0], teacher), draw(mixer, 200, teacher)
    average = train(Network(), data[:2], check[:2], args.steps[0], 3600, 5e-3, 1, 20, args.out)

    # Once more, from the start of the cycle, with more of what is hard: music, cries, no speech at all, streams that begin in it.
    more = draw(Mixer(speech, music, noises, seed=2, harder=True), args.signals[1], teacher)
    data = [torch.cat(pair) for pair in zip(data, more, strict=True)]
    average = train(average, data[:2], check[:2], args.steps[1], args.steps[1], 3e-3, 2, 2, args.out)

    # And with the teacher's labels.
    data, check = data[::2], check[::2]
    average = train(average, data, check, args.steps[2], args.steps[2], 3e-3, 6, 2, args.out, edge=1 / 3)
    print(f"best threshold before centring: logit {centre(average, *check):.2f}")
    np.savez(args.out, **quantised(weights_of(average)))


if __name__ == "__main__":
    main()
