"""Comfort noise: level, distribution, spectrum, repetition, RFC 3389."""

import pickle

import numpy as np
import pytest
from conftest import hostile_signals, random_cuts
from scipy import signal

import talkpath as tp

SECONDS_60 = 480000


def level_dbov(pcm: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt((pcm.astype(float) ** 2).mean()) / 32768))


def flatness_db(pcm: np.ndarray) -> float:
    """Geometric over arithmetic mean of the spectrum, 100 Hz to 3900 Hz."""
    f, p = signal.welch(pcm.astype(float), 8000, "hann", 256)
    p = p[(f >= 100) & (f <= 3900)]
    return float(10 * np.log10(np.exp(np.log(p).mean()) / p.mean()))


def levinson(x: np.ndarray, order: int, floor: float = 0.0) -> np.ndarray:
    """Reflection coefficients by the textbook, from a biased autocorrelation with a white floor."""
    x = x.astype(float)
    r = np.array([x[: len(x) - k] @ x[k:] for k in range(order + 1)])
    a, error, k = np.array([1.0]), r[0] * (1 + floor), []
    for m in range(1, order + 1):
        k.append(-(a @ r[m:0:-1]) / error)
        a = np.append(a, 0) + k[-1] * np.append(a, 0)[::-1]
        error *= 1 - k[-1] ** 2
    return np.array(k)


@pytest.mark.parametrize("wanted", [-20, -30, -40, -50, -60, -70, -80])
def test_level_distribution_and_spectrum(wanted: int) -> None:
    pcm = tp.ComfortNoise(level_dbov=wanted).generate(SECONDS_60)
    assert level_dbov(pcm) == pytest.approx(wanted, abs=0.1)
    x = pcm.astype(float)
    assert abs(x.mean()) < 0.01 * x.std()
    if wanted >= -70:  # below, int16's own steps shape the distribution
        assert (x**4).mean() / (x**2).mean() ** 2 == pytest.approx(3.0, abs=0.05)
    assert flatness_db(pcm) > -0.01


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_level_does_not_depend_on_the_rate(rate: int) -> None:
    assert level_dbov(tp.ComfortNoise(rate, level_dbov=-50).generate(rate * 20)) == pytest.approx(-50, abs=0.1)


@pytest.mark.parametrize(("divisor", "wanted"), [(400, -56.8), (1400, -67.7), (2800, -73.7), (10000, -84.8)])
def test_divisor(divisor: int, wanted: float) -> None:
    """Levels of 20·log10(18918 / divisor / 32768) dBov."""
    noise = tp.ComfortNoise(divisor=divisor)
    assert noise.level_dbov == pytest.approx(20 * np.log10(18918 / divisor / 32768), abs=0.01)
    assert noise.level_dbov == pytest.approx(wanted, abs=0.06)
    assert level_dbov(noise.generate(80000)) == pytest.approx(wanted, abs=0.2)


def test_audible_after_ulaw_and_right_after_alaw() -> None:
    pcm = tp.ComfortNoise().generate(80000)
    ulaw = tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm))
    frames = np.abs(ulaw.reshape(-1, 160)).max(axis=1)
    assert frames.min() > 0  # never a frame of digital silence
    assert level_dbov(ulaw) == pytest.approx(tp.ComfortNoise().level_dbov, abs=1.0)
    loud = tp.ComfortNoise(level_dbov=-60).generate(80000)
    assert level_dbov(tp.g711.alaw_decode(tp.g711.alaw_encode(loud))) == pytest.approx(-60, abs=0.5)
    quiet = tp.g711.alaw_decode(tp.g711.alaw_encode(pcm))
    assert level_dbov(quiet) == pytest.approx(-72.0, abs=0.6)  # A-law's smallest step is -72.25 dBov


