"""The barge-in gate: the agent's echo never interrupts it, the caller does; properties of a stream."""

import pickle

import numpy as np
import pytest
from conftest import hostile_signals, random_cuts
from echo_scene import at, echo_of, noise, to_int16, ulaw, voice

import talkpath as tp

ONSETS_S = (3.0, 6.5)


def scene(delay_ms=180, loss_db=10.0, rate=8000, seed=1, talk=True, echo=True, level_db=-20.0):
    """Agent from 0.4 to 9.5 s, caller at ONSETS_S for 1.2 s; 10 s."""
    n = 10 * rate
    far = ulaw(to_int16(at(voice(9.1, rate, seed), 0.4, n, rate)))
    near = noise(n, seed=seed)
    if echo:
        near = near + echo_of(far, delay_ms, loss_db, rate, seed)
    if talk:
        for k, onset in enumerate(ONSETS_S):
            near = near + at(voice(1.2, rate, 100 + 7 * seed + k, level_db), onset, n, rate)
    return ulaw(to_int16(near)), far


def run(gate, near, far, step=None):
    """The result of every 20 ms."""
    step = step or gate.sample_rate // 50
    return [gate.process(near[i : i + step], far[i : i + step]) for i in range(0, len(near), step)]


def starts(results):
    """Times at which barge_in becomes true."""
    held = np.array([False] + [r.barge_in for r in results])
    return (np.flatnonzero(held[1:] & ~held[:-1]) + 1) * 0.02


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("delay_ms", [70, 320])
def test_echo_never_interrupts(delay_ms, seed, rate):
    near, far = scene(delay_ms, rate=rate, seed=seed, talk=False)
    gate = tp.BargeInGate(rate, min_speech_ms=100)
    assert len(starts(run(gate, near, far))) == 0
    assert gate.diagnostics.echo.echo_likelihood > 0.9


@pytest.mark.parametrize("seed", [4, 8, 11])
@pytest.mark.parametrize("delay_ms", [150, 400])
def test_nor_do_first_words_through_a_small_loudspeaker(delay_ms, seed):
    n, rate = 24000, 8000
    far = ulaw(to_int16(at(voice(2.5, rate, seed), 0.4, n, rate)))
    echo = echo_of(far, delay_ms, 0.0, rate, seed)
    x = np.tanh(3 * echo / np.percentile(np.abs(echo), 99.9))
    x += 0.25 * (x**2 - np.mean(x**2))
    x *= np.sqrt(np.mean(echo**2) / np.mean(x**2))
    near = ulaw(to_int16(noise(n, seed=seed) + x))
    assert len(starts(run(tp.BargeInGate(min_speech_ms=100), near, far))) == 0


