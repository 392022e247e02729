"""Trains the noise suppressor and writes ../noise_suppressor_weights.npz; gen_noise_suppressor.py makes the C table.

    python training/enhance/train_ns.py

Needs talkpath, torch, scipy, soundfile, soxr, onnx, speechmos and the packages named in ns_corpus.py; 14 GB of memory, two hours on one core:
draw noisy and clean streams at both rates, then train the network to give amplitudes like the clean ones (compressed, bins weighted
as the ear does) and, from the second cycle on, to keep the envelopes of third octaves alike, which is what intelligibility hangs on.
AdamW, one-cycle learning rates, state carried over pieces of 1 s, average of the last weights; new streams when the old ones are
learnt. Last, two listeners (training/common/listeners.py) say of whole streams how they sound. No file of any evaluation set is used.
"""

import argparse
import sys
import time
from pathlib import Path

import ns_corpus
import ns_features as front
import numpy as np
import torch
from ns_heard import Heard

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from learning import Cycle, take, weights_of
from listeners import bark_of

RATES_HZ = (8000, 16000)
# Seeds of the streams; steps; the learning rate; weight of dissimilarity(); aim, and what lost speech costs: see loss_of().
CYCLES = (
    ((1, 2), 5000, 4e-3, 0.1, 0.5, 1.0),
    ((2, 3), 5000, 3e-3, 0.4, 0.7, 1.0),
    ((3, 4), 4000, 2e-3, 0.5, 0.9, 1.0),
    ((5,), 1600, 2e-3, 0.4, 0.8, 2.0),
    ((6,), 1700, 2e-3, 0.5, 0.9, 1.0),
    ((7,), 1300, 1.5e-3, 0.4, 0.8, 2.0),
)
AVERAGED = 4  # of the last cycles' ends
SHARPER = 1.1  # the mean's decisions: a mean of networks is in doubt where one of them is
LISTENING = (8, 400, 5e-4, 0.6, 0.85, 1.5)  # seed and so on of the cycle after them
HEARD, UNSEEN, GENERATED = 1200, 60, 16  # streams, more that judge, voices
OPINION, LIKENESS = (6, 0.14), (16, 0.14)  # streams a step; what a mark is worth
SECONDS, STEPS_A_PIECE = 6.0, 100
BATCH, NARROW = 120, 80  # streams, at 8 kHz of them
UNITS, HIGH_UNITS = 64, 32
COMPRESSION = 0.3
EDGE = 0.02  # of a gain: what lies below no one hears through the least gain


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = torch.nn.Linear(front.FEATURES, UNITS)
        self.gru = torch.nn.GRU(UNITS, UNITS, num_layers=2, batch_first=True)
        self.out = torch.nn.Linear(UNITS, front.DECISIONS * front.BANDS)
        self.high = torch.nn.Linear(front.HIGH_FEATURES + UNITS, HIGH_UNITS)
        self.high_out = torch.nn.Linear(HIGH_UNITS, front.DECISIONS * front.HIGH_BANDS)
        with torch.no_grad():  # the classical estimator
            for layer, n in ((self.out, front.BANDS), (self.high_out, front.HIGH_BANDS)):
                layer.weight *= 0.3
                layer.bias.zero_()
                layer.bias[n : 2 * n] = 1.0
        for name, bands in zip(("bands", "high_bands"), front.band_map(), strict=True):
            self.register_buffer(name, torch.from_numpy(bands).float(), persistent=False)

    def forward(self, low, high, state=None):
        """Of the low bands and, for the streams that have high ones (the last), of those: u, v, w."""
        y, state = self.gru(torch.tanh(self.dense(low)), state)
        first = len(low) - len(high)
        x = torch.tanh(self.high(torch.cat([high, y[first:]], -1)))
        return self.out(y), self.high_out(x), state

    @staticmethod
    def logits(decided, bands, log_snr, contrast, comb):
        n = len(bands)
        u, v, w, z = (decided[..., i * n : (i + 1) * n] @ bands for i in range(front.DECISIONS))
        return u + v * log_snr + w * contrast + z * comb