def test_no_repetition_and_seeds_differ() -> None:
    x = tp.ComfortNoise(level_dbov=-30, seed=5).generate(1 << 17).astype(float)
    spectrum = np.abs(np.fft.rfft(x, 1 << 18)) ** 2
    correlation = np.fft.irfft(spectrum)[: 1 << 17] / (x @ x)
    assert np.abs(correlation[1:100000]).max() < 6 / np.sqrt(1 << 17)
    y = tp.ComfortNoise(level_dbov=-30, seed=6).generate(1 << 17).astype(float)
    assert abs(x @ y) / (x @ x) < 6 / np.sqrt(1 << 17)
    again = tp.ComfortNoise(level_dbov=-30, seed=5).generate(1 << 17)
    np.testing.assert_array_equal(again, x)


@pytest.mark.parametrize("pole", [-0.8, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("wanted", [-30.0, -62.0])
def test_sid_round_trip_of_ar1_noise(pole: float, wanted: float, rng: np.random.Generator) -> None:
    x = signal.lfilter([1], [1, -pole], rng.standard_normal(48000))
    x = np.rint(x / x.std() * 32768 * 10 ** (wanted / 20)).astype(np.int16)
    learner, player = tp.ComfortNoise(), tp.ComfortNoise(level_dbov=-40)
    for frame in x.reshape(-1, 160):
        learner.observe(frame)
    sid = learner.encode_sid(order=8)
    assert len(sid) == 9
    player.decode_sid(sid)
    y = player.generate(SECONDS_60)
    assert level_dbov(y) == pytest.approx(wanted, abs=1.0)
    assert levinson(y, 1)[0] == pytest.approx(-pole, abs=0.02)
    assert level_dbov(learner.generate(SECONDS_60)) == pytest.approx(wanted, abs=0.5)


def test_observed_spectrum_is_levinsons(rng: np.random.Generator) -> None:
    b, a = signal.butter(4, [300, 2500], "bandpass", fs=8000)
    x = np.rint(signal.lfilter(b, a, rng.standard_normal(16000)) * 2000).astype(np.int16)
    noise = tp.ComfortNoise()
    noise.observe(x)
    np.testing.assert_allclose(noise.reflection, levinson(x, 10, floor=1e-4), atol=0.005)
    f, p = signal.welch(noise.generate(SECONDS_60).astype(float), 8000, nperseg=256)
    _, q = signal.welch(x.astype(float), 8000, nperseg=256)
    band = (f > 400) & (f < 2300)
    assert np.abs(10 * np.log10(p[band] / q[band])).mean() < 2.0


@pytest.mark.parametrize("code", [20, 64, 100, 127, 154, 190, 234])
def test_rfc_coefficients(code: int) -> None:
    noise = tp.ComfortNoise()
    noise.decode_sid(bytes([30, code]))
    k = 258 * (code - 127) / 32768
    assert noise.reflection[0] == pytest.approx(k, abs=1e-6)
    y = noise.generate(SECONDS_60)
    assert levinson(y, 1)[0] == pytest.approx(k, abs=0.01)
    assert level_dbov(y) == pytest.approx(-30, abs=0.3)
    assert noise.encode_sid(order=1) == bytes([30, code])


def test_packets_at_their_limits() -> None:
    noise = tp.ComfortNoise()
    with pytest.raises(tp.FormatError, match="at least 1 byte"):
        noise.decode_sid(b"")
    noise.decode_sid(bytes([0x80 | 50]))  # the highest bit is not part of the level
    assert noise.level_dbov == pytest.approx(-50)
    noise.decode_sid(bytes([50, 255]))  # reserved, and steeper than the filter goes
    assert noise.reflection[0] == pytest.approx(0.98)
    for codes in ([0] * 10, [254] * 10, [0, 254] * 5):
        noise.reset()
        noise.decode_sid(bytes([40, *codes]))
        assert level_dbov(noise.generate(SECONDS_60)) == pytest.approx(-40, abs=1.5)
    noise.decode_sid(bytes([50] + [127] * 30))  # more coefficients than we use
    assert noise.encode_sid(order=10) == bytes([50] + [127] * 10)
    assert tp.ComfortNoise(level_dbov=-127).encode_sid(order=0) == bytes([127])
    with pytest.raises(tp.ConfigError, match="order must be 0 to 10"):
        noise.encode_sid(order=11)


def test_a_stray_word_hardly_matters(rng: np.random.Generator) -> None:
    noise = tp.ComfortNoise()
    background = np.rint(rng.standard_normal(24000) * 20).astype(np.int16)
    noise.observe(background)
    before = noise.level_dbov
    noise.observe(np.rint(rng.standard_normal(2400) * 6000).astype(np.int16))  # 300 ms, 50 dB louder
    assert noise.level_dbov - before < 2.5
    noise.observe(background)
    assert noise.level_dbov == pytest.approx(before, abs=1.0)


def test_changes_do_not_click() -> None:
    noise = tp.ComfortNoise(level_dbov=-70)
    noise.generate(8000)
    noise.decode_sid(bytes([40]))
    after = np.abs(noise.generate(160).astype(float)).reshape(4, 40).max(axis=1)
    assert after[0] < 0.5 * after[3]  # rises over 20 ms


def test_any_cut_gives_the_same_noise_and_learns_the_same(rng: np.random.Generator) -> None:
    background = rng.integers(-500, 500, 8000).astype(np.int16)
    whole, cut = tp.ComfortNoise(seed=3), tp.ComfortNoise(seed=3)
    whole.observe(background)
    for piece in random_cuts(background, rng):
        cut.observe(piece)
    expected = whole.generate(5000)
    got = np.concatenate([cut.generate(len(p)) for p in random_cuts(np.zeros(5000, np.int16), rng)])
    np.testing.assert_array_equal(got, expected)


def test_reset_is_new(rng: np.random.Generator) -> None:
    noise = tp.ComfortNoise(level_dbov=-50, seed=9)
    first = noise.generate(1000)
    noise.observe(rng.integers(-5000, 5000, 1000).astype(np.int16))
    noise.generate(77)
    noise.reset()
    np.testing.assert_array_equal(noise.generate(1000), first)


@pytest.mark.parametrize("name", sorted(hostile_signals(1)))
def test_hostile_background(name: str) -> None:
    noise = tp.ComfortNoise()
    noise.observe(hostile_signals(16000)[name])
    assert np.isfinite(noise.reflection).all()
    assert (np.abs(noise.reflection) < 1).all()
    heard = level_dbov(hostile_signals(16000)[name]) if hostile_signals(16000)[name].any() else -140.0
    assert noise.level_dbov <= heard + 0.5
    made = noise.generate(16000)
    assert not made.any() or level_dbov(made) < max(heard, -96.0) + 6


def test_out_form_pickle_repr_and_errors() -> None:
    a, b = tp.ComfortNoise(16000, level_dbov=-44.5, seed=2), tp.ComfortNoise(16000, level_dbov=-44.5, seed=2)
    room = np.zeros(500, np.int16)
    assert a.generate(480, out=room) == 480
    np.testing.assert_array_equal(room[:480], b.generate(480))
    assert a.delay_ms == 0
    c = pickle.loads(pickle.dumps(a))
    assert repr(c) == repr(a) == "ComfortNoise(sample_rate=16000, level_dbov=-44.50, seed=2)"
    np.testing.assert_array_equal(c.generate(480), room[:480])
    for arguments, message in [
        ({"sample_rate": 11025}, "sample_rate must be"), ({"divisor": 0}, "divisor must be 1 to 100000 .got 0"),
        ({"level_dbov": 3.0}, "level_dbov must be -127 to 0"), ({"level_dbov": float("nan")}, "level_dbov must be a finite"),
        ({"divisor": 400, "level_dbov": -50.0}, "give one"), ({"seed": -1}, "seed must be"), ({"seed": 2**32}, "seed must be"),
    ]:  # fmt: skip
        with pytest.raises(tp.ConfigError, match=message):
            tp.ComfortNoise(**arguments)
    assert (
        pickle.loads(pickle.dumps(tp.ComfortNoise(8000, 1400, 2**32 - 1))).generate(9).tobytes()
        == tp.ComfortNoise(8000, 1400, 2**32 - 1).generate(9).tobytes()
    )
    with pytest.raises(tp.ConfigError, match="n must not be negative"):
        a.generate(-1)
