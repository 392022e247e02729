"""Call progress: every tone of every plan by name, what is none, a NumPy reference of the line analysis, stream properties."""

import pickle
import re
import wave
from pathlib import Path

import numpy as np
import pytest

import talkpath as tp

RATE = 8000
ROOT = Path(__file__).resolve().parent.parent
SOUNDS = Path("/usr/share/asterisk/sounds")

# name: (tone, plan), one period of the cadence as (Hz, on s, off s) …
PLANS = {
    "dial NA": (("dial", "north_america"), [((350, 440), 6.0, 0.5)]),
    "dial Europe": (("dial", "europe"), [((425,), 6.0, 0.5)]),
    "dial UK": (("dial", "uk"), [((350, 450), 6.0, 0.5)]),
    "dial France": (("dial", "france"), [((440,), 6.0, 0.5)]),
    "dial Japan": (("dial", "japan"), [((400,), 6.0, 0.5)]),
    "dial Australia": (("dial", "australia"), [((400, 425, 450), 6.0, 0.5)]),
    "ringback NA": (("ringback", "north_america"), [((440, 480), 2.0, 4.0)]),
    "ringback UK": (("ringback", "uk"), [((400, 450), 0.4, 0.2), ((400, 450), 0.4, 2.0)]),
    "ringback Europe": (("ringback", "europe"), [((425,), 1.0, 4.0)]),
    "ringback Sweden": (("ringback", "europe"), [((425,), 1.0, 5.0)]),
    "ringback Spain": (("ringback", "europe"), [((425,), 1.5, 3.0)]),
    "ringback France": (("ringback", "france"), [((440,), 1.5, 3.5)]),
    "ringback Japan": (("ringback", "japan"), [((400, 420), 1.0, 2.0)]),
    "ringback Australia": (("ringback", "australia"), [((400, 425, 450), 0.4, 0.2), ((400, 425, 450), 0.4, 2.0)]),
    "busy NA": (("busy", "north_america"), [((480, 620), 0.5, 0.5)]),
    "busy UK": (("busy", "uk"), [((400,), 0.375, 0.375)]),
    "busy Europe": (("busy", "europe"), [((425,), 0.5, 0.5)]),
    "busy France": (("busy", "france"), [((440,), 0.5, 0.5)]),
    "busy Japan": (("busy", "japan"), [((400,), 0.5, 0.5)]),
    "reorder NA": (("reorder", "north_america"), [((480, 620), 0.25, 0.25)]),
    "reorder Europe": (("reorder", "europe"), [((425,), 0.25, 0.25)]),
    "congestion UK": (("reorder", "uk"), [((400,), 0.4, 0.35), ((400,), 0.225, 0.525)]),
    "call waiting NA": (("call_waiting", "north_america"), [((440,), 0.3, 9.7)]),
    "howler NA": (("howler", "north_america"), [((1400, 2060, 2450, 2600), 0.1, 0.1)]),
    "SIT intercept": (
        ("sit", "north_america"),
        [((913.8,), 0.274, 0.0), ((1370.6,), 0.274, 0.0), ((1776.7,), 0.38, 2.0)],
    ),
    "SIT no circuit": (
        ("sit", "north_america"),
        [((985.2,), 0.38, 0.0), ((1428.5,), 0.38, 0.0), ((1776.7,), 0.38, 2.0)],
    ),
    "SIT ITU": (("sit", "itu"), [((950,), 0.33, 0.02), ((1400,), 0.33, 0.02), ((1800,), 0.33, 1.0)]),
    "fax calls": (("fax_cng", "itu"), [((1100,), 0.5, 3.0)]),
    "fax answers": (("fax_ced", "itu"), [((2100,), 3.3, 2.0)]),
}


# --- signals ----------------------------------------------------------------------------------------------------------


def to_int16(x):
    return np.clip(np.round(np.asarray(x) * 32768), -32768, 32767).astype(np.int16)


def burst(hz, seconds, peak, rate=RATE, phase=0.0):
    n = round(seconds * rate)
    t = np.arange(n) / rate
    x = sum(np.sin(2 * np.pi * f * t + phase * (i + 1)) for i, f in enumerate(hz)) / len(hz) * peak
    ramp = int(0.003 * rate)
    e = np.ones(n)
    e[:ramp] = 0.5 - 0.5 * np.cos(np.pi * np.arange(ramp) / ramp)
    e[n - ramp :] = e[:ramp][::-1]
    return x * e


def cadence(period, seconds, peak=0.2, lead=0.3, detune=1.0, stretch=1.0, rate=RATE, floor_dbov=-60, seed=1):
    rng = np.random.default_rng(seed)
    parts = [np.zeros(round(lead * rate))]
    while sum(map(len, parts)) < seconds * rate:
        for hz, on, off in period:
            tone = burst([f * detune for f in hz], on * stretch, peak, rate, rng.uniform(0, 6.28))
            parts += [tone, np.zeros(round(off * stretch * rate))]
    x = np.concatenate(parts)
    return to_int16(x + 10 ** (floor_dbov / 20) * rng.standard_normal(len(x)))


