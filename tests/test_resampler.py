"""The streaming resampler: against its own filter written out in NumPy, by its figures, by its properties."""

import math
import pickle

import numpy as np
import pytest
from conftest import hostile_signals, random_cuts
from hypothesis import given, settings
from hypothesis import strategies as st

import talkpath as tp

RATES = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]
PAIRS = [(a, b) for a in RATES for b in RATES]
COMMON = [(8000, 16000), (16000, 8000), (24000, 8000), (24000, 16000), (48000, 8000), (44100, 16000), (22050, 8000),
          (8000, 44100), (11025, 8000)]  # fmt: skip
QUALITIES = ["low_latency", "voice", "hifi"]
pairs = pytest.mark.parametrize("pair", COMMON, ids=lambda p: f"{p[0]}-{p[1]}")


def reference(r: tp.Resampler, x: np.ndarray) -> np.ndarray:
    """Zero stuffing, one long FIR, decimation, in float64: y[m] = sum over k of h[m·M - k·L]·x[k]."""
    rows = r.coefficients
    phases, taps = rows.shape
    divisor = math.gcd(r.rate_in, r.rate_out)
    m = r.rate_in // divisor
    assert phases == r.rate_out // divisor
    assert taps <= 1008  # TP_FIR_MAX_TAPS
    assert np.abs(rows).sum(axis=1).max() < 4  # or the high sums could overflow
    padded = np.concatenate([np.zeros(taps - 1), x])
    count = -(-len(x) * phases // m)
    ticks = np.arange(count) * m
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps)[ticks // phases]
    y = np.einsum("ij,ij->i", windows, rows[ticks % phases])
    return np.clip(np.floor(y + 0.5), -32768, 32767).astype(np.int16)


def response_db(r: tp.Resampler, tone_hz: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact gain of each tone, and of its strongest image or alias, from the coefficients (all in dB)."""
    rows = r.coefficients
    phases, taps = rows.shape
    # One long prototype at the rate of ticks: h[k·L + p] multiplies the input k samples before the newest. With `points`
    # bins for each rate_in of its spectrum, the images of bin k are k + points, k + 2·points, …
    points = max(4096, taps)
    prototype = rows[:, ::-1].T.reshape(-1)
    spectrum = np.abs(np.fft.fft(prototype, phases * points)).reshape(phases, points) / phases
    spectrum = 20 * np.log10(np.maximum(spectrum, 1e-9))
    bins = np.rint(tone_hz * points / r.rate_in).astype(int)
    return spectrum[0, bins], spectrum[1:, bins].max(axis=0, initial=-180.0)


@pytest.mark.parametrize("quality", QUALITIES)
@pairs
def test_equals_the_filter_written_out(pair: tuple[int, int], quality: str, rng: np.random.Generator) -> None:
    r = tp.Resampler(*pair, quality=quality)
    x = np.clip(rng.laplace(0, 6000, 2500), -32768, 32767).astype(np.int16)
    np.testing.assert_array_equal(r.process(x), reference(r, x))


@pytest.mark.parametrize("quality", QUALITIES)
@pairs
def test_any_cut_gives_the_same_stream(pair: tuple[int, int], quality: str, rng: np.random.Generator) -> None:
    x = rng.integers(-20000, 20000, 6000).astype(np.int16)
    whole, cut = tp.Resampler(*pair, quality=quality), tp.Resampler(*pair, quality=quality)
    expected = np.concatenate([whole.process(x), whole.flush()])
    pieces = [cut.process(p) for p in random_cuts(x, rng)]
    np.testing.assert_array_equal(np.concatenate([*pieces, cut.flush()]), expected)


@settings(max_examples=60, deadline=None)
@given(pair=st.sampled_from(PAIRS), lengths=st.lists(st.integers(0, 900), min_size=1, max_size=30))
def test_counts_are_exact(pair: tuple[int, int], lengths: list[int]) -> None:
    r = tp.Resampler(*pair)
    total_in = total_out = 0
    for n in lengths:
        announced = r.output_samples(n)
        got = len(r.process(np.zeros(n, np.int16)))
        assert got == announced
        total_in, total_out = total_in + n, total_out + got
        assert total_out == -(-total_in * pair[1] // pair[0])  # ceil: within one sample of the ideal, never behind
        if n * pair[1] % pair[0] == 0 and (total_in - n) * pair[1] % pair[0] == 0:
            assert got == n * pair[1] // pair[0]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda p: f"{p[0]}-{p[1]}")
def test_every_pair_carries_a_tone_with_its_stated_delay(pair: tuple[int, int]) -> None:
    """A 1 kHz tone comes out with unity gain, shifted by exactly delay_ms."""
    r = tp.Resampler(*pair)
    n = pair[0] // 5
    x = np.rint(16000 * np.sin(2 * np.pi * 1000 * np.arange(n) / pair[0])).astype(np.int16)
    y = np.concatenate([r.process(x), r.flush()]).astype(float)
    delay_s = r.delay_ms / 1000
    t = np.arange(len(y)) / pair[1] - delay_s
    inside = (t > 0.02) & (t < 0.17)
    ideal = 16000 * np.sin(2 * np.pi * 1000 * t[inside])
    assert np.abs(y[inside] - ideal).max() <= 3.0  # rounding in and out, 0.0003 dB of ripple


@pytest.mark.parametrize("quality", QUALITIES)
@pairs
def test_figures(pair: tuple[int, int], quality: str) -> None:
    """Delay, ripple, image and alias rejection of the contract, computed from the coefficients in use."""
    r = tp.Resampler(*pair, quality=quality)
    low = min(pair)
    most_ms, ripple_db, rejection_db = {
        "low_latency": (1.5, 0.05, 55),
        "voice": (2.5, 0.01, 90),
        "hifi": (10, 0.01, 110),
    }[quality]
    assert r.delay_ms <= most_ms * 8000 / low + 1e-9
    nyquist = low / 2
    band = np.linspace(0.02 * nyquist, 0.85 * nyquist, 60)
    gain, image = response_db(r, band)
    assert np.ptp(gain) <= ripple_db
    assert np.abs(gain).max() <= ripple_db
    if pair[1] > pair[0]:
        assert (gain - image).min() >= rejection_db
    else:
        above = np.linspace(1.15 * nyquist, pair[0] / 2, 200)  # what would fold into the voice band
        folded, _ = response_db(r, above)
        assert folded.max() <= -rejection_db
    if quality == "hifi":
        everywhere = (
            np.linspace(1.005 * nyquist, pair[0] / 2, 200) if pair[0] > pair[1] else np.linspace(0.9, 0.97, 8) * nyquist
        )
        tone, spur = response_db(r, everywhere)
        assert (tone.max() if pair[0] > pair[1] else (spur - tone).max()) <= -rejection_db


def test_hifi_and_voice_reach_the_int16_noise_floor(rng: np.random.Generator) -> None:
    """Multitone through 16 → 8 kHz: what is added is the rounding that an exact conversion would add too."""
    f = np.arange(200, 3200, 75)
    t = np.arange(32000) / 16000
    x = sum(np.cos(2 * np.pi * a * t + p) for a, p in zip(f, rng.uniform(0, 6.28, len(f)), strict=True))
    x = np.rint(x / np.abs(x).max() * 29000).astype(np.int16)
    y = tp.Resampler(16000, 8000).process(x)[8000:16000].astype(float)
    spectrum = np.abs(np.fft.rfft(y)) ** 2
    noise_db = 10 * np.log10(spectrum.sum() / (spectrum.sum() - spectrum[f].sum()) - 1)
    assert noise_db > 83


@pairs
def test_saturates(pair: tuple[int, int]) -> None:
    """A full-scale square wave overshoots (Gibbs); it must clip, not wrap: no jump across zero inside a half period."""
    n = pair[0] // 2
    x = np.where(np.arange(n) * 100 // pair[0] % 2, 32767, -32768).astype(np.int16)
    y = tp.Resampler(*pair).process(x).astype(int)[pair[1] // 10 :]
    assert y.max() == 32767
    assert y.min() == -32768
    crossings = np.count_nonzero(np.diff(np.sign(y[y != 0])))
    assert crossings <= 100 * len(y) / pair[1] + 2


@pytest.mark.parametrize("name", sorted(hostile_signals(1)))
def test_hostile_input(name: str) -> None:
    x = hostile_signals(8000)[name]
    for pair in COMMON:
        r = tp.Resampler(*pair, quality="hifi")
        np.testing.assert_array_equal(r.process(x), reference(r, x))


def test_dc_is_exact() -> None:
    for pair in PAIRS:
        y = tp.Resampler(*pair).process(np.full(4000, 12345, np.int16))
        assert (y[len(y) // 2 :] == 12345).all(), pair


def test_flush_returns_the_tail_and_starts_anew(rng: np.random.Generator) -> None:
    x = rng.integers(-9000, 9000, 480).astype(np.int16)
    for pair in COMMON:
        r = tp.Resampler(*pair)
        body, tail = r.process(x), r.flush()
        assert abs(len(tail) - r.delay_ms * pair[1] / 1000) <= 1
        padded = np.concatenate([x, np.zeros(pair[0] // 50, np.int16)])
        longer = tp.Resampler(*pair).process(padded)
        np.testing.assert_array_equal(np.concatenate([body, tail]), longer[: len(body) + len(tail)])
        np.testing.assert_array_equal(r.process(x), body)  # flush is also a reset
        assert len(tp.Resampler(*pair).flush()) == len(tail) or len(x) * pair[1] % pair[0]


def test_reset_is_new(rng: np.random.Generator) -> None:
    x = rng.integers(-9000, 9000, 1000).astype(np.int16)
    for pair in COMMON:
        r = tp.Resampler(*pair)
        first = r.process(x)
        r.process(x[:77])
        r.reset()
        np.testing.assert_array_equal(r.process(x), first)


def test_equal_rates_copy() -> None:
    x = np.arange(100, dtype=np.int16)
    r = tp.Resampler(16000, 16000)
    np.testing.assert_array_equal(r.process(x), x)
    assert r.delay_ms == 0
    assert r.flush().size == 0
    assert r.coefficients.shape == (0, 0)


def test_out_form(rng: np.random.Generator) -> None:
    x = rng.integers(-9000, 9000, 160).astype(np.int16)
    a, b = tp.Resampler(8000, 16000), tp.Resampler(8000, 16000)
    room = np.zeros(400, np.int16)
    assert a.process(x, out=room) == 320
    np.testing.assert_array_equal(room[:320], b.process(x))
    with pytest.raises(tp.LengthError, match="out holds 319 samples, but 320 are needed; nothing was processed"):
        a.process(x, out=np.zeros(319, np.int16))
    np.testing.assert_array_equal(a.process(x), b.process(x))  # the failed call changed nothing
    assert a.flush(out=room) == 40
    np.testing.assert_array_equal(room[:40], b.flush())


def test_configuration_errors_name_the_field() -> None:
    with pytest.raises(tp.ConfigError, match="rate_in must be 8000, .*got rate_in=8001"):
        tp.Resampler(8001, 16000)
    with pytest.raises(tp.ConfigError, match="rate_out must be"):
        tp.Resampler(8000, 0)
    with pytest.raises(tp.ConfigError, match="quality must be 'low_latency', 'voice' or 'hifi' .got 'best'"):
        tp.Resampler(8000, 16000, quality="best")
    with pytest.raises(tp.ConfigError, match="rate_in must be a whole number .got '8000'"):
        tp.Resampler("8000", 16000)


def test_pickle_and_repr() -> None:
    r = tp.Resampler(24000, 8000, quality="hifi")
    r.process(np.ones(100, np.int16))
    again = pickle.loads(pickle.dumps(r))
    assert repr(again) == repr(r) == "Resampler(24000, 8000, quality='hifi')"
    assert (again.rate_in, again.rate_out, again.quality) == (24000, 8000, "hifi")
    assert not again.process(np.zeros(100, np.int16)).any()  # configuration only
