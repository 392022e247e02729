"""Beep detector: kinds of beeps, what must not be one, a NumPy reference of its tone analysis, stream properties."""

import pickle
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import talkpath as tp

RATE = 8000
SOUNDS = Path("/usr/share/asterisk/sounds")


# --- signals ----------------------------------------------------------------------------------------------------------


def to_int16(x):
    return np.clip(np.round(np.asarray(x) * 32768), -32768, 32767).astype(np.int16)


def ulaw(x):
    return tp.g711.ulaw_decode(tp.g711.ulaw_encode(to_int16(x)))


def ramps(n, up_ms, down_ms, rate=RATE):
    e = np.ones(n)
    up, down = int(up_ms * rate / 1000), int(down_ms * rate / 1000)
    e[:up] = 0.5 - 0.5 * np.cos(np.pi * (np.arange(up) + 0.5) / up)
    e[n - down :] = e[n - down :] * (0.5 + 0.5 * np.cos(np.pi * (np.arange(down) + 0.5) / down))
    return e


def tone(hz, seconds, dbov, rate=RATE, chirp=0.0, seed=0):
    """A sine, or several at equal level; chirp: relative change of frequency from start to end."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    t = np.arange(n) / rate
    x = sum(
        np.sin(2 * np.pi * f * (t + chirp * t * t / (2 * seconds)) + rng.uniform(0, 6.28)) for f in np.atleast_1d(hz)
    )
    x = x * ramps(n, 5, 10, rate)
    return x / np.sqrt(np.mean(x**2)) * 10 ** (dbov / 20)


def line(*parts, floor_dbov=-65, rate=RATE, seed=1):
    """Signals and silences (numbers: seconds) in a row, over a noise floor, through µ-law."""
    x = np.concatenate([np.zeros(round(p * rate)) if np.isscalar(p) else p for p in parts])
    return ulaw(x + 10 ** (floor_dbov / 20) * np.random.default_rng(seed).standard_normal(len(x)))


def voice(seconds, pitch_hz, dbov=-20, seed=3):
    """Glottal pulses through two moving resonances, with a pitch that sways by a semitone."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    sway = sum(0.3 * np.sin(2 * np.pi * rng.uniform(1, 6) * t + rng.uniform(0, 6.28)) for _ in range(6))
    jitter = np.convolve(rng.standard_normal(len(t)), np.ones(80) / np.sqrt(80), "same")  # 0.5 % from cycle to cycle
    pitch = pitch_hz * 2 ** (sway / 12) * (1 + 0.005 * jitter)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    first, second = 450 + 200 * np.sin(2 * np.pi * 0.9 * t), 1500 + 600 * np.sin(2 * np.pi * 0.6 * t + 1)
    x = np.zeros(len(t))
    for k in range(1, int(3400 / pitch_hz)):
        hz = k * pitch
        gain = 1 / np.hypot(1, (hz - first) / 50) + 0.5 / np.hypot(1, (hz - second) / 70)
        x += np.where(hz < 3500, gain, 0) * np.sin(k * phase)
    x *= np.clip(np.sin(2 * np.pi * 1.7 * t) * 2 + 1, 0.02, 1)  # syllables
    return x / np.sqrt(np.mean(x**2)) * 10 ** (dbov / 20)


def beeps(pcm, rate=RATE):
    return tp.BeepDetector(rate).process(pcm)


# --- reference --------------------------------------------------------------------------------------------------------