def ulaw(pcm):
    return tp.g711.ulaw_decode(tp.g711.ulaw_encode(pcm))


def names(pcm, rate=RATE):
    return [(e.tone, e.plan) for e in tp.CallProgressDetector(rate).process(pcm)]


# --- every tone of every plan -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANS)
def test_named_within_two_periods(name):
    want, period = PLANS[name]
    one = sum(on + off for _, on, off in period)
    pcm = ulaw(cadence(period, max(12.0, 2.5 * one)))
    detector, when = tp.CallProgressDetector(), []
    for at in range(0, len(pcm), 160):
        when += [((at + 160) / RATE, e) for e in detector.process(pcm[at : at + 160])]
    assert {(e.tone, e.plan) for _, e in when} == {want}
    if want[0] != "sit":
        assert len(when) == 1  # once for as long as it goes on
    first, event = when[0]
    assert first <= 0.3 + 2 * one + 0.06
    assert abs(event.start_ms - 300) < 20
    if want[0] in ("dial", "fax_ced"):
        assert event.cadence == ()
    elif want[0] != "sit":
        assert sum(event.cadence) == pytest.approx(1000 * one, rel=0.1)


@pytest.mark.parametrize("name", ["ringback NA", "busy UK", "busy Europe", "reorder NA", "ringback Japan", "fax calls"])
@pytest.mark.parametrize(("detune", "stretch"), [(0.99, 1.0), (1.01, 1.0), (1.0, 0.92), (1.0, 1.08)])
def test_tolerance(name, detune, stretch):
    want, period = PLANS[name]
    assert names(cadence(period, 16, detune=detune, stretch=stretch)) == [want]


@pytest.mark.parametrize("name", ["ringback NA", "busy Europe", "dial NA", "ringback UK"])
@pytest.mark.parametrize(("peak", "floor_dbov"), [(0.9, -60), (0.02, -70), (0.2, -32)])
def test_level_and_noise(name, peak, floor_dbov):
    want, period = PLANS[name]
    assert names(ulaw(cadence(period, 14, peak=peak, floor_dbov=floor_dbov))) == [want]


def test_one_call():
    """Dial tone, ringing, then a busy tone of the same frequency."""
    parts = [cadence(PLANS[n][1], s) for n, s in (("dial Europe", 5), ("ringback Europe", 14), ("busy Europe", 4))]
    pcm = np.concatenate(parts)
    assert names(pcm) == [("dial", "europe"), ("ringback", "europe"), ("busy", "europe")]


def test_tone_comes_again():
    busy, quiet = cadence(PLANS["busy NA"][1], 4), np.zeros(15 * RATE, np.int16)
    assert names(np.concatenate([busy, quiet, busy])) == [("busy", "north_america")] * 2


def test_starts_within_a_burst():
    pcm = cadence(PLANS["ringback NA"][1], 16, lead=0.0)
    assert names(pcm[int(0.7 * RATE) :]) == [("ringback", "north_america")]


# --- what is none -------------------------------------------------------------------------------------------------------


def test_other_tones():
    for period in (
        [((425,), 0.7, 0.9)],  # no plan's cadence
        [((460,), 0.5, 0.5)],  # no plan's frequency
        [((480, 700), 0.5, 0.5)],
        [((1000,), 1.0, 1.0)],
        [((913.8,), 0.274, 0.5), ((1370.6,), 0.274, 0.5), ((1776.7,), 0.38, 2.0)],  # too far apart
        [((350, 440, 600), 6.0, 0.5)],
    ):
        assert names(cadence(period, 14)) == [], period


def test_single_burst_is_nothing_yet():
    for name in ("busy NA", "ringback Europe", "fax calls", "howler NA"):
        (hz, on, _), *_ = PLANS[name][1]
        assert names(cadence([(hz, on, 8.0)], 4)) == []


def test_dtmf():
    assert names(tp.dtmf.generate("0123456789*#ABCD" * 4)) == []


def test_noise_alone():
    assert names(to_int16(0.1 * np.random.default_rng(3).standard_normal(30 * RATE))) == []


@pytest.mark.slow
@pytest.mark.skipif(not SOUNDS.is_dir(), reason="no Asterisk prompts on this machine")
def test_prompts():
    found = []
    for path in sorted(SOUNDS.rglob("*.wav")):
        with wave.open(str(path)) as w:
            pcm = np.frombuffer(w.readframes(w.getnframes()), np.int16)
        found += [(path.name, e) for e in tp.CallProgressDetector().process(ulaw(pcm))]
    assert found == []


# --- reference ----------------------------------------------------------------------------------------------------------


def table():
    """The plans' tones out of the C table, special information tones (a sequence) aside: (tone, plan, Hz, cadence)."""
    text = (ROOT / "csrc/detect/call_plan.c").read_text(encoding="utf-8")
    row = re.compile(r"\{ TP_CALL_(\w+),\s+(\w+),\s+\{ ([\d, ]+) \},\s+\{ ([\d, ]+) \},\s+(\d+) \}")
    return [
        (t, p, [float(v) for v in hz.split(",")], [int(v) for v in c.split(",")])
        for t, p, hz, c, _ in row.findall(text)
        if t != "SIT"
    ]