def prepare(drawn: list[tuple[np.ndarray, np.ndarray, float]], rate_hz: int) -> dict[str, np.ndarray]:
    """What the training needs of streams of equal length, in float16."""
    seen = front.front_end(np.stack([pcm for pcm, _, _ in drawn]), rate_hz)
    clean = front.spectra(np.stack([c for _, c, _ in drawn]) * 32768, rate_hz)
    gain = np.array([g for _, _, g in drawn])[:, None, None]
    made = {
        "noisy": (np.abs(seen["spectrum"]) / gain) ** COMPRESSION,
        "clean": (np.abs(clean) / gain) ** COMPRESSION,
        "log_snr": seen["log_snr"],
        "contrast": seen["contrast"],
        "lag": seen["lag"][..., None],
        "low": seen["low"],
        "high": seen.get("high", seen["low"][..., :0]),
    }
    return {k: v.astype(np.float16) for k, v in made.items()}


def draw(mixer: ns_corpus.Mixer, count: int, rate_hz: int) -> dict[str, torch.Tensor]:
    made: dict[str, np.ndarray] = {}
    for start in range(0, count, 20):
        for k, v in prepare([mixer.pair(SECONDS, rate_hz) for _ in range(20)], rate_hz).items():
            made.setdefault(k, np.empty((count, *v.shape[1:]), v.dtype))[start : start + 20] = v
    return {k: torch.from_numpy(v) for k, v in made.items()}


def ear() -> torch.Tensor:
    """How much a bin counts: its width in Bark (H. Traunmüller, JASA 88, 1990), softened."""
    hz = 31.25 * np.arange(front.LOW_BINS + front.HIGH_BINS + 1)
    width = np.diff(bark_of(hz)) ** 0.7
    return torch.from_numpy(width / width[: front.LOW_BINS].mean()).float()


EAR = ear()
TEETH = torch.from_numpy(front.comb(np.arange(front.LAST_LAG + 1), front.LOW_BINS + front.HIGH_BINS)).float()
PER_STEP = ("low", "high")  # the rest is per hop


def some(
    parts: list[dict[str, torch.Tensor]], which: np.ndarray | slice, first: int, steps: int, phase: int
) -> dict[str, torch.Tensor]:
    """`steps` of the network, of the streams `which`, counted through all parts; and of the hops that hold its decisions the first
    (`phase` 0) or second of each."""
    start, end, by = first * front.HOPS_A_STEP, (first + steps) * front.HOPS_A_STEP, front.HOPS_A_STEP
    result, before = {k: [] for k in parts[0]}, 0
    for streams in parts:
        n = len(streams["low"])
        own = (
            which
            if isinstance(which, slice)
            else torch.from_numpy(which[(which >= before) & (which < before + n)] - before)
        )
        before += n
        for k, v in streams.items():
            result[k].append(v[own, slice(start + (0 if k in PER_STEP else phase), end, by)])
    return {k: torch.cat(v).float() for k, v in result.items()}


def loss_of(
    logits: torch.Tensor, noisy: torch.Tensor, clean: torch.Tensor, start: int, wiener: float, lost: float
) -> torch.Tensor:
    """`wiener`: how far the target goes from the clean amplitude (0) to what a Wiener filter leaves (1); `lost`: how much what
    falls below it counts beside what stays above."""
    gain = EDGE + (1 - EDGE) * torch.sigmoid(logits)
    weight = EAR[start : start + logits.shape[-1]]
    ideal = (clean / (noisy + 1e-3)).clamp(0, 1)  # compressed, as everything here
    compressed = gain**COMPRESSION
    error = compressed * noisy - clean * ideal**wiener
    error = error**2 * torch.where(error < 0, lost, 1.0)
    return (weight * (error + 0.05 * (compressed - ideal) ** 2)).mean()


