"""Streams as a listener hears them: the network's gains in, sound out, all of it differentiable. At 8 kHz."""

import sys
from pathlib import Path

import ns_corpus
import ns_features as front
import numpy as np
import torch
from scipy import signal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from listeners import Dnsmos, Ear, overlapped

SECONDS = 4.0
EAR_HOPS = 3  # from one look of the ear to the next
LEAST = front.least_gain(85)
_analysis, _synthesis = front.windows(front.FFT, front.HOP)
SYNTHESIS = torch.from_numpy(_synthesis * np.sqrt((_analysis**2).sum())).float()
TWICE = torch.from_numpy(2 * signal.firwin(63, 0.5, window=("kaiser", 6))).float()  # 8 to 16 kHz
MOST_BINS = 112  # that DNSMOS is shown: nothing comes above 4 kHz, and it costs time


class Heard:
    """Some streams and those who listen to them."""

    def __init__(self, mixer: ns_corpus.Mixer, count: int) -> None:
        self.dnsmos, self.ear = Dnsmos(MOST_BINS), Ear(31.25 * np.arange(front.LOW_BINS))
        parts: dict[str, list[np.ndarray]] = {}
        for _ in range(0, count, 20):
            drawn = [mixer.pair(SECONDS, 8000) for _ in range(20)]
            seen = front.front_end(np.stack([pcm for pcm, _, _ in drawn]), 8000)
            clean = front.spectra(np.stack([c for _, c, _ in drawn]) * 32768, 8000)[:, ::EAR_HOPS]
            made = {k: seen[k].astype(np.float16) for k in ("log_snr", "contrast", "low")}
            made |= {
                "spectrum": seen["spectrum"].astype(np.complex64),
                "lag": seen["lag"],
                "clean": (np.abs(clean) ** 2).astype(np.float32),
            }
            for k, v in made.items():
                parts.setdefault(k, []).append(v)
        self.streams = {k: torch.from_numpy(np.concatenate(parts.pop(k))) for k in list(parts)}
        self.speaks = self.streams["clean"].sum((1, 2)) > 0

    def cleaned(self, network: torch.nn.Module, which: np.ndarray) -> torch.Tensor:
        """Spectra (streams, hops, bins)."""
        s = {k: v[which] for k, v in self.streams.items()}
        low = s["low"].float()
        steps = low[:, :: front.HOPS_A_STEP]
        decided = network(steps, steps[:0, :, : front.HIGH_FEATURES])[0]
        held = decided.repeat_interleave(front.HOPS_A_STEP, 1)[:, : low.shape[1]]
        teeth = torch.from_numpy(front.comb(s["lag"].numpy(), front.LOW_BINS)).float()
        logits = network.logits(held, network.bands, s["log_snr"].float(), s["contrast"].float(), teeth)
        return s["spectrum"] * (LEAST + (1 - LEAST) * torch.sigmoid(logits))

    @staticmethod
    def sound(spectrum: torch.Tensor) -> torch.Tensor:
        """At 16 kHz."""
        frames = torch.fft.irfft(spectrum)[..., -2 * front.HOP :] * SYNTHESIS
        x = overlapped(frames)
        spread = torch.stack([x, torch.zeros_like(x)], -1).flatten(1)
        return torch.nn.functional.conv1d(spread[:, None], TWICE[None, None], padding=len(TWICE) // 2)[:, 0]

    def opinion(self, network: torch.nn.Module, which: np.ndarray) -> torch.Tensor:
        """DNSMOS's of the speech, the noise and both, a mean."""
        return self.dnsmos(self.sound(self.cleaned(network, which))).mean(0)

    def likeness(self, network: torch.nn.Module, which: np.ndarray) -> torch.Tensor:
        """The ear's mark of what is left beside the clean speech, a mean."""
        which = which[self.speaks[which].numpy()]
        z = self.cleaned(network, which)[:, ::EAR_HOPS]
        return self.ear.quality(self.streams["clean"][which], z.real**2 + z.imag**2).mean()
