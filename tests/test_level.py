"""Outgoing level: towards the target, without DC, without clipping, whatever comes."""

import pickle
import shutil
import wave

import numpy as np
import pytest
from conftest import hostile_signals, random_cuts, synthesise

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


def active_dbov(x, margin_db=16):
    """Mean of the blocks within a margin of the loudest."""
    power = (x[: len(x) // 80 * 80].astype(float).reshape(-1, 80) / 32768) ** 2
    power = power.mean(axis=1)
    return 10 * np.log10(power[power > power.max() * 10 ** (-margin_db / 10)].mean())


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


# --- voices that change -----------------------------------------------------------------------------------------------

SENTENCES = [
    "Thank you for calling us today.",
    "Your order has been shipped this morning and will arrive on Tuesday.",
    "We are open from nine to five, Monday to Friday, and on Saturday until noon.",
    "Could you please tell me your customer number?",
]


@pytest.fixture(scope="session")
def sentences(tmp_path_factory):
    """Sentences of a voice, at 8 kHz, all together at 0 dBov; "noise" is the generated voice."""
    folder, cache = tmp_path_factory.mktemp("voices"), {}

    def read(name, text):
        path = folder / "a.wav"
        if name.startswith("flite:"):
            if shutil.which("flite") is None:
                pytest.skip("flite is not installed")
            command = ["flite", "-voice", name[6:], "-t", text, "-o", path]
        else:
            if shutil.which("espeak-ng") is None:
                pytest.skip("espeak-ng is not installed")
            command = ["espeak-ng", "-v", name, "-w", path, text]
        synthesise(command)
        with wave.open(str(path)) as w:
            rate, pcm = w.getframerate(), np.frombuffer(w.readframes(w.getnframes()), np.int16)
        r = tp.Resampler(rate, 8000)
        x = np.concatenate([r.process(pcm), r.flush()])
        loud = np.flatnonzero(np.abs(x.astype(int)) > 300)
        return x[loud[0] : loud[-1]] / 32768

    def get(name):
        if name not in cache:
            if name == "noise":
                made = [voice(2.5, -20, seed=k) / 32768 for k in range(4)]
            else:
                made = [read(name, text) for text in SENTENCES]
            whole = 10 ** (speech_dbov(np.concatenate(made) * 32768) / 20)
            cache[name] = [x / whole for x in made]
        return cache[name]

    return get


def speech_dbov(x):
    """ITU-T P.56: the active level is 16 dB above the margin, the loudest syllable's block 8 to 9 dB above that."""
    return active_dbov(x, 25)


def dialogue(parts, pause_s=0.6, floor_dbov=-75, seed=0):
    """Sentences with pauses, over a floor of noise; where each of them is."""
    pieces, places, at = [], [], 0
    for x in parts:
        gap = np.zeros(int(pause_s * RATE))
        pieces += [gap, x]
        places.append((at + len(gap), at + len(gap) + len(x)))
        at = places[-1][1]
    y = np.concatenate([*pieces, np.zeros(RATE // 2)])
    y = y + 10 ** (floor_dbov / 20) * np.random.default_rng(seed).standard_normal(len(y))
    return np.clip(np.rint(32768 * y), -32768, 32767).astype(np.int16), places


TWO_VOICES = [
    ("noise", "noise", -14, -26),
    ("noise", "noise", -10, -34),
    ("noise", "noise", -32, -14),
    ("noise", "noise", -30, -18),
    ("en-us", "flite:slt", -12, -30),
    ("flite:slt", "en-us", -34, -12),
    ("flite:rms", "de", -16, -28),
    ("fr-fr+f4", "flite:kal", -10, -33),
    ("en-gb+f3", "es", -30, -12),
    ("it", "en-us+m3", -14, -32),
    ("flite:awb", "flite:slt", -20, -32),
    ("en-us", "en-us", -26, -14),
    ("de", "fr-fr", -33, -10),
]


@pytest.mark.parametrize(("pause_s", "floor_dbov"), [(0.3, -75), (1.0, -55), (3.0, -75)])
@pytest.mark.parametrize(("first", "second", "first_dbov", "second_dbov"), TWO_VOICES)
def test_another_voice_is_at_the_target_in_its_second_sentence(
    sentences, first, second, first_dbov, second_dbov, pause_s, floor_dbov
):
    a = [x * 10 ** (first_dbov / 20) for x in sentences(first)[:3]]
    b = [x * 10 ** (second_dbov / 20) for x in sentences(second)]
    b = [b[1], b[2], b[0], b[3]]
    pcm, places = dialogue(a + b, pause_s, floor_dbov)
    out = tp.LevelNormalizer().process(pcm)
    assert np.abs(out.astype(int)).max() <= 32768 * 0.8915
    for k in (2, 4, 5, 6):
        start, end = places[k]
        dbov = first_dbov if k < 3 else second_dbov
        own = speech_dbov(pcm[start:end]) - dbov  # a sentence may be louder than its voice
        assert speech_dbov(out[start:end]) - own == pytest.approx(-19, abs=1.5), k


@pytest.mark.parametrize("name", ["noise", "en-us", "flite:slt", "de", "fr-fr+f4"])
def test_one_voice_keeps_its_gain(sentences, name):
    """No pumping: the gain stays while one voice goes on, with short and long pauses."""
    for pause_s in (0.3, 1.5, 3.0):
        pcm, places = dialogue([x * 10 ** (-28 / 20) for x in sentences(name)], pause_s)
        normalizer, gains = tp.LevelNormalizer(), []
        for at in range(0, len(pcm) - 79, 80):
            normalizer.process(pcm[at : at + 80])
            gains.append(normalizer.gain_db)
        settled = np.array(gains[places[1][0] // 80 :])
        assert np.ptp(settled) < 3.5
        assert np.abs(np.diff(settled)).max() < 0.31


@pytest.mark.parametrize("noise_dbov", [-58, -55, -50, -45])
@pytest.mark.parametrize("name", ["noise", "en-us", "flite:slt"])
def test_pauses_and_their_noise_teach_nothing(sentences, name, noise_dbov):
    pcm, places = dialogue([x * 10 ** (-24 / 20) for x in sentences(name)[1:3]], 3.0, noise_dbov)
    normalizer = tp.LevelNormalizer()
    normalizer.process(pcm[: places[0][0]])
    assert normalizer.gain_db == 0  # noise before any speech
    normalizer.process(pcm[places[0][0] : places[0][1] + 160])
    gain = normalizer.gain_db
    normalizer.process(pcm[places[0][1] + 160 : places[1][0] - 160])
    assert normalizer.gain_db == gain


@pytest.mark.parametrize("breath_ms", [150, 300, 500])
def test_breath_teaches_nothing(sentences, breath_ms):
    """Between sentences of a loud voice, after digital silence."""
    rng = np.random.default_rng(3)
    voice_ = [x * 10 ** (-20 / 20) for x in sentences("noise")]
    n = breath_ms * 8
    breath = 10 ** (-46 / 20) * rng.standard_normal(n) * np.hanning(n)
    parts = [p for x in voice_ for p in (x, breath)]
    pcm, places = dialogue(parts, 0.4, -120)
    normalizer, at = tp.LevelNormalizer(), 0
    for k, (start, end) in enumerate(places):
        normalizer.process(pcm[at:start])
        before = normalizer.gain_db
        normalizer.process(pcm[start:end])
        at = end
        if k % 2 and k > 1:
            assert normalizer.gain_db == pytest.approx(before, abs=0.5)


@pytest.mark.parametrize("sound", ["keys", "earcon", "chime"])
@pytest.mark.parametrize("name", ["noise", "en-us", "flite:slt", "de"])
@pytest.mark.parametrize("dbov", [-24, -32])
def test_keys_and_earcons_are_forgotten(sentences, sound, name, dbov):
    t = np.arange(12000) / RATE
    loud = {
        "keys": tp.dtmf.generate("1470258369*#") / 32768,
        "earcon": 0.5 * np.sin(2 * np.pi * 880 * t),
        "chime": 0.6 * np.sin(2 * np.pi * 660 * t) * np.exp(-4 * (t % 0.3)),
    }[sound]
    speech = [x * 10 ** (dbov / 20) for x in sentences(name)]
    pcm, places = dialogue([loud, speech[1], speech[2], speech[3]])
    out = tp.LevelNormalizer().process(pcm)
    for start, end in places[2:]:
        own = speech_dbov(pcm[start:end]) - dbov
        assert speech_dbov(out[start:end]) - own == pytest.approx(-19, abs=1.5)


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
    for pcm in [voice(2, -25), np.concatenate([voice(3, -12), voice(3, -34)]), *hostile_signals(4000).values()]:
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