def thirds() -> torch.Tensor:
    """Bins to 15 third-octave bands from 150 Hz on: (LOW_BINS, 15)."""
    hz, centre = 31.25 * np.arange(front.LOW_BINS)[:, None], 150 * 2 ** (np.arange(15) / 3)
    return torch.from_numpy((hz >= centre * 2 ** (-1 / 6)) & (hz < centre * 2 ** (1 / 6))).float()


THIRDS = thirds()


def dissimilarity(logits: torch.Tensor, noisy: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """1 - correlation of the envelopes of third octaves over 380 ms, where something is said, as in C. H. Taal et al., "An algorithm
    for intelligibility prediction of time-frequency weighted noisy speech", IEEE Trans. ASLP 19(7), 2011."""
    power = 2 / COMPRESSION
    kept = EDGE + (1 - EDGE) * torch.sigmoid(logits)
    got, wanted = ((a @ THIRDS).clamp(min=1e-8) for a in (kept**2 * noisy**power, clean**power))
    got, wanted = (a.sqrt().unfold(1, 38, 7) for a in (got, wanted))  # (streams, segments, bands, steps)
    energy = (wanted**2).mean(-1)
    total = energy.sum(-1, keepdim=True)
    counts = ((total > 0.3) & (energy > 1e-5 * total)).float()
    got, wanted = (a - a.mean(-1, keepdim=True) for a in (got, wanted))
    likeness = (got * wanted).sum(-1) / ((got**2).sum(-1) * (wanted**2).sum(-1) + 1e-10).sqrt()
    return (counts * (1 - likeness)).sum() / (counts.sum() + 1)


def total_loss(network, narrow, wide, state, *aim):
    """Both rates in one step: the narrow streams first."""
    low = torch.cat([narrow["low"], wide["low"]])
    decided, high, state = network(low, wide["high"], state)
    n, bins = len(narrow["low"]), front.LOW_BINS
    teeth = TEETH[torch.cat([narrow["lag"], wide["lag"]])[..., 0].long()]
    a = network.logits(decided[:n], network.bands, narrow["log_snr"], narrow["contrast"], teeth[:n, :, :bins])
    b = network.logits(
        decided[n:], network.bands, wide["log_snr"][..., :bins], wide["contrast"][..., :bins], teeth[n:, :, :bins]
    )
    c = network.logits(
        high, network.high_bands, wide["log_snr"][..., bins:], wide["contrast"][..., bins:], teeth[n:, :, bins:]
    )
    losses = (
        loss_of(a, narrow["noisy"], narrow["clean"], 0, *aim),
        loss_of(b, wide["noisy"][..., :bins], wide["clean"][..., :bins], 0, *aim),
        loss_of(c, wide["noisy"][..., bins:], wide["clean"][..., bins:], bins, *aim),
        dissimilarity(a, narrow["noisy"], narrow["clean"]),
    )
    return losses, state


def train(
    network: Network,
    data,
    check,
    steps: int,
    seed: int,
    out: Path,
    rate: float,
    alike: float,
    *aim: float,
    heard: Heard | None = None,
) -> Network:
    """One learning-rate cycle; returns the average of its last weights. `alike` weighs dissimilarity(), `aim` is for loss_of()."""
    started, cycle = time.time(), Cycle(network, steps, rate, weight_decay=1e-3, rise=0.05)
    chooser, counts = np.random.default_rng(seed), (NARROW, BATCH - NARROW)
    pieces = data[0][0]["low"].shape[1] // (STEPS_A_PIECE * front.HOPS_A_STEP)
    for step in range(steps):
        piece = step % pieces
        if piece == 0:
            chosen = [
                chooser.integers(0, sum(len(d["low"]) for d in parts), n) for parts, n in zip(data, counts, strict=True)
            ]
            state = None
        phase = int(chooser.integers(front.HOPS_A_STEP))
        narrow, wide = (
            some(d, i, piece * STEPS_A_PIECE, STEPS_A_PIECE, phase) for d, i in zip(data, chosen, strict=True)
        )
        losses, state = total_loss(network, narrow, wide, state, *aim)
        state = state.detach()
        loss = losses[0] + 0.5 * losses[1] + 0.5 * losses[2] + alike * losses[3]
        if heard:
            for (count, worth), mark in ((OPINION, heard.opinion), (LIKENESS, heard.likeness)):
                marks = mark(network, chooser.choice(HEARD, count, replace=False))
                loss = loss - worth * marks.reshape(-1)[-1]  # of DNSMOS's three the overall one
        cycle.step(loss)
        if (step + 1) % (50 if heard else 200) == 0 or step == steps - 1 or step == 0:
            whole = [some([d], slice(None), 0, pieces * STEPS_A_PIECE, 1) for d in check]
            with torch.no_grad():
                unseen = list(total_loss(cycle.average, *whole, None, *aim)[0])
                if heard:
                    last = np.arange(HEARD, HEARD + UNSEEN)
                    unseen += [*heard.opinion(cycle.average, last), heard.likeness(cycle.average, last)]
            print(
                f"step {step + 1}: loss {loss:.4f}, unseen {' '.join(f'{x:.4f}' for x in unseen)}, {time.time() - started:.0f} s",
                flush=True,
            )
            np.savez(out, **front.quantised(weights_of(cycle.average)))
    return cycle.average


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--signals", type=int, nargs=2, default=[2200, 900], help="at 8 and at 16 kHz, of each seed")
    parser.add_argument("--steps", type=float, default=1.0, help="times the full number")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).resolve().parents[2] / "csrc/enhance/noise_suppressor_weights.npz"
    )
    parser.add_argument("--cycle", type=int, default=1, help="go on with this one, from the weights in --out")
    args = parser.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)

    pool = ns_corpus.load(300, 1)
    mixer = ns_corpus.Mixer(*pool, seed=1)
    check = [draw(mixer, 40, rate_hz) for rate_hz in RATES_HZ]
    drawn: dict[int, list[dict[str, torch.Tensor]]] = {}
    network = Network()
    if args.cycle > 1:
        take(network, front.load_weights(args.out))
    ends = []
    for number, (seeds, steps, *how) in list(enumerate(CYCLES, 1))[args.cycle - 1 :]:
        data = None  # not more than two seeds' streams at once
        drawn = {seed: streams for seed, streams in drawn.items() if seed in seeds}
        for seed in seeds:
            if seed not in drawn:
                mixer = mixer if seed == 1 else ns_corpus.Mixer(*pool, seed=seed)
                drawn[seed] = [draw(mixer, n, rate_hz) for n, rate_hz in zip(args.signals, RATES_HZ, strict=True)]
        data = [[drawn[seed][i] for seed in seeds] for i in range(len(RATES_HZ))]
        network = train(network, data, check, round(steps * args.steps), number, args.out, *how)
        ends.append(weights_of(network))
    if ends:
        # Every other cycle gives speech back that the one before it took; between them lies the best of both.
        ends = ends[-AVERAGED:]
        mean = {name: np.mean([end[name] for end in ends], axis=0) for name in ends[0]}
        for name in ("out", "out_bias", "high_out", "high_out_bias"):
            mean[name] *= SHARPER
        np.savez(args.out, **front.quantised(mean))

    drawn, data = {}, None
    seed, steps, *how = LISTENING
    take(network, front.load_weights(args.out))
    speech, *rest = pool
    mixer = ns_corpus.Mixer(speech | ns_corpus.generated(GENERATED, seed), *rest, seed=seed)
    data = [[draw(mixer, round(0.4 * n), rate_hz)] for n, rate_hz in zip(args.signals, RATES_HZ, strict=True)]
    heard = Heard(mixer, HEARD + UNSEEN)
    train(network, data, check, round(steps * args.steps), len(CYCLES) + 1, args.out, *how, heard=heard)


if __name__ == "__main__":
    main()
