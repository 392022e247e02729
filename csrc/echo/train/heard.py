"""Calls as a listener hears them: the suppressor's two networks in, sound out, all of it differentiable.

What the canceller leaves without suppression is taken to pieces once more as grid.c does it; each bin gets its gain and the line's
noise as in suppressor.c. Bins that are not on the grid go with the nearest one that is.
"""

import ctypes

import call_features
import numpy as np
import torch
import train_bins
import train_keep
from call_features import FIRST_BIN, SLOT, spectra, window
from scipy.signal import lfilter

DENSITY = 1.2247449  # noise of even density with half of unit power
DELAY_SLOTS = 2  # of the canceller's output
EAR_SLOTS = 3  # from one look of the ear to the next
APART = 13  # of keep_bins.c's measures
LEAST_GAIN = 0.003
POWER = 3  # of a bin's gain; suppressor.c has 4: see README.md
LOW_BINS = 112  # that the canceller compares powers in
SMOOTH = 0.92  # of these, a slot
pad = torch.nn.functional.pad


def left(lib: ctypes.CDLL, near: np.ndarray, far: np.ndarray, rate_hz: int) -> np.ndarray:
    """What the canceller leaves when it does not suppress."""
    _memory, state = call_features.canceller(lib, rate_hz, 0)
    out = np.empty(len(near) // (rate_hz // 200) * (rate_hz // 200), np.int16)
    at = [ctypes.c_void_p(x.ctypes.data) for x in (near, far, out)]
    lib.tp_echo_canceller_process(state, *at[:2], ctypes.c_size_t(len(out)), at[2])
    return out


def interpolation(bins: int) -> np.ndarray:
    """suppressor.c's straight lines between the bands' middles: (bins, BANDS)."""
    bands = train_keep.BANDS if bins > train_keep.EDGES[train_keep.LOW_BANDS] + 8 else train_keep.LOW_BANDS
    edges = np.array(train_keep.EDGES[: bands + 1])
    middles = 0.5 * (edges[:-1] + edges[1:] - 1)
    lines = [np.interp(np.arange(bins), middles, one) for one in np.eye(bands)]
    return np.pad(np.stack(lines, axis=1), ((0, 0), (0, train_keep.BANDS - bands)))


def both_talk(near: np.ndarray, want: np.ndarray) -> bool:
    """Whether there is an echo, and a caller above the noise: Aecmos's marks are meant for that. At 16 kHz."""
    blocks = want[: len(want) // 1600 * 1600].astype(float).reshape(-1, 1600)
    level_db = 10 * np.log10((blocks**2).mean(axis=1) + 1)
    echo = near.astype(float) - want
    return bool(np.ptp(np.percentile(level_db, [10, 90])) > 12 and (echo**2).mean() > 400)


class Call:
    """One of int16: `want` is `near` without the echo."""

    def __init__(
        self, lib: ctypes.CDLL, far: np.ndarray, near: np.ndarray, want: np.ndarray, rate_hz: int, near_net, listener
    ) -> None:
        rows, where = train_bins.measures(lib, near, far, rate_hz, 0)
        x, active = train_keep.features(lib, near, far, rate_hz)
        rest = left(lib, near, far, rate_hz)
        self.slot, self.samples = SLOT * rate_hz // call_features.RATE_HZ, len(rest)
        later = DELAY_SLOTS * self.slot
        slots = self.samples // self.slot - DELAY_SLOTS
        self.cut = cut = int((where < slots).sum())  # slots, the numbers of which are `where`
        self.where = torch.from_numpy(where[:cut])
        rows = rows[:cut]
        self.measures = torch.from_numpy(rows[:, : train_bins.MEASURES].astype(np.float16)) if cut else None
        self.residual, self.noise = (torch.from_numpy(rows[:, i].copy()) for i in (-2, -1)) if cut else (None, None)
        self.bins = rows.shape[2] if cut else 0
        # The bands' gains that hold in a slot are those of the last hop that ended before or with it.
        hop = (self.where + 1) // 2 - 1
        self.hop = torch.from_numpy(np.cumsum(active) - 1)[hop]
        self.x, self.wide = torch.from_numpy(x[active]), float(rate_hz == 16000)
        units = x[active][:, : train_keep.UNITS_BELOW].astype(np.float32)
        z = units @ near_net["out"][1:].T + near_net["out_bias"][1:]
        self.other = torch.from_numpy(
            pad(torch.from_numpy(1 / (1 + np.exp(-z))), (0, train_keep.BANDS - z.shape[1])).numpy()
        )
        self.lines = torch.from_numpy(interpolation(self.bins)).float() if cut else None

        spectrum = spectra(rest[later:], rate_hz, 1)
        grid, low = slice(FIRST_BIN, FIRST_BIN + self.bins), slice(FIRST_BIN, FIRST_BIN + LOW_BINS)
        # The canceller gives bins that no filter predicts what it takes off elsewhere.
        powers = [(np.abs(z[:slots, low]) ** 2).mean(1) for z in (spectrum, spectra(near, rate_hz, 1))]
        after, before = (lfilter([1 - SMOOTH], [1, -SMOOTH], v) + 1e-12 for v in powers)
        off_grid = np.ones(spectrum.shape[1], bool)
        off_grid[grid] = False
        taken_off = np.sqrt(np.minimum(after / before, 1))[where[:cut]]
        spectrum[where[:cut][:, None], np.flatnonzero(off_grid)] *= taken_off[:, None]
        self.spectrum = torch.from_numpy(spectrum.astype(np.complex64))
        wanted = np.abs(spectra(want[: self.samples - later], rate_hz, 1)) ** 2
        self.scale = float(np.sqrt((window(rate_hz) ** 2).sum() * rate_hz / call_features.RATE_HZ))
        on_grid = wanted[where[:cut], grid] / self.scale**2
        self.want = torch.from_numpy(on_grid.astype(np.float32))
        self.loud = torch.tensor(float((on_grid**train_bins.LOUDNESS).mean()) if cut else 1.0)
        self.wanted = torch.from_numpy(wanted[::EAR_SLOTS].astype(np.float32))[None]
        self.marked = rate_hz == 16000 and both_talk(near, want)
        if self.marked:
            self.sent, self.received = (
                listener.features(torch.from_numpy(v[: self.samples] / 32768).float()[None]) for v in (far, near)
            )

    def gains(self, bands, bins) -> tuple[torch.Tensor, torch.Tensor]:
        """Of both networks: the bins' (slots, bins), and what the suppressor makes of them."""
        own = bands(self.x.float()[None], torch.tensor([self.wide]), None)[0][0]
        low = torch.arange(train_keep.BANDS) < train_keep.LOW_BANDS
        both = torch.where(low, 0.5 * (own + self.other), own)
        apart = torch.where(low, self.other - own, 0.0)
        both, apart = ((v @ self.lines.T)[self.hop] for v in (both, apart))
        both = both.clamp(LEAST_GAIN, 1 - LEAST_GAIN)
        seen = self.measures.float()
        seen = torch.cat(
            [torch.log10(both / (1 - both))[:, None], seen[:, 1:APART], 2 * apart[:, None], seen[:, APART + 1 :]], 1
        )
        kept = bins(seen.transpose(1, 2))
        return kept, kept**POWER

    def cleaned(self, gain: torch.Tensor, dice: torch.Generator) -> torch.Tensor:
        """Spectra (slots, all bins) by the suppressor's gains."""
        put_back = (self.noise.sqrt() * DENSITY * self.scale) * (1 - gain**2 + 1e-5).sqrt()
        thrown = 2 * torch.rand(2, *gain.shape, generator=dice) - 1
        above = self.spectrum.shape[1] - self.bins - FIRST_BIN
        gain = torch.cat([gain[:, :1].expand(-1, FIRST_BIN), gain, gain[:, -1:].expand(-1, above)], 1)
        noise = pad(put_back * thrown, (FIRST_BIN, above))
        return self.spectrum.index_put((self.where,), self.spectrum[self.where] * gain + torch.complex(*noise))

    def sound(self, spectrum: torch.Tensor) -> torch.Tensor:
        """As the canceller would give it."""
        rate_hz, slot = self.slot * 200, self.slot
        at = np.pi / 2 * (np.arange(slot) + 0.5) / slot
        fades = np.concatenate([np.sin(at), np.cos(at)]) ** 2 / window(rate_hz)[-2 * slot :]
        frames = torch.fft.irfft(spectrum)[:, -2 * slot :] * torch.from_numpy(fades).float()
        first, second = frames[:, :slot].reshape(-1), frames[:, slot:].reshape(-1)
        later = (DELAY_SLOTS - 1) * slot
        return (pad(first, (later, slot)) + pad(second, (later + slot, 0)))[: self.samples]