@pytest.mark.parametrize(("min_speech_ms", "within_s"), [(100, 0.45), (300, 0.65), (500, 1.0)])
@pytest.mark.parametrize("echo", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_caller_does(seed, echo, min_speech_ms, within_s):
    near, far = scene(seed=seed, echo=echo)
    fired = starts(run(tp.BargeInGate(min_speech_ms=min_speech_ms), near, far))
    for onset in ONSETS_S:
        first = [t for t in fired if onset < t < onset + 1.5]
        assert first, (onset, fired)
        assert onset + 0.8 * min_speech_ms / 1000 - 0.06 < first[0] < onset + within_s, (onset, fired)
    assert all(any(onset < t < onset + 1.8 for onset in ONSETS_S) for t in fired)


def test_speech_shorter_than_asked_for_does_not():
    n = 48000
    far = ulaw(to_int16(at(voice(5, seed=5), 0.4, n)))
    near = to_int16(
        noise(n) + at(voice(0.25, seed=6, level_db=-18), 2, n) + at(voice(0.25, seed=8, level_db=-18), 4, n)
    )
    assert len(starts(run(tp.BargeInGate(min_speech_ms=600), near, far))) == 0


def test_probabilities_and_onset():
    results, late_ms = [], []
    for seed in range(1, 9):
        near, far = scene(seed=seed)
        gate, onsets = tp.BargeInGate(min_speech_ms=100), []
        for i in range(0, len(near), 160):
            result = gate.process(near[i : i + 160], far[i : i + 160])
            results.append((result.speech_probability, result.echo_probability, result.near_end_active))
            if result.barge_in:
                onsets.append(gate.diagnostics.onset_ms)
        late_ms += [min(abs(o - 1000 * onset) for o in onsets) for onset in ONSETS_S]
    speech, echo, active = np.array(results).reshape(8, -1, 3).transpose(2, 0, 1)
    alone, both = slice(80, 140), slice(155, 205)
    assert speech[:, both].mean() > 0.7
    assert speech[:, alone].mean() < 0.1
    assert echo[:, alone].mean() > 0.4
    assert echo[:, both].mean() < 0.4
    assert active[:, both].any(axis=1).all()
    assert not active[:, alone].any()
    assert np.median(late_ms) <= 30
    assert np.mean(np.array(late_ms) < 120) > 0.8  # a first syllable that is faint is not always counted


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_who_speaks_as_the_call_begins_is_heard(seed, rate):
    """Nothing but speech was heard of the line, neither its noise nor an echo: as well as by the voice detector alone."""
    n, frame = 2 * rate, rate // 50
    near = ulaw(to_int16(noise(n, seed=seed) + at(voice(1.2, rate, 40 + seed), 0.0, n, rate)))
    found = run(tp.BargeInGate(rate, min_speech_ms=100), near, np.zeros(n, np.int16))
    vad = tp.VoiceActivityDetector(rate)
    alone = np.array([np.max(vad.process(near[i : i + frame])) for i in range(0, n, frame)]) > 0.5
    heard = np.array([r.speech_probability for r in found]) > 0.5
    assert np.mean(heard[1:60]) >= np.mean(alone[:59]) - 0.1
    assert any(r.near_end_active for r in found[:60])
    assert not any(r.near_end_active for r in found[-10:])


@pytest.mark.parametrize("seed", [2, 3, 4, 5, 6])
def test_who_stands_behind_the_caller_does_not_interrupt(seed):
    """22 dB below somebody who has been heard: not the caller. 8 dB below it may be; where nobody was heard, it is."""

    def heard(caller_db: float, later_db: float) -> bool:
        gate, n = tp.BargeInGate(min_speech_ms=100), 7 * 8000
        near = noise(n, seed=seed) + at(voice(1.2, seed=100 + seed, level_db=later_db), 5.0, n)
        near += at(voice(1.2, seed=200 + seed, level_db=caller_db), 2.0, n)
        far = ulaw(to_int16(at(voice(6, seed=seed), 0.4, n)))
        fired = starts(run(gate, ulaw(to_int16(near)), far))
        known = gate.diagnostics.caller_dbov
        assert (known is not None) == bool(len(fired))
        assert known is None or max(caller_db, later_db) - 6 < known < max(caller_db, later_db) + 15
        return any(t > 5 for t in fired)

    assert not heard(caller_db=-16, later_db=-38)
    assert heard(caller_db=-16, later_db=-24)
    assert heard(caller_db=-120, later_db=-38)


def test_level_is_in_dbov():
    gate = tp.BargeInGate()
    run(gate, to_int16(noise(16000, level_db=-30)), np.zeros(16000, np.int16))
    assert abs(gate.diagnostics.level_dbov + 30) < 3
    assert gate.diagnostics.caller_dbov is None


def test_min_speech_may_change_at_any_time():
    near, far = scene(seed=3)
    gate = tp.BargeInGate(min_speech_ms=2000)
    first = run(gate, near[:40000], far[:40000])
    assert len(starts(first)) == 0
    gate.min_speech_ms = 200
    assert gate.min_speech_ms == 200
    assert len(starts(run(gate, near[40000:], far[40000:]))) >= 1
    with pytest.raises(tp.ConfigError, match="min_speech_ms"):
        gate.min_speech_ms = 5
    assert gate.min_speech_ms == 200


def test_warm_up_asks_for_more_but_blocks_nothing():
    n = 40000
    far = ulaw(to_int16(at(voice(4.5, seed=4), 0.3, n)))
    near = ulaw(to_int16(echo_of(far, 90, 12) + noise(n) + at(voice(1.5, seed=9, level_db=-14), 1.0, n)))
    plain = starts(run(tp.BargeInGate(min_speech_ms=100), near, far))
    warm = starts(run(tp.BargeInGate(min_speech_ms=100, warm_up_ms=3000), near, far))
    assert len(plain)
    assert len(warm)
    assert plain[0] <= warm[0] < 1.0 + 0.8


@pytest.mark.parametrize("rate", [8000, 16000])
def test_any_cut_gives_the_same(rate, rng):
    near, far = (x[2 * rate : 5 * rate] for x in scene(60, rate=rate))
    whole = tp.BargeInGate(rate, min_speech_ms=100).process(near, far)
    gate, pcm, held, k = tp.BargeInGate(rate, min_speech_ms=100), [], False, 0
    for piece in random_cuts(near, rng, 1500):
        r = gate.process(piece, far[k : k + len(piece)])
        k += len(piece)
        pcm.append(r.pcm)
        held |= r.barge_in
    np.testing.assert_array_equal(np.concatenate(pcm), whole.pcm)
    assert held == whole.barge_in is True
    assert r[1:4] == whole[1:4]


def test_decisions_fall_every_10_ms_whatever_the_frame():
    near, far = scene(seed=2)
    times = []
    for ms in (10, 20, 30, 60):
        gate = tp.BargeInGate(min_speech_ms=100)
        results = run(gate, near[:32000], far[:32000], 8 * ms)
        times.append(next(i for i, r in enumerate(results) if r.barge_in) * ms)
    assert max(times) - min(times) <= 60


def test_pcm_is_the_cancellers():
    near, far = (x[:32000] for x in scene())
    pcm = np.concatenate([r.pcm for r in run(tp.BargeInGate(), near, far)])
    np.testing.assert_array_equal(pcm, tp.EchoCanceller().process(near, far))
    out = np.zeros(32000, np.int16)
    assert tp.BargeInGate().process(near, far, out=out).pcm == 32000
    np.testing.assert_array_equal(out, pcm)


def test_reset_is_new():
    near, far = (x[:24000] for x in scene())
    used = tp.BargeInGate()
    run(used, far, near)
    used.reset()
    for a, b in zip(run(used, near, far), run(tp.BargeInGate(), near, far), strict=True):
        np.testing.assert_array_equal(a.pcm, b.pcm)
        assert a[1:] == b[1:]


@pytest.mark.parametrize("name", ["clicks", "hiss", "hum", "ring"])
def test_noises_do_not_interrupt(name, rng):
    n = 64000
    far = ulaw(to_int16(at(voice(7.5, seed=6), 0.3, n)))
    t = np.arange(n) / 8000
    sounds = {
        "clicks": np.where(rng.random(n) < 1 / 4000, 0.5, 0) * rng.choice([-1, 1], n),
        "ring": 0.05 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)) * (t % 3 < 1),
        "hiss": noise(n, -32),
        "hum": 0.03 * sum(np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 9)),
    }
    near = ulaw(to_int16(echo_of(far, 150, 12) + noise(n) + sounds[name]))
    assert len(starts(run(tp.BargeInGate(min_speech_ms=300), near, far))) == 0


