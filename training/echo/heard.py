"""Calls as a listener hears them: the suppressor's two networks in, sound out, all of it differentiable.

What the canceller leaves without suppression is taken to pieces once more as grid.c does it; each bin gets its gain and the line's
noise as in suppressor.c. Bins that are not on the grid go with the nearest one that is.
"""

import ctypes
import sys
from pathlib import Path

import call_features
import numpy as np
import torch
import train_bins
import train_keep
from call_features import FIRST_BIN, SLOT, spectra, window
from scipy.signal import lfilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))
from listeners import overlapped

DENSITY = 1.2247449  # noise of even density with half of unit power
DELAY_SLOTS = 2  # of the canceller's output
EAR_SLOTS = 3  # from one look of the ear to the next
APART = 13  # of keep_bins.c's measures
LEAST_GAIN = 0.003
POWER = 3  # of a bin's gain; suppressor.c has 4: see README.md
LOW_BINS = 112  # that the canceller compares powers in
SMOOTH = 0.92  # of these, a slot
NEAR_NET = np.load(call_features.CSRC / "echo/near_net_weights.npz")
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


def off_the_grid(spectrum: np.ndarray, near: np.ndarray, bins: int) -> np.ndarray:
    """What the canceller lets pass of bins that no filter predicts, in each slot: as much as it does elsewhere."""
    low = slice(FIRST_BIN, FIRST_BIN + LOW_BINS)
    after, before = (
        lfilter([1 - SMOOTH], [1, -SMOOTH], (np.abs(z[:, low]) ** 2).mean(1)) + 1e-12 for z in (spectrum, near)
    )
    passes = np.ones(spectrum.shape)
    passes[:, :FIRST_BIN] = passes[:, FIRST_BIN + bins :] = np.sqrt(np.minimum(after / before, 1))[:, None]
    return passes


class Call:
    """One of int16 (`want` is `near` without the echo), with its rows of train_bins.measures(), which are of the slots `where`."""

    sent = received = None

    def __init__(
        self,
        lib: ctypes.CDLL,
        far: np.ndarray,
        near: np.ndarray,
        want: np.ndarray,
        rate_hz: int,
        rows: np.ndarray,
        where: np.ndarray,
    ) -> None:
        rest = left(lib, near, far, rate_hz)
        self.slot, self.samples, self.bins = SLOT * rate_hz // call_features.RATE_HZ, len(rest), rows.shape[2]
        slots = self.samples // self.slot - DELAY_SLOTS
        ahead = slice(DELAY_SLOTS * self.slot, None)
        rows, where = rows[where < slots], where[where < slots]
        self.where = torch.from_numpy(where)
        self.measures = torch.from_numpy(rows[:, : train_bins.MEASURES].astype(np.float16))
        self.residual, self.noise = (torch.from_numpy(rows[:, i].copy()) for i in (-2, -1))

        spectrum, wanted = (spectra(v, rate_hz, 1) for v in (rest[ahead], want[: slots * self.slot]))
        passes = off_the_grid(spectrum, spectra(near, rate_hz, 1)[:slots], self.bins)
        spectrum[where] *= passes[where]
        self.spectrum = torch.from_numpy(spectrum.astype(np.complex64))
        power = (np.abs(wanted) ** 2).astype(np.float32)
        self.wanted = torch.from_numpy(power[::EAR_SLOTS].copy())[None]
        self.scale = float(np.sqrt((window(rate_hz) ** 2).sum() * rate_hz / call_features.RATE_HZ))
        self.want = torch.from_numpy(power[where, FIRST_BIN : FIRST_BIN + self.bins] / self.scale**2)
        self.loud = (self.want**train_bins.LOUDNESS).mean()

        x, active = train_keep.features(lib, near, far, rate_hz)
        self.x, self.wide = torch.from_numpy(x[active]), float(rate_hz == 16000)
        # The bands' gains that hold in a slot are those of the last hop that ended before or with it.
        self.hop = torch.from_numpy((np.cumsum(active) - 1)[(where + 1) // 2 - 1])
        units = self.x[:, : train_keep.UNITS_BELOW].float()
        layer, bias = (torch.from_numpy(NEAR_NET[name][1:]).float() for name in ("out", "out_bias"))
        self.other = pad(torch.sigmoid(units @ layer.T + bias), (0, train_keep.BANDS - train_keep.LOW_BANDS))
        self.lines = torch.from_numpy(interpolation(self.bins)).float()

    def listen(self, listener, far: np.ndarray, near: np.ndarray) -> None:
        """Keeps what the listener hears of both sides."""
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
        return pad(overlapped(frames), ((DELAY_SLOTS - 1) * slot, 0))[: self.samples]