def test_table_is_tested():
    rows = table()
    assert len(rows) > 25
    assert {t.lower().removeprefix("waiting") or "call_waiting" for t, *_ in rows} | {"sit"} == {
        w[0] for w, _ in PLANS.values()
    }


@pytest.mark.parametrize("row", table(), ids=lambda r: f"{r[0]} {r[1]} {r[2]} {r[3]}")
def test_every_row(row):
    tone, _, hz, on_off = row
    period = [(hz, on_off[0] / 1000, on_off[1] / 1000)] if on_off[0] else [(hz, 5.0, 0.5)]
    if len(on_off) == 4:
        period.append((hz, on_off[2] / 1000, on_off[3] / 1000))
    one = sum(on + off for _, on, off in period)
    [(got, _)] = names(cadence(period, 3.0 * one + 1))
    assert got == {"waiting": "call_waiting"}.get(tone.lower(), tone.lower())


def test_lines_against_reference():
    """Rows of the table lie apart in a NumPy spectrum of the same resolution: what the kernel's line analysis relies on."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    rng = np.random.default_rng(4)
    for _, _, hz, _ in table():
        power = np.zeros(513)
        x = burst(hz, 1.0, 0.2, phase=rng.uniform(0, 6.28))
        for at in range(1040, 7000, 240):
            power += np.abs(np.fft.rfft(x[at - 1024 : at] * window)) ** 2
        peaks = [
            k
            for k in range(32, 401)
            if power[k] > power[k - 1] and power[k] >= power[k + 1] and power[k] > 0.05 * power.max()
        ]
        assert len(peaks) == len(hz), hz
        assert all(abs(7.8125 * k - f) < 0.015 * f + 4 for k, f in zip(peaks, hz, strict=True))


# --- stream properties ----------------------------------------------------------------------------------------------------


def mixture(rate):
    parts = [
        cadence(PLANS[n][1], s, rate=rate)
        for n, s in (("dial NA", 4), ("reorder NA", 2), ("SIT intercept", 2), ("busy UK", 3))
    ]
    return np.concatenate(parts)


MIXTURE = [("dial", "north_america"), ("reorder", "north_america"), ("sit", "north_america"), ("busy", "uk")]


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("cuts", ["ones", "frames", "random"])
def test_chunks_do_not_matter(rate, cuts):
    pcm = mixture(rate)
    want = tp.CallProgressDetector(rate).process(pcm)
    assert [(e.tone, e.plan) for e in want] == MIXTURE
    rng = np.random.default_rng(5)
    detector, got, at = tp.CallProgressDetector(rate), [], 0
    while at < len(pcm):
        n = {"ones": 1, "frames": rate // 50, "random": int(rng.integers(0, 3000))}[cuts]
        got += detector.process(pcm[at : at + n])
        at += n
    assert got == want


@pytest.mark.parametrize("rate", [8000, 16000])
def test_reset_is_new(rate):
    pcm = mixture(rate)
    want = tp.CallProgressDetector(rate).process(pcm)
    detector = tp.CallProgressDetector(rate)
    for stop in (0, 777, len(pcm) // 3, len(pcm)):
        detector.process(pcm[:stop])
        detector.reset()
        assert detector.process(pcm) == want
        detector.reset()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_hostile_audio(rate):
    rng = np.random.default_rng(6)
    n = 4 * rate
    alternating = np.where(np.arange(n) % 2, 32767, -32768).astype(np.int16)
    for x in [np.zeros(n, np.int16), np.full(n, 32767, np.int16), np.full(n, -32768, np.int16), alternating,
              np.where(np.arange(n) // 40 % 2, 32767, -32768).astype(np.int16),
              rng.integers(-32768, 32768, n).astype(np.int16), np.ones(n, np.int16)]:  # fmt: skip
        detector = tp.CallProgressDetector(rate)
        assert detector.process(x) == []
        assert [e.tone for e in detector.process(cadence(PLANS["busy NA"][1], 3, rate=rate))] == ["busy"]


def test_bad_buffers_change_nothing():
    detector, pcm = tp.CallProgressDetector(), cadence(PLANS["busy NA"][1], 3)
    detector.process(pcm[:5000])
    with pytest.raises(tp.LengthError):
        detector.process(b"abc")
    with pytest.raises(tp.FormatError):
        detector.process(np.zeros(160, np.float32))
    assert detector.process(pcm[5000:]) == tp.CallProgressDetector().process(pcm)


def test_configuration():
    with pytest.raises(tp.ConfigError, match=r"sample_rate must be 8000 or 16000 \(got 24000\)"):
        tp.CallProgressDetector(24000)
    detector = tp.CallProgressDetector(16000)
    assert repr(detector) == "CallProgressDetector(sample_rate=16000)"
    assert repr(pickle.loads(pickle.dumps(detector))) == repr(detector)
    assert 0 < detector.delay_ms < 60