def test_sounding_against_reference():
    """`sounding` is the strongest peak of a Hann-windowed frame, between the bins, in double precision."""
    rng = np.random.default_rng(4)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    for hz in (355.5, 817.3, 1402.0, 2391.7, 2800.1):
        pcm = to_int16(
            0.1 * np.sin(2 * np.pi * hz * np.arange(RATE // 2) / RATE) + 0.01 * rng.standard_normal(RATE // 2)
        )
        detector = tp.BeepDetector()
        detector.process(pcm[: 80 * 45])
        frame = pcm[80 * 45 - 256 : 80 * 45] / 32768 * window
        power = np.abs(np.fft.rfft(frame)) ** 2 * 2 / (256**2 * 0.375)
        k = int(power[7:101].argmax()) + 7
        side = 1 if power[k + 1] > power[k - 1] else -1
        a = np.sqrt(power[k + side] / power[k])
        want = (k + side * (2 * a - 1) / (a + 1)) * 31.25
        got = detector.sounding
        assert abs(got.frequency_hz - want) < 0.02
        assert abs(got.frequency_hz - hz) < 2
        assert abs(got.level_dbov - 10 * np.log10(power[k - 2 : k + 3].sum())) < 0.01
        assert abs(got.start_ms) <= 10


# --- what is a beep ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [360, 500, 777.7, 1000, 1400, 2000, 2600, 2950])
@pytest.mark.parametrize("seconds", [0.1, 0.25, 1.0])
def test_plain(hz, seconds):
    pcm = line(voice(1.5, 130), 0.5, tone(hz, seconds, -20), 1.0)
    [b] = beeps(pcm)
    assert abs(b.frequency_hz - hz) < 1
    assert abs(b.duration_ms - 1000 * seconds) < 15
    assert abs(b.start_ms - 2000) < 10
    assert b.end_ms == pytest.approx(b.start_ms + b.duration_ms)
    assert abs(b.level_dbov + 20) < 1


@pytest.mark.parametrize("seconds", [0.08, 4.8])
def test_length_limits(seconds):
    assert len(beeps(line(0.5, tone(1000, seconds, -20), 1.0))) == 1


def test_too_short_or_too_long():
    assert beeps(line(0.5, tone(1000, 0.03, -20), 1.0)) == []
    assert beeps(line(0.5, tone(1000, 5.6, -20), 1.0)) == []
    assert beeps(line(0.5, tone(1000, 12.0, -20), 1.0)) == []


@pytest.mark.parametrize("dbov", [-34, -25, -10, -4])
def test_level(dbov):
    [b] = beeps(line(0.5, tone(1230, 0.3, dbov), 1.0))
    assert abs(b.level_dbov - dbov) < 1


def test_quiet_tone_is_no_beep():
    assert beeps(line(0.5, tone(1230, 0.3, -42), 1.0)) == []


@pytest.mark.parametrize("seed", range(8))
def test_noise(seed):
    hz = 600 + 250 * seed
    [b] = beeps(line(0.5, tone(hz, 0.4, -15), 1.0, floor_dbov=-25, seed=seed))
    assert abs(b.frequency_hz - hz) < 1


@pytest.mark.parametrize("chirp", [-0.04, 0.04])
@pytest.mark.parametrize("seconds", [0.12, 0.6])
def test_chirp(chirp, seconds):
    [b] = beeps(line(0.5, tone(1200, seconds, -18, chirp=chirp), 1.0))
    assert 1200 * (1 + min(chirp, 0)) <= b.frequency_hz <= 1200 * (1 + max(chirp, 0))


@pytest.mark.parametrize("shape", ["up", "down", "hump"])
def test_ramp(shape):
    x = tone(1500, 0.5, -12)
    u = np.linspace(0, 1, len(x))
    x = x * {"up": 0.15 + 0.85 * u, "down": 1 - 0.85 * u, "hump": 0.15 + 0.85 * np.sin(np.pi * u)}[shape]
    assert len(beeps(line(0.5, x, 1.0))) == 1


@pytest.mark.parametrize("clip", [0.3, 0.7])
def test_clipped(clip):
    x = np.clip(tone(640, 0.4, -3), -clip, clip) / clip * 0.5
    [b] = beeps(line(0.5, x, 1.0))
    assert abs(b.frequency_hz - 640) < 1


def test_harmonics():
    x = sum(a * tone(k * 520, 0.4, -15, seed=k) for k, a in ((1, 1), (2, 0.35), (3, 0.3), (4, 0.2)))
    [b] = beeps(line(0.5, x, 1.0))
    assert abs(b.frequency_hz - 520) < 1


@pytest.mark.parametrize("pair", [(600, 1000), (853, 960), (1400, 2300), (425, 2000)])
def test_dual(pair):
    [b] = beeps(line(0.5, tone(pair, 0.4, -15), 1.0))
    assert min(abs(b.frequency_hz - hz) for hz in pair) < 1


def test_hole_does_not_split():
    x = tone(1000, 0.8, -15)
    x[3000:3160] = 0
    assert len(beeps(line(0.5, x, 1.0))) == 1


# --- what the line does to a beep ---------------------------------------------------------------------------------------

DAMAGED = {"single": 659, "low": 480, "high": 1900, "pair": (600, 1000), "wide pair": (853, 1960), "chirp": 1200}


def damaged(kind, ms, dbov=-18):
    return tone(DAMAGED[kind], ms / 1000, dbov, chirp=0.04 if kind == "chirp" else 0.0, seed=ms)


def assert_once(pcm, kind, start_ms, end_ms):
    found = beeps(pcm)
    assert len(found) == 1
    [b] = found
    low, high = (1200, 1248) if kind == "chirp" else (-1, 1)
    if kind == "chirp":
        assert low < b.frequency_hz < high
    else:
        assert min(abs(b.frequency_hz - hz) for hz in np.atleast_1d(DAMAGED[kind])) < 2
    assert abs(b.end_ms - end_ms) < 25
    assert -15 < b.start_ms - start_ms < 70  # a rest before a hole may be lost
    return b


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("ms", [253, 400, 1100])
def test_drop_outs(kind, ms):
    """One hole of 10 to 60 ms anywhere, or two."""
    for holes in [(29, 20)], [(12, 60)], [(90, 10)], [(100, 45)], [(ms - 110, 60)], [(60, 20), (150, 30)]:
        x = damaged(kind, ms)
        for at, length in holes:
            x[at * 8 : (at + length) * 8] = 0
        assert_once(line(0.5, x, 0.8), kind, 500, 500 + ms)


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("step_db", [-10, -6, 6, 10])
def test_steps_of_the_level(kind, step_db):
    for at in (60, 130, 200):
        for hole_ms in (0, 20):
            x = damaged(kind, 300, -24 if step_db > 0 else -14)
            x[at * 8 :] *= 10 ** (step_db / 20)
            x[200 : 200 + hole_ms * 8] = 0
            assert_once(line(0.5, x, 0.8), kind, 500, 800)


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("lost", [(0,), (1,), (3,), (5, 6), (2, 9)])
def test_concealed_frames(kind, lost):
    """What the call hears of a beep when frames of it were lost."""
    concealer = tp.PacketLossConcealer(8000, 20)
    pcm = line(0.5, damaged(kind, 400), 0.8)
    first = 4000 // 160
    heard = [
        concealer.conceal() if k - first in lost else concealer.receive(pcm[160 * k : 160 * k + 160])
        for k in range(len(pcm) // 160)
    ]
    assert_once(np.concatenate(heard), kind, 500, 900)


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("gap_ms", [15, 35, 60])
def test_two_parts(kind, gap_ms):
    part = damaged(kind, 200)
    b = assert_once(line(0.5, part, gap_ms / 1000, part, 0.8), kind, 500, 900 + gap_ms)
    assert abs(b.duration_ms - 400 - gap_ms) < 25


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.parametrize("lost_ms", [5, 23, 60])
def test_clipped_start(kind, lost_ms):
    x = damaged(kind, 300)[lost_ms * 8 :]
    assert_once(line(0.5, x, 0.8), kind, 500, 800 - lost_ms)


def with_drop_outs(pcm, seed, every_ms=400):
    rng = np.random.default_rng(seed)
    pcm = pcm.copy()
    for _ in range(len(pcm) // (8 * every_ms)):
        at = int(rng.integers(0, len(pcm) - 500))
        pcm[at : at + int(rng.integers(80, 480))] = 0
    return pcm


@pytest.mark.parametrize("seed", range(6))
def test_drop_outs_make_no_beep_of_other_tones(seed):
    """Keys, ringback and voices with drop-outs."""
    keys = tp.dtmf.generate("0123456789*#ABCD", tone_ms=300, gap_ms=150)
    assert beeps(with_drop_outs(ulaw(keys / 32768), seed, 200)) == []
    for name in ("ringback US", "ringback UK", "ringback JP", "busy US", "dial US"):
        parts = [0.3]
        for _ in range(6):
            for hz, on, off in NETWORK[name]:
                parts += [tone(hz, on, -14, seed=len(parts)), off]
        assert beeps(with_drop_outs(line(*parts), seed)) == [], name
    assert beeps(with_drop_outs(line(voice(15, 110 + 40 * seed, seed=seed), 0.5), seed)) == []


def test_ringback_of_one_tone_with_a_hole_or_a_step():
    for hz, on in ((425, 1.0), (440, 1.5), (400, 0.375), (425, 0.5), (440, 0.5)):
        for at in (0.2, 0.45, 0.7):
            x = tone(hz, on, -16)
            k = int(at * len(x))
            x[k : k + 200] = 0
            assert beeps(line(0.5, x, 1.0)) == [], (hz, on, at)
            x[k:] *= 0.6
            assert beeps(line(0.5, x, 1.0)) == [], (hz, on, at)


def test_room_after_the_beep():
    rng = np.random.default_rng(5)
    room = np.convolve(rng.standard_normal(12000), np.ones(3) / 3, "same") * 10 ** (-25 / 20)
    assert len(beeps(line(0.5, tone(1000, 0.5, -25), room))) == 1


def test_directly_after_speech():
    assert len(beeps(line(voice(2.0, 120), tone(1000, 0.5, -18), 1.0))) == 1


def test_arms_itself_again():
    pcm = line(1.0, tone(1000, 0.4, -20), 6.0, tone(1000, 0.4, -20), 2.0, tone(1400, 0.2, -20), 1.0)
    assert [round(b.frequency_hz) for b in beeps(pcm)] == [1000, 1000, 1400]


def test_report_is_prompt():
    for seconds in (0.1, 0.333, 1.234):
        detector, end = tp.BeepDetector(), 0.5 + seconds
        pcm = line(0.5, tone(1800, seconds, -15), 0.5)
        when = [at / RATE for at in range(0, len(pcm), 40) if detector.process(pcm[at : at + 40])]
        assert len(when) == 1
        assert 0 <= when[0] - end <= detector.delay_ms / 1000


# --- what is not ------------------------------------------------------------------------------------------------------

NETWORK = {
    "ringback US": [((440, 480), 2.0, 4.0)],
    "ringback UK": [((400, 450), 0.4, 0.2), ((400, 450), 0.4, 2.0)],
    "ringback EU": [((425,), 1.0, 4.0)],
    "ringback FR": [((440,), 1.5, 3.5)],
    "ringback JP": [((400, 420), 1.0, 2.0)],
    "busy US": [((480, 620), 0.5, 0.5)],
    "busy UK": [((400,), 0.375, 0.375)],
    "busy EU": [((425,), 0.5, 0.5)],
    "reorder EU": [((425,), 0.25, 0.25)],
    "dial US": [((350, 440), 6.0, 0.5)],
    "dial EU": [((425,), 6.0, 0.5)],
    "SIT": [((913.8,), 0.274, 0.0), ((1370.6,), 0.274, 0.0), ((1776.7,), 0.38, 2.0)],
    "CNG": [((1100,), 0.5, 3.0)],
    "call waiting": [((440,), 0.3, 9.7)],
    "howler": [((1400, 2060, 2450, 2600), 0.1, 0.1)],
}


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize("dbov", [-28, -12])
def test_network_tones(name, dbov):
    parts = [0.3]
    while sum(p if np.isscalar(p) else len(p) / RATE for p in parts) < 20:
        for hz, on, off in NETWORK[name]:
            parts += [tone(hz, on, dbov, seed=len(parts)), off]
    assert beeps(line(*parts)) == []


def test_unknown_cadence_is_reported_once():
    parts = [0.3]
    for _ in range(8):
        parts += [tone(500, 0.5, -20), 0.5]
    assert len(beeps(line(*parts))) == 1


def test_dtmf():
    pcm = tp.dtmf.generate("0123456789*#ABCD" * 3, tone_ms=120, gap_ms=150)
    assert beeps(ulaw(pcm / 32768)) == []


@pytest.mark.parametrize("pitch_hz", [95, 130, 180, 220, 290, 380])
def test_voice(pitch_hz):
    assert beeps(line(voice(20, pitch_hz), 0.5)) == []


def test_melody():
    """Notes that follow each other, fade and sound together."""
    rng = np.random.default_rng(6)
    x = np.zeros(30 * RATE)
    for _ in range(120):
        at, n = rng.integers(0, 28 * RATE), RATE
        hz = 220 * 2 ** (rng.integers(0, 30) / 12)
        t = np.arange(n) / RATE
        note = sum(np.sin(2 * np.pi * k * hz * t) / k for k in (1, 2, 3) if k * hz < 3800)
        x[at : at + n] += 0.05 * note * np.exp(-3 * t) * ramps(n, 5, 50)
    assert beeps(line(x)) == []


def test_noise_alone():
    rng = np.random.default_rng(7)
    for shape in ("white", "pink"):
        spectrum = np.fft.rfft(rng.standard_normal(60 * RATE))
        if shape == "pink":
            spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
        x = np.fft.irfft(spectrum)
        assert beeps(to_int16(0.1 * x / x.std())) == []


@pytest.mark.slow
@pytest.mark.skipif(not SOUNDS.is_dir(), reason="no Asterisk prompts on this machine")
def test_prompts():
    not_speech = {"beep", "beeperr", "ascending-2tone", "descending-2tone", "confbridge-join", "confbridge-leave"}
    found = []
    for path in sorted(SOUNDS.rglob("*.wav")):
        if path.stem in not_speech:
            continue
        with wave.open(str(path)) as w:
            pcm = np.frombuffer(w.readframes(w.getnframes()), np.int16)
        found += [
            (path.name, b)
            for b in beeps(tp.g711.ulaw_decode(tp.g711.ulaw_encode(np.append(pcm, np.zeros(1600, np.int16)))))
        ]
    assert found == []


# --- stream properties ------------------------------------------------------------------------------------------------


def mixture(rate):
    return np.concatenate(
        [
            to_int16(np.random.default_rng(8).normal(0, 0.002, rate // 2)),
            to_int16(tone(900, 0.3, -20, rate)),
            np.zeros(rate // 2, np.int16),
            tp.dtmf.generate("12", rate),
            to_int16(tone((700, 1900), 0.2, -14, rate)),
            np.zeros(rate // 2, np.int16),
        ]
    )


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("cuts", ["ones", "frames", "random"])
def test_chunks_do_not_matter(rate, cuts):
    pcm = mixture(rate)
    whole = tp.BeepDetector(rate)
    want = whole.process(pcm)
    assert len(want) == 2
    assert abs(want[0].frequency_hz - 900) < 1
    assert min(abs(want[1].frequency_hz - hz) for hz in (700, 1900)) < 1
    rng = np.random.default_rng(9)
    detector, got, at = tp.BeepDetector(rate), [], 0
    while at < len(pcm):
        n = {"ones": 1, "frames": rate // 50, "random": int(rng.integers(0, 3000))}[cuts]
        got += detector.process(pcm[at : at + n])
        at += n
    assert got == want
    assert all(a.end_ms < b.start_ms for a, b in pairwise(got))


@pytest.mark.parametrize("hz", [404.7, 1234.5, 2890])
def test_16k(hz):
    x = np.concatenate([np.zeros(8000), tone(hz, 0.4, -20, 16000), np.zeros(8000)])
    noise = 0.002 * np.random.default_rng(10).standard_normal(len(x))
    hiss = 0.1 * np.sin(2 * np.pi * 6200 * np.arange(len(x)) / 16000)
    [b] = beeps(to_int16(x + noise + hiss), 16000)
    assert abs(b.frequency_hz - hz) < 1
    assert abs(b.start_ms - 500) < 10
    assert abs(b.duration_ms - 400) < 15


@pytest.mark.parametrize("rate", [8000, 16000])
def test_reset_is_new(rate):
    pcm = mixture(rate)
    want = tp.BeepDetector(rate).process(pcm)
    detector = tp.BeepDetector(rate)
    for stop in (0, 555, len(pcm) // 4, len(pcm)):
        detector.process(pcm[:stop])
        detector.reset()
        assert detector.sounding is None
        assert detector.process(pcm) == want
        detector.reset()


@pytest.mark.parametrize("rate", [8000, 16000])
def test_hostile_audio(rate):
    rng = np.random.default_rng(11)
    n = 2 * rate
    alternating = np.where(np.arange(n) % 2, 32767, -32768).astype(np.int16)
    for x in [
        np.zeros(n, np.int16),
        np.full(n, 32767, np.int16),
        np.full(n, -32768, np.int16),
        alternating,
        rng.integers(-32768, 32768, n).astype(np.int16),
        np.ones(n, np.int16),
        (np.arange(n) % 7 == 0).astype(np.int16),
    ]:
        detector = tp.BeepDetector(rate)
        assert detector.process(x) == []
        after = np.concatenate(
            [np.zeros(rate // 5, np.int16), to_int16(tone(1000, 0.3, -20, rate)), np.zeros(rate // 2, np.int16)]
        )
        assert len(detector.process(after)) == 1


def test_sounding():
    detector = tp.BeepDetector()
    pcm = line(0.3, tone(1500, 0.5, -20), 0.5)
    heard = []
    for at in range(0, len(pcm), 160):
        detector.process(pcm[at : at + 160])
        heard.append(detector.sounding)
    while_on = heard[20:39]
    assert all(
        abs(t.frequency_hz - 1500) < 1 and abs(t.level_dbov + 20) < 1 and abs(t.start_ms - 300) < 25 for t in while_on
    )
    assert not any(heard[:17])
    assert not any(heard[43:])


def test_timeout():
    quiet, beep = np.zeros(2 * RATE, np.int16), line(0.2, tone(1000, 0.3, -20), 0.5)
    detector = tp.BeepDetector(timeout_ms=3000)
    assert detector.process(quiet) == []
    assert not detector.timed_out
    assert len(detector.process(beep)) == 1
    assert detector.process(np.concatenate([quiet, quiet])) == []
    assert not detector.timed_out  # a beep was heard in time
    detector.reset()
    detector.process(np.concatenate([quiet, quiet]))
    assert detector.timed_out
    assert detector.process(beep) == []
    detector.reset()
    assert not detector.timed_out
    assert len(detector.process(beep)) == 1


def test_bad_buffers_change_nothing():
    detector, pcm = tp.BeepDetector(), line(0.3, tone(1000, 0.4, -20), 0.5)
    detector.process(pcm[:4000])
    with pytest.raises(tp.LengthError):
        detector.process(b"abc")
    with pytest.raises(tp.FormatError):
        detector.process(np.zeros(160, np.float64))
    assert detector.process(pcm[4000:]) == beeps(pcm)


def test_configuration():
    with pytest.raises(tp.ConfigError, match="sample_rate must be 8000 or 16000"):
        tp.BeepDetector(44100)
    with pytest.raises(tp.ConfigError, match="timeout_ms"):
        tp.BeepDetector(timeout_ms=-1)
    with pytest.raises(tp.ConfigError, match="timeout_ms"):
        tp.BeepDetector(timeout_ms=0)
    detector = tp.BeepDetector(16000, timeout_ms=30000)
    assert repr(detector) == "BeepDetector(sample_rate=16000, timeout_ms=30000)"
    assert repr(pickle.loads(pickle.dumps(detector))) == repr(detector)
    assert tp.BeepDetector().timeout_ms is None


def test_a_beep_across_the_timeout_is_reported() -> None:
    t = np.arange(4000) / 8000
    pcm = np.zeros(16000, np.int16)
    pcm[7200:11200] = np.rint(6000 * np.sin(2 * np.pi * 1000 * t))
    b = tp.BeepDetector(timeout_ms=1000)
    found = [e for i in range(0, len(pcm), 160) for e in b.process(pcm[i : i + 160])]
    assert [round(e.frequency_hz) for e in found] == [1000]
    assert not b.timed_out
    silent = tp.BeepDetector(timeout_ms=1000)
    silent.process(np.zeros(16000, np.int16))
    assert silent.timed_out
    assert silent.sounding is None
