"""Listeners that a network may learn from: judges of sound that PyTorch can differentiate.

Ear        how far apart two sounds are to the ear, after the model of ITU-T P.862 (A. W. Rix et al., "Perceptual evaluation of
           speech quality (PESQ)", ICASSP 2001), of powers on a grid of bins; bands by H. Traunmüller (JASA 88, 1990), the hearing
           threshold by E. Terhardt (Hearing Research 1, 1979), no alignment in time
Dnsmos     C. K. A. Reddy et al., "DNSMOS P.835", ICASSP 2022
Aecmos     M. Purin et al., "AECMOS: a speech quality assessment metric for echo impairment", ICASSP 2022

The last two are the networks of PyPI's `speechmos`, read from its files (with PyPI's `onnx`). Run as a script, this compares them with
speechmos itself.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

RATE_HZ = 16000  # of what Dnsmos and Aecmos hear


def bark_of(hz: np.ndarray) -> np.ndarray:
    return 26.81 * hz / (1960 + hz) - 0.53


def overlapped(frames: torch.Tensor) -> torch.Tensor:
    """The sound of frames (…, hops, 2 hops' samples) that overlap by half, faded already."""
    hop = frames.shape[-1] // 2
    first, second = (frames[..., a : a + hop].flatten(-2) for a in (0, hop))
    return F.pad(first, (0, hop)) + F.pad(second, (hop, 0))


class Ear:
    """For spectra of 32 ms frames about 15 ms apart, whose bins lie at `hz`."""

    LISTENING_DB = 79.0  # sound pressure level that both are brought to
    BAND_BARK = 0.4

    def __init__(self, hz: np.ndarray) -> None:
        bark = bark_of(hz)
        edges = np.arange(bark_of(np.array(100.0)), bark.max() + 0.5 * self.BAND_BARK, self.BAND_BARK)
        bands = ((bark >= edges[:-1, None]) & (bark < edges[1:, None])).astype(np.float32)
        bands = bands[bands.any(axis=1)]
        middle = bands @ hz / bands.sum(axis=1)
        khz = middle / 1000
        threshold_db = 3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
        exponent = 0.23 * np.clip(6 / (bark_of(middle) + 2), 1, 2) ** 0.15
        handset = 1 / (1 + (250 / np.maximum(hz, 1)) ** 6)
        self.bands = torch.from_numpy((bands * handset).T).float()
        self.threshold, self.exponent = (torch.from_numpy(x).float() for x in (10 ** (threshold_db / 10), exponent))

    def _audible(self, power: torch.Tensor, times: float = 1.0) -> torch.Tensor:
        return power * (power > times * self.threshold)

    def _loudness(self, power: torch.Tensor) -> torch.Tensor:
        """In sone a Bark (Zwicker)."""
        least, gamma = self.threshold, self.exponent
        return 0.24 * (least / 0.5) ** gamma * ((0.5 + 0.5 * power / least) ** gamma - 1).clamp(min=0)

    @staticmethod
    def _over_time(distance: torch.Tensor) -> torch.Tensor:
        """The worst of a third of a second counts most."""
        parts = distance.unfold(1, 20, 10)
        return ((parts**6).mean(2) + 1e-9).pow(1 / 6).square().mean(1).sqrt()

    def quality(self, wanted: torch.Tensor, got: torch.Tensor) -> torch.Tensor:
        """Powers (sounds, frames, bins) of both: for each sound a mark of 4.5 at best, before it is bent into an opinion score."""
        level = 10 ** (self.LISTENING_DB / 10)
        want, have = (
            p / p.sum(2).mean(1)[:, None, None].clamp(min=1e-12) * level
            for p in (x @ self.bands for x in (wanted, got))
        )
        # What a line does to all of a sound is not held against it, nor are slow changes of level.
        spoken = (want.sum(2) > 1e5).float()[..., None]
        means = [(self._audible(x, 100.0) * spoken).mean(1) for x in (want, have)]
        want = want * ((means[1] + 1e3) / (means[0] + 1e3)).clamp(0.01, 100)[:, None]
        totals = [self._audible(x).sum(2) + 5e3 for x in (want, have)]
        ratio = totals[0] / totals[1]
        ratio = torch.cat([ratio[:, :1], 0.8 * ratio[:, 1:] + 0.2 * ratio[:, :-1]], 1)
        have = have * ratio.clamp(3e-4, 5.0)[..., None]

        loud = [self._loudness(x) for x in (want, have)]
        apart = loud[1] - loud[0]
        apart = (apart.abs() - 0.25 * torch.minimum(*loud)).clamp(min=0)
        added = ((have + 50) / (want + 50)) ** 1.2  # what is added hurts more than what is missing
        added = torch.where(added < 3, 0.0, added.clamp(max=12))
        width, bark = self.BAND_BARK, self.BAND_BARK * self.bands.shape[1]
        both = ((apart * width).square().sum(2) + 1e-8).sqrt() * bark**0.5
        extra = (apart * added * width).sum(2)
        weight = ((totals[0] + 1e5) / 1e7) ** 0.04
        both, extra = (self._over_time((x / weight).clamp(max=45)) for x in (both, extra))
        return 4.5 - 0.1 * both - 0.0309 * extra


def stored(path: str) -> tuple[list, dict[str, torch.Tensor]]:
    """Nodes and numbers of one of speechmos's networks."""
    import onnx
    import speechmos

    graph = onnx.load(Path(speechmos.__file__).parent / path).graph
    return list(graph.node), {x.name: torch.from_numpy(onnx.numpy_helper.to_array(x).copy()) for x in graph.initializer}


def layers(nodes: list, numbers: dict[str, torch.Tensor], kind: str) -> list[list[torch.Tensor]]:
    """The numbers of each node of a kind, in order; with MatMul's those that are added after it."""
    result = []
    for node in nodes:
        if node.op_type == kind:
            then = [n for n in nodes if kind == "MatMul" and n.op_type == "Add" and node.output[0] in n.input]
            result.append([numbers[name] for n in (node, *then) for name in n.input if name in numbers])
    return result


class Dnsmos:
    """Marks (sounds, 3) of speech, noise and both, of sounds (sounds, samples), 9.01 s in the original, here of any length."""

    # The networks' own marks, bent as speechmos bends them.
    BEND = torch.tensor(
        [
            [-0.08397278, 1.22083953, 0.0052439],
            [-0.13166888, 1.60915514, -0.39604546],
            [-0.06766283, 1.11546468, 0.04602535],
        ]
    )

    def __init__(self, bins: int = 161) -> None:
        """`bins`: those above are left out, 50 Hz each."""
        nodes, numbers = stored("dnsmos_models/sig_bak_ovr.onnx")
        first, second, *self.convolutions = layers(nodes, numbers, "Conv")
        self.dft = [part[0][:bins, :, 0].T for part in (first, second)]
        self.dense = layers(nodes, numbers, "MatMul")

    def __call__(self, sound: torch.Tensor) -> torch.Tensor:
        frames = sound.unfold(-1, 320, 160)
        power = sum((frames @ part) ** 2 for part in self.dft)
        x = torch.log10(power.clamp(min=1e-12))[:, None]
        for i, (weight, bias) in enumerate(self.convolutions):
            x = F.relu(F.conv2d(x, weight, bias, padding=1))
            if i in (3, 4, 5):
                x = F.max_pool2d(x, 2)
        x = x.amax((2, 3))
        for i, (weight, bias) in enumerate(self.dense):
            x = x @ weight + bias
            if i < len(self.dense) - 1:
                x = F.relu(x)
        return (self.BEND * torch.stack([x**2, x, torch.ones_like(x)], -1)).sum(-1)


class Aecmos:
    """Marks of echo and of everything else, while both talk. It hears features() of what was sent, received and made of it."""

    def __init__(self) -> None:
        import librosa

        nodes, numbers = stored("aecmos_models/Run_1663915512_Stage_0.onnx")
        self.convolutions, self.recurrent, self.dense = (layers(nodes, numbers, k) for k in ("Conv", "GRU", "MatMul"))
        self.mel = torch.from_numpy(librosa.filters.mel(sr=RATE_HZ, n_fft=513, n_mels=160).T.copy()).float()
        self.window = torch.hann_window(513)

    def features(self, sound: torch.Tensor) -> torch.Tensor:
        """(sounds, samples) to (sounds, frames, 160)."""
        z = torch.stft(sound, 513, 256, 513, self.window, center=True, pad_mode="constant", return_complex=True)
        db = 10 * torch.log10(((z.real**2 + z.imag**2).transpose(1, 2) @ self.mel).clamp(min=1e-10))
        return ((db - db.amax((1, 2), keepdim=True)).clamp(min=-80) + 40) / 40

    @staticmethod
    def _first_step(x: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
        """Of a bidirectional GRU at rest, all the time it is given."""
        out, (input_weights, _, biases) = [], weights[:3]
        for weight, bias in zip(input_weights, biases, strict=True):
            n = len(weight) // 3
            a, b = x @ weight.T + bias[: 3 * n], bias[3 * n :]
            update, reset = (torch.sigmoid(a[:, i * n : (i + 1) * n] + b[i * n : (i + 1) * n]) for i in range(2))
            out.append((1 - update) * torch.tanh(a[:, 2 * n :] + reset * b[2 * n :]))
        return torch.cat(out, -1)

    def __call__(self, sent: torch.Tensor, received: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
        """Features of each to marks (sounds, 2)."""
        x = torch.stack([sent, received, made], 1)
        told = torch.cat([x.new_ones(20), x.new_zeros(20)])[:, None].expand(*x.shape[:2], -1, x.shape[3])
        x = torch.cat([x, told], 2)
        for weight, bias in self.convolutions:
            x = F.max_pool2d(F.leaky_relu(F.conv2d(x, weight, bias, padding=1), 0.1), 2)
        x = x.amax((2, 3))
        for weights in self.recurrent:
            x = self._first_step(x, weights)
        for i, (weight, bias) in enumerate(self.dense):
            x = x @ weight + bias
            if i < len(self.dense) - 1:
                x = F.leaky_relu(x, 0.1)
        return 1 + 4 * torch.sigmoid(x)


def main() -> None:
    """The same as speechmos's own?"""
    from speechmos import aecmos, dnsmos

    rng, n = np.random.default_rng(1), 144160
    pulses = np.convolve(np.arange(n) % 133 == 0, np.hanning(40), "same") * (np.sin(np.arange(n) / 2000) > 0)
    sounds = [(0.1 * np.roll(pulses, i) + 0.003 * rng.standard_normal(n)).astype(np.float32) for i in (0, 900, 50)]
    own, theirs = Dnsmos()(torch.from_numpy(sounds[0])[None])[0], dnsmos.run(sounds[0], RATE_HZ)
    print("DNSMOS", own.numpy(), [float(theirs[k]) for k in ("sig_mos", "bak_mos", "ovrl_mos")])
    judge = Aecmos()
    own = judge(*(judge.features(torch.from_numpy(x)[None]) for x in sounds))[0]
    theirs = aecmos.run(dict(zip(("lpb", "mic", "enh"), sounds, strict=True)), RATE_HZ, talk_type="dt")
    print("AECMOS", own.numpy(), [theirs[k] for k in ("echo_mos", "deg_mos")])


if __name__ == "__main__":
    main()
