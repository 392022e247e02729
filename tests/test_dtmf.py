"""DTMF detector: a NumPy reference, the limits of ITU-T Q.24, talk-off, stream properties."""

import importlib.util
import pickle
import wave
from pathlib import Path

import numpy as np
import pytest

import talkpath as tp

KEYS = "123A456B789C*0#D"
LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
RATE = 8000
SOUNDS = Path("/usr/share/asterisk/sounds")


# --- signals ----------------------------------------------------------------------------------------------------------


def press(key, rng, ms=50, low_dbm0=-10.0, high_dbm0=-10.0, low_off=0.0, high_off=0.0, cut_ms=0):
    k, n = KEYS.index(key), ms * RATE // 1000
    t = np.arange(n) / RATE
    x = np.zeros(n)
    for hz, level in ((LOW_HZ[k // 4] * (1 + low_off), low_dbm0), (HIGH_HZ[k % 4] * (1 + high_off), high_dbm0)):
        x += 10 ** ((level - 3.17) / 20) * np.sin(2 * np.pi * hz * t + rng.uniform(0, 2 * np.pi))
    if cut_ms:
        at = int(rng.uniform(0.3, 0.6) * n)
        x[at : at + cut_ms * RATE // 1000] = 0
    return x


def presses(keys, rng, gap_ms=50, snr_db=None, floor_dbov=-70, background=None, **kw):
    parts = [np.zeros(1600)]
    for key in keys:
        parts += [press(key, rng, **kw), np.zeros(int((gap_ms + rng.uniform(0, 12)) * 8))]
    x = np.concatenate([*parts, np.zeros(2400)])
    if background is not None:
        x = x + background(np.arange(len(x)) / RATE)
    power = 10 ** ((kw.get("low_dbm0", -10) - 3.17) / 10) if snr_db is not None else 0
    noise = np.sqrt(power * 10 ** (-snr_db / 10)) if snr_db is not None else 10 ** (floor_dbov / 20)
    return ulaw(x + noise * rng.standard_normal(len(x)))


def to_int16(x):
    return np.clip(np.round(np.asarray(x) * 32768), -32768, 32767).astype(np.int16)


def ulaw(x):
    return tp.g711.ulaw_decode(tp.g711.ulaw_encode(to_int16(x)))


def keys_of(pcm, rate=RATE):
    return "".join(d.digit for d in tp.DtmfDetector(rate).process(pcm))


# --- reference: the same measures, slow, in double precision, over the whole signal -----------------------------------


def generated_tables():
    path = Path(__file__).parents[1] / "csrc" / "detect" / "gen_dtmf.py"
    spec = importlib.util.spec_from_file_location("gen_dtmf", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reference(pcm):
    """[(digit, tick)] without release and re-arm: the first tick of every run of ticks that show one key."""
    gen = generated_tables()
    x = np.concatenate([np.zeros(gen.TAPS), pcm / 32768.0])
    hops = (len(x) - gen.TAPS) // 8
    z = np.empty((2, hops), complex)
    for b, (_, centre, half_width, stop) in enumerate(gen.BANDS):
        even, odd = gen.band(centre, half_width, stop)
        taps = np.concatenate([even[::-1], even]) - 1j * np.concatenate([-odd[::-1], odd])
        for h in range(hops):
            z[b, h] = taps @ x[8 + 8 * h : 88 + 8 * h]
    step = np.diff(np.concatenate([[0], x]))[1:] ** 2
    total = np.array([step[79 + 8 * (h - 5) : 79 + 8 * (h - 5) + 8].sum() if h >= 5 else 0 for h in range(hops)])
    found, last = [], None
    for tick in range(16, hops // 2 + 1):
        w = z[:, 2 * tick - 32 : 2 * tick]
        before = z[:, 2 * tick - 33 : 2 * tick - 1] if tick > 16 else np.c_[np.zeros(2), w[:, :-1]]
        power = np.abs(w) ** 2
        by_tick = power.reshape(2, 16, 2).sum(2)
        correlation = (w * before.conj()).sum(1)
        hz = np.angle(correlation) / (2 * np.pi) * 1000 % 1000
        hz = np.where(hz < (322, 926), hz + 1000, hz)
        low, high = power.sum(1)
        row = [i for i in range(4) if abs(hz[0] / LOW_HZ[i] - 1) < 0.0245]
        column = [i for i in range(4) if abs(hz[1] / HIGH_HZ[i] - 1) < 0.0245]
        key = None
        if (
            row
            and column
            and (by_tick >= 0.5 * 1.52e-5 * 2).all()
            and (by_tick.min(1) >= 0.2 * by_tick.max(1)).all()
            and -10.5 <= 10 * np.log10(high / low) <= 6.5
            and (np.abs(correlation) >= 0.88 * power.sum(1)).all()
            and np.abs(hz[1] / hz[0] - np.array([2, 1.5])).min() > 0.012
            and 16 * (power.sum(1) * (2 - 2 * np.cos(2 * np.pi * hz / RATE))).sum()
            >= 0.7 * total[2 * tick - 32 : 2 * tick].sum()
        ):
            turn = np.exp(-2j * np.pi * hz[:, None] * np.arange(32) / 1000)
            misfit = 1 - np.abs((w * turn).sum(1)) ** 2 / (32 * power.sum(1))
            if misfit.sum() <= 0.15:
                key = KEYS[4 * row[0] + column[0]]
        if key and key != last:
            found.append((key, tick))
        last = key if key or not found else (last if tick - found[-1][1] < 3 else None)
    return found


def test_reference():
    rng = np.random.default_rng(1)
    pcm = np.concatenate([presses("159D", rng, snr_db=15), presses("7*0B", rng, low_dbm0=-12.0, high_dbm0=-16.0)])
    got = tp.DtmfDetector().process(pcm)
    want = reference(pcm)
    assert "".join(d.digit for d in got) == "".join(k for k, _ in want) == "159D7*0B"
    for digit, (_, tick) in zip(got, want, strict=True):
        assert abs(digit.start_ms - (2 * (tick - 16) - 5)) <= 6  # the reference does not look further back
    levels = [d.level_dbov for d in got]
    assert np.allclose(levels[:4], 20 * np.log10(10 ** (-13.17 / 20)), atol=0.5)
    assert np.allclose(levels[4:], 10 * np.log10((10**-1.517 + 10**-1.917) / 2), atol=0.3)


# --- limits (ITU-T Q.24, Telcordia GR-506), all through µ-law -----------------------------------------------------------

DEVIATIONS = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1), (1, -1), (-1, 1)]


@pytest.mark.parametrize(("low", "high"), DEVIATIONS)
def test_frequency(low, high):
    rng = np.random.default_rng(2)
    assert keys_of(presses(KEYS * 2, rng, low_off=0.015 * low, high_off=0.015 * high)) == KEYS * 2
    assert keys_of(presses(KEYS * 2, rng, low_off=0.035 * low, high_off=0.035 * high)) == ""


@pytest.mark.parametrize(("low", "high"), [(-8, -16), (-12, -8), (-8, -8)])
def test_twist(low, high):
    assert keys_of(presses(KEYS * 2, np.random.default_rng(3), low_dbm0=low, high_dbm0=high)) == KEYS * 2


@pytest.mark.parametrize(("low", "high"), [(-8, -22), (-18, -8)])
def test_extreme_twist_is_no_key(low, high):
    assert keys_of(presses(KEYS, np.random.default_rng(3), low_dbm0=low, high_dbm0=high)) == ""


def test_duration_and_pause():
    rng = np.random.default_rng(4)
    assert keys_of(presses(KEYS * 4, rng, ms=40, gap_ms=40)) == KEYS * 4
    assert keys_of(presses(KEYS * 4, rng, ms=23, gap_ms=60)) == ""
    assert keys_of(presses("5" * 20 + "D" * 20, rng, gap_ms=40)) == "5" * 20 + "D" * 20


@pytest.mark.parametrize("cut_ms", [5, 10])
def test_drop_out_does_not_split(cut_ms):
    assert keys_of(presses(KEYS * 2, np.random.default_rng(5), ms=120, gap_ms=60, cut_ms=cut_ms)) == KEYS * 2


@pytest.mark.parametrize("dbm0", [-36, -30, -20, -10, -3, 0])
def test_level(dbm0):
    assert keys_of(presses(KEYS, np.random.default_rng(6), low_dbm0=dbm0, high_dbm0=dbm0, floor_dbov=-80)) == KEYS


@pytest.mark.parametrize("snr_db", [24, 15, 12])
def test_noise(snr_db):
    keys = KEYS * 5
    assert keys_of(presses(keys, np.random.default_rng(7), snr_db=snr_db)) == keys


@pytest.mark.parametrize("tones", [(350, 440), (425,)])
def test_dial_tone_underneath(tones):
    def dial(t):
        return sum(10 ** (-18.17 / 20) * np.sin(2 * np.pi * hz * t) for hz in tones)

    assert (
        keys_of(presses(KEYS * 2, np.random.default_rng(8), low_dbm0=-15, high_dbm0=-15, background=dial)) == KEYS * 2
    )


def test_other_tones_are_no_keys():
    t = np.arange(4 * RATE) / RATE
    for tones in [
        (697,),
        (1336,),
        (697, 1800),
        (440, 480),
        (480, 620),
        (697, 770),
        (1209, 1633),
        (660, 1320),
        (900, 1350),
    ]:
        x = sum(0.2 * np.sin(2 * np.pi * hz * t) for hz in tones)
        assert keys_of(to_int16(x)) == "", tones
    chord = sum(0.1 * np.sin(2 * np.pi * hz * t) for hz in (697, 1209, 2100, 2900))
    assert keys_of(to_int16(chord)) == ""


# --- talk-off ---------------------------------------------------------------------------------------------------------


def read(path):
    with wave.open(str(path)) as w:
        return np.frombuffer(w.readframes(w.getnframes()), np.int16)


@pytest.mark.slow
@pytest.mark.skipif(not SOUNDS.is_dir(), reason="no Asterisk prompts on this machine")
@pytest.mark.parametrize("gain", [0.4, 1.0])
def test_talk_off_prompts(gain):
    found = []
    for path in sorted(SOUNDS.rglob("*.wav")):
        pcm = read(path)
        if gain != 1.0:
            pcm = (pcm * gain).astype(np.int16)
        found += [(path.name, d) for d in tp.DtmfDetector().process(tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm)))]
    assert found == []


def test_talk_off_synthetic_voice():
    """Glottal pulses through moving formants: 60 s with many pairs of harmonics near DTMF pairs."""
    rng = np.random.default_rng(9)
    t = np.arange(60 * RATE) / RATE
    pitch = 160 * 2 ** (0.8 * np.sin(2 * np.pi * 0.31 * t) + 0.02 * np.sin(2 * np.pi * 5 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    x = np.zeros(len(t))
    first, second = 600 + 300 * np.sin(2 * np.pi * 0.7 * t), 1400 + 500 * np.sin(2 * np.pi * 0.45 * t + 1)
    for k in range(1, 20):
        hz = k * pitch
        gain = 1 / np.hypot(1, (hz - first) / 40) + 0.7 / np.hypot(1, (hz - second) / 50)  # resonances
        x += np.where(hz < 3600, gain, 0) * np.sin(k * phase)
    x = 0.2 * x / np.abs(x).max() + 1e-4 * rng.standard_normal(len(t))
    assert keys_of(ulaw(x)) == ""


# --- stream properties ------------------------------------------------------------------------------------------------


def mixture(rate):
    rng = np.random.default_rng(10)
    parts = [
        tp.dtmf.generate("12#D", rate, tone_ms=60, gap_ms=45),
        to_int16(0.05 * rng.standard_normal(rate)),
        tp.dtmf.generate("99A", rate, tone_ms=45, gap_ms=50, twist_db=3, level_dbov=-20),
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("cuts", ["ones", "frames", "random"])
def test_chunks_do_not_matter(rate, cuts):
    pcm = mixture(rate)
    whole = tp.DtmfDetector(rate)
    want = whole.process(pcm)
    assert "".join(d.digit for d in want) == "12#D99A"
    rng = np.random.default_rng(11)
    detector, got, at = tp.DtmfDetector(rate), [], 0
    while at < len(pcm):
        n = {"ones": 1, "frames": rate // 50, "random": int(rng.integers(0, 3000))}[cuts]
        got += detector.process(pcm[at : at + n])
        at += n
    assert got == want
    assert detector.sounding == whole.sounding


@pytest.mark.parametrize("rate", [8000, 16000])
def test_times_levels_and_delay(rate):
    gap = to_int16(np.zeros(rate // 10))
    detector = tp.DtmfDetector(rate)
    pcm = np.concatenate([gap, tp.dtmf.generate("4", rate, tone_ms=100, gap_ms=100, level_dbov=-17)])
    assert detector.sounding is None
    reported, seen = [], set()
    for at in range(0, len(pcm), rate // 1000):
        for digit in detector.process(pcm[at : at + rate // 1000]):
            reported.append((at * 1000 / rate + 1, digit))
        seen.add((at * 1000 // rate, detector.sounding))
    [(when_ms, digit)] = reported
    assert digit.digit == "4"
    assert abs(digit.start_ms - 100) <= 3
    assert abs(digit.level_dbov + 17) < 0.3
    assert 0 <= when_ms - 100 - detector.delay_ms <= 5
    assert {s for ms, s in seen if 145 <= ms < 200} == {"4"}
    assert {s for ms, s in seen if ms < 130 or ms > 240} == {None}


def test_16k_ignores_what_8k_cannot_hold():
    t = np.arange(16000) / 16000
    pcm = tp.dtmf.generate("1234567890", 16000, tone_ms=50, gap_ms=50)
    hiss = to_int16(0.3 * np.sin(2 * np.pi * 6500 * t))
    assert keys_of(np.clip(pcm.astype(int) + hiss, -32768, 32767).astype(np.int16), 16000) == "1234567890"


@pytest.mark.parametrize("rate", [8000, 16000])
def test_reset_is_new(rate):
    pcm = mixture(rate)
    detector = tp.DtmfDetector(rate)
    for stop in (0, 777, len(pcm) // 2, len(pcm)):
        detector.process(pcm[:stop])
        detector.reset()
        assert detector.sounding is None
        assert detector.process(pcm) == tp.DtmfDetector(rate).process(pcm)
        detector.reset()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_hostile_audio(rate):
    rng = np.random.default_rng(12)
    n = rate
    alternating = np.where(np.arange(n) % 2, 32767, -32768).astype(np.int16)
    for x in [
        np.zeros(n, np.int16),
        np.full(n, 32767, np.int16),
        np.full(n, -32768, np.int16),
        alternating,
        np.repeat(alternating[: n // 4], 4),
        rng.integers(-32768, 32768, n).astype(np.int16),
        np.ones(n, np.int16),
        (np.arange(n) % 7 == 0).astype(np.int16),
    ]:
        detector = tp.DtmfDetector(rate)
        assert detector.process(x) == []
        after = detector.process(np.concatenate([np.zeros(rate // 10, np.int16), tp.dtmf.generate("5", rate)]))
        assert [d.digit for d in after] == ["5"]


def test_bad_buffers_change_nothing():
    detector, pcm = tp.DtmfDetector(), tp.dtmf.generate("7")
    detector.process(pcm[:200])
    with pytest.raises(tp.LengthError):
        detector.process(b"abc")
    with pytest.raises(tp.FormatError):
        detector.process(np.zeros(160, np.float32))
    with pytest.raises(TypeError):
        detector.process(None)
    assert [d.digit for d in detector.process(pcm[200:])] == ["7"]
    assert [d.digit for d in tp.DtmfDetector().process(pcm.tobytes())] == ["7"]


def test_configuration():
    with pytest.raises(tp.ConfigError, match=r"sample_rate must be 8000 or 16000 \(got 11025\)"):
        tp.DtmfDetector(11025)
    detector = tp.DtmfDetector(sample_rate=16000)
    assert repr(detector) == "DtmfDetector(sample_rate=16000)"
    assert repr(pickle.loads(pickle.dumps(detector))) == repr(detector)
