"""Outgoing level: towards the target, without DC, without clipping, whatever comes."""

import pickle

import numpy as np
import pytest
from conftest import hostile_signals, random_cuts

import talkpath as tp

RATE = 8000


def voice(seconds, level_dbov, seed=0, rate=RATE):
    """Noise in syllables of 150 ms with pauses; `level_dbov` is that of the syllables."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    gate = np.repeat(rng.random(n // (rate * 150 // 1000) + 1) < 0.7, rate * 150 // 1000)[:n]
    return np.clip(np.rint(32768 * 10 ** (level_dbov / 20) * rng.standard_normal(n) * gate), -32768, 32767).astype(
        np.int16
    )


def active_dbov(x):
    power = (x[: len(x) // 80 * 80].astype(float).reshape(-1, 80) / 32768) ** 2
    power = power.mean(axis=1)
    return 10 * np.log10(power[power > power.max() / 40].mean())


@pytest.mark.parametrize("level_dbov", [-33, -26, -19, -12])
@pytest.mark.parametrize("rate", [8000, 16000])
def test_reaches_the_target_within_a_second(level_dbov, rate):
    normalizer = tp.LevelNormalizer(rate)
    out = normalizer.process(voice(6, level_dbov, rate=rate))
    assert active_dbov(out[rate:]) == pytest.approx(-19, abs=1.2)
    assert normalizer.speech_dbov == pytest.approx(level_dbov, abs=1)
    assert normalizer.gain_db == pytest.approx(-19 - level_dbov, abs=1)


def test_gain_is_bounded_and_pauses_do_not_count():
    normalizer = tp.LevelNormalizer(target_dbov=-15)
    normalizer.process(voice(4, -50))
    assert normalizer.gain_db == pytest.approx(15)
    normalizer = tp.LevelNormalizer()
    normalizer.process(voice(3, -22))
    gain = normalizer.gain_db
    pause = np.rint(np.random.default_rng(1).standard_normal(5 * RATE) * 3).astype(np.int16)
    out = normalizer.process(pause)
    assert normalizer.gain_db == gain
    assert np.abs(out[1000:]).max() < 40


def test_dc_is_removed():
    t = np.arange(RATE)
    pcm = (5000 + 1000 * np.sin(2 * np.pi * 300 * t / RATE)).astype(np.int16)
    out = tp.LevelNormalizer().process(pcm)
    assert abs(out[2000:].mean()) < 20


def test_peaks_stay_below_the_ceiling(hostile):
    out = tp.LevelNormalizer(target_dbov=-10).process(hostile).astype(int)
    assert np.abs(out).max() <= 32768 * 0.8915


def test_transparent_at_the_target():
    """A voice that is at the target already keeps its shape: the gain stays within a fraction of a decibel."""
    pcm = voice(5, -19, seed=3)
    out = tp.LevelNormalizer().process(pcm).astype(float)
    error = out[RATE:] - pcm[RATE:]
    assert 10 * np.log10((error**2).mean() / (pcm[RATE:].astype(float) ** 2).mean()) < -12


def test_any_cut_is_the_same_stream(rng):
    for pcm in [voice(2, -25), *hostile_signals(4000).values()]:
        whole = tp.LevelNormalizer().process(pcm)
        cut = tp.LevelNormalizer()
        np.testing.assert_array_equal(np.concatenate([cut.process(p) for p in random_cuts(pcm, rng)]), whole)


def test_reset_repr_pickle_errors():
    normalizer = tp.LevelNormalizer(16000, -22)
    first = normalizer.process(voice(1, -30))
    normalizer.reset()
    np.testing.assert_array_equal(normalizer.process(voice(1, -30)), first)
    assert repr(pickle.loads(pickle.dumps(normalizer))) == repr(normalizer)
    assert tp.LevelNormalizer().speech_dbov == -127
    assert normalizer.delay_ms == 0
    for wrong in ({"sample_rate": 4000}, {"target_dbov": 0}):
        with pytest.raises(tp.ConfigError, match=next(iter(wrong))):
            tp.LevelNormalizer(**wrong)
    buffer = voice(1, -30)
    assert normalizer.process(buffer, out=buffer) == RATE
