"""Echo delay: found, followed, not invented; against SciPy's correlation; properties of a stream."""

import pickle

import numpy as np
import pytest
from conftest import hostile_signals, random_cuts
from echo_scene import echo_of, noise, to_int16, ulaw, voice
from scipy.signal import correlate

import talkpath as tp


def line(seconds, delay_ms, rate=8000, seed=1, loss_db=12.0):
    far = ulaw(to_int16(voice(seconds, rate, seed)))
    return ulaw(to_int16(echo_of(far, delay_ms, loss_db, rate, seed) + noise(len(far)))), far


def feed(d, near, far, step=160):
    """Estimates after every step."""
    return [d.process(near[i : i + step], far[i : i + step]) for i in range(0, len(near), step)]


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("delay_ms", [4, 45, 181, 333, 590])
def test_finds_the_delay_within_a_second(delay_ms, rate):
    near, far = line(2, delay_ms, rate, seed=delay_ms)
    found = feed(tp.DelayEstimator(rate), near, far, rate // 50)
    first = next(i for i, f in enumerate(found) if f is not None and abs(f - delay_ms) < 3)
    assert first * 20 < delay_ms + 1000
    assert all(f is not None and abs(f - delay_ms) < 3 for f in found[first + 25 :])


def test_agrees_with_plain_correlation():
    near, far = line(4, 217, seed=7)
    d = tp.DelayEstimator()
    feed(d, near, far)
    white = [np.diff(x.astype(float)) for x in (near, far)]
    plain = np.argmax(correlate(*white, method="fft")[len(far) - 2 :]) / 8
    assert d.estimate.delay_ms == pytest.approx(plain, abs=2)
    assert d.estimate.confidence > 0.9
    assert d.estimate.score > 8


def test_invents_none():
    far = ulaw(to_int16(voice(8, seed=3)))
    near = to_int16(voice(8, seed=4) + noise(64000))
    d = tp.DelayEstimator()
    found = feed(d, near, far)
    assert sum(f is not None for f in found) < 0.1 * len(found)
    assert d.estimate.confidence < 0.3


def test_follows_a_jump_within_a_second():
    far = ulaw(to_int16(voice(7, seed=5)))
    echo = np.concatenate([echo_of(far, 120)[:32000], echo_of(far, 215)[32000:]])
    found = feed(tp.DelayEstimator(), to_int16(echo + noise(len(far))), far)
    assert found[199] == pytest.approx(120, abs=3)
    assert found[200 + 50] == pytest.approx(215, abs=3)


def test_long_lines():
    near, far = line(4, 930, seed=11)
    d = tp.DelayEstimator(max_delay_ms=1000)
    feed(d, near, far)
    assert d.estimate.delay_ms == pytest.approx(930, abs=3)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_any_cut_gives_the_same(rate, rng):
    near, far = line(2, 100, rate)
    whole, parts, at = tp.DelayEstimator(rate), tp.DelayEstimator(rate), 0
    for piece in random_cuts(near, rng):
        parts.process(piece, far[at : at + len(piece)])
        at += len(piece)
        if at > rate and whole.estimate.score == 0:
            break
    whole.process(near[:at], far[:at])
    assert whole.estimate == parts.estimate


def test_reset_is_new():
    near, far = line(2, 100)
    used = tp.DelayEstimator()
    feed(used, near[::-1].copy(), far)
    used.reset()
    assert feed(used, near, far) == feed(tp.DelayEstimator(), near, far)


def test_hostile_audio():
    for near in hostile_signals(8000).values():
        for far in hostile_signals(8000).values():
            d = tp.DelayEstimator()
            feed(d, near, far, 800)
            assert np.isfinite([d.estimate.confidence, d.estimate.score]).all()


def test_object():
    d = tp.DelayEstimator(16000, max_delay_ms=800)
    assert repr(pickle.loads(pickle.dumps(d))) == repr(d) == "DelayEstimator(sample_rate=16000, max_delay_ms=800)"
    assert d.delay_ms == 0
    assert d.estimate == (None, 0.0, 0.0)
    assert d.process(b"", b"") is None
    for bad in ({"sample_rate": 11025}, {"max_delay_ms": 50}, {"max_delay_ms": 1001}, {"max_delay_ms": "x"}):
        with pytest.raises(tp.ConfigError, match=next(iter(bad))):
            tp.DelayEstimator(**bad)
    with pytest.raises(tp.LengthError, match="near holds 160 samples, far 80"):
        d.process(bytes(320), bytes(160))
    with pytest.raises(tp.FormatError):
        d.process(bytes(320), None)