def test_hostile_audio():
    signals = hostile_signals(4000)
    for far in signals.values():
        gate = tp.BargeInGate()
        for near in signals.values():
            r = gate.process(near, far)
            assert 0 <= r.speech_probability <= 1
            assert 0 <= r.echo_probability <= 1
            assert np.isfinite(gate.diagnostics.evidence)


def test_lost_frames():
    near, far = scene(seed=2)
    gate, results = tp.BargeInGate(min_speech_ms=100), []
    for i in range(0, len(near), 160):
        k = i // 160
        a, b = near[i : i + 160], far[i : i + 160]
        results.append(gate.lost(160) if k % 60 == 59 else gate.process(a, b) if k % 47 else gate.process(None, b))
    assert all(len(r.pcm) == 160 for r in results)
    fired = starts(results)
    assert all(any(onset < t < onset + 0.6 for t in fired) for onset in ONSETS_S)


def test_object():
    gate = tp.BargeInGate(16000, 200, warm_up_ms=500)
    again = pickle.loads(pickle.dumps(gate))
    text = "BargeInGate(sample_rate=16000, min_speech_ms=200, warm_up_ms=500, tail_ms=128, max_delay_ms=600)"
    assert repr(again) == repr(gate) == text
    assert gate.delay_ms == 10
    assert gate.diagnostics.onset_ms is None
    assert gate.diagnostics.evidence == 0
    for bad in (
        {"min_speech_ms": 19},
        {"min_speech_ms": 2001},
        {"warm_up_ms": -1},
        {"warm_up_ms": 5001},
        {"tail_ms": 500},
    ):
        with pytest.raises(tp.ConfigError, match=next(iter(bad))):
            tp.BargeInGate(**bad)
    with pytest.raises(tp.LengthError):
        gate.process(bytes(4), bytes(2))
    with pytest.raises(tp.FormatError):
        gate.process(None, None)
