"""The ambience mixer: against the obvious NumPy mix, and by its promises: no clip, no click, no gap, no change without a sound."""

import io
import pickle

import numpy as np
import pytest
import soundfile
from conftest import hostile_signals, random_cuts

import talkpath as tp
import talkpath.ambience

RATE = 8000
SOUND = np.rint(4000 * np.sin(2 * np.pi * 200 * np.arange(4000) / RATE)).astype(np.int16)  # whole periods: seamless
QUIET = np.zeros(RATE, np.int16)


def fade(n, length, sign=1):
    share = np.minimum(1, np.arange(n) / length)
    return np.sqrt(share if sign > 0 else 1 - share)


def test_without_a_sound_nothing_changes():
    mixer = tp.AmbienceMixer(RATE)
    for pcm in hostile_signals(2000).values():
        np.testing.assert_array_equal(mixer.mix(pcm), pcm)
    assert not mixer.active


@pytest.mark.parametrize("volume", [0.0, 0.3, 1.0])
def test_looped_sound_is_added(volume):
    mixer = tp.AmbienceMixer(RATE, SOUND, volume)
    out = mixer.mix(np.zeros(12000, np.int16))
    expected = volume * np.resize(SOUND, 12000) * fade(12000, 1600)
    np.testing.assert_allclose(out, expected, atol=1.5)


def test_ducks_under_speech_and_comes_back():
    rng = np.random.default_rng(1)
    speech = np.rint(rng.standard_normal(RATE) * 2000).astype(np.int16)
    mixer = tp.AmbienceMixer(RATE, SOUND, 1.0, duck_db=12)
    mixer.mix(QUIET)
    under = mixer.mix(speech).astype(float) - speech
    back = mixer.mix(np.zeros(3 * RATE, np.int16)).astype(float)

    def level_db(x):
        return 20 * np.log10(np.sqrt((x**2).mean()) / (4000 / np.sqrt(2)))

    assert level_db(under[1600:]) == pytest.approx(-12, abs=0.2)
    assert level_db(back[:400]) < -9
    assert level_db(back[-800:]) == pytest.approx(0, abs=0.1)


def test_never_clips_and_bends_only_near_full_scale():
    loud = np.full(4000, 32767, np.int16)
    mixer = tp.AmbienceMixer(RATE, loud, 1.0, duck_db=0)
    for pcm in hostile_signals(4000).values():
        out = mixer.mix(pcm).astype(int)
        assert np.abs(out).max() < 32768
    mixer = tp.AmbienceMixer(RATE, SOUND, 0.5, duck_db=0)
    mixer.mix(QUIET)
    ramp = np.linspace(-24000, 24000, 4000).astype(np.int16)
    np.testing.assert_allclose(mixer.mix(ramp), ramp + 0.5 * SOUND, atol=1.5)
    steady = mixer.mix(np.full(4000, 32000, np.int16)).astype(int)
    assert steady.max() < 32768
    assert steady.min() > 29000


def test_changes_fade_without_a_click():
    """Sounds change at random moments, also in the middle of a fade: no step beyond the sounds' own by a fifth."""
    rng = np.random.default_rng(2)
    tones = [np.rint(6000 * np.sin(2 * np.pi * hz * np.arange(8000) / RATE)).astype(np.int16) for hz in (100, 170, 230)]
    step = max(np.abs(np.diff(t.astype(int), append=t[0])).max() for t in tones)
    mixer, out = tp.AmbienceMixer(RATE), []
    for _ in range(400):
        what = rng.integers(0, 6)
        if what < 3:
            mixer.play(tones[what], volume=float(rng.uniform(0.3, 1)), loop=bool(rng.random() < 0.7))
        elif what == 3:
            mixer.stop()
        elif what == 4:
            mixer.set_volume(float(rng.uniform(0, 1)))
        out.append(mixer.mix(np.zeros(int(rng.integers(0, 2000)), np.int16)))
    out = np.concatenate(out).astype(int)
    assert np.abs(np.diff(out, prepend=0)).max() <= 1.2 * step * np.sqrt(2)  # two sounds at equal power at once


def test_played_once_ends_softly():
    sound = np.full(4000, 8000, np.int16)
    mixer = tp.AmbienceMixer(RATE, sound, 1.0, loop=False)
    out = mixer.mix(np.zeros(6000, np.int16)).astype(int)
    assert out[3000] == 8000
    assert not out[4000:].any()
    assert np.abs(np.diff(out[3000:])).max() <= 8000 * np.sqrt(1 / 160) + 1
    assert not mixer.active


def test_stopped_near_its_end_it_does_not_begin_again():
    sound = np.zeros(8000, np.int16)
    sound[:400] = 20000
    mixer = tp.AmbienceMixer(RATE, sound, 1.0, loop=False)
    mixer.mix(np.zeros(7600, np.int16))
    mixer.stop()
    assert not mixer.mix(np.zeros(3000, np.int16)).any()


def test_loop_has_no_gap():
    for name in ("office", "crowded-room"):
        mixer = tp.AmbienceMixer(RATE, name, 1.0)
        n = len(tp.ambience.generate(name, RATE))
        first, second = (mixer.mix(np.zeros(n, np.int16)) for _ in range(2))
        np.testing.assert_allclose(first[1600:], second[1600:], atol=1)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_any_cut_is_the_same_stream(rate, rng):
    pcm = np.rint(rng.standard_normal(rate * 2) * np.repeat(rng.uniform(0, 9000, 20), rate // 10)).astype(np.int16)

    def play(pieces):
        mixer = tp.AmbienceMixer(rate, SOUND, 0.8)
        out = []
        for k, piece in enumerate(pieces):
            out.append(mixer.mix(piece))
            if k == 0:
                mixer.play(SOUND[:3000], 0.5, loop=False)
        return np.concatenate(out)

    whole = play([pcm[:5000], pcm[5000:]])
    cut = play([pcm[:5000], *random_cuts(pcm[5000:], rng)])
    np.testing.assert_array_equal(whole, cut)


def test_sounds_by_name_file_bytes_and_array(tmp_path):
    file = io.BytesIO()
    soundfile.write(file, SOUND, RATE, format="WAV", subtype="PCM_16")
    (tmp_path / "x.wav").write_bytes(file.getvalue())
    outs = [
        tp.AmbienceMixer(RATE, sound, 1.0).mix(QUIET) for sound in (SOUND, file.getvalue(), tmp_path / "x.wav", str(tmp_path / "x.wav"))
    ]  # fmt: skip
    for out in outs[1:]:
        np.testing.assert_array_equal(out, outs[0])
    for wrong, error in (("beach", tp.ConfigError), (b"RIFF", tp.FormatError), (SOUND[:0], tp.FormatError),
                         (SOUND.astype(np.float32), tp.FormatError)):  # fmt: skip
        with pytest.raises(error):
            tp.AmbienceMixer(RATE, wrong)


def test_sounds_live_as_long_as_they_play():
    mixer = tp.AmbienceMixer(RATE)
    for k in range(50):
        mixer.play(np.full(3000, k * 100, np.int16), 1.0)
        mixer.mix(np.zeros(500, np.int16))
        np.random.default_rng(k).standard_normal(10_000)  # reuses freed memory, if any was
    out = mixer.mix(np.zeros(8000, np.int16))
    np.testing.assert_array_equal(out[-100:], np.full(100, 4900))


def test_reset_repr_pickle_errors():
    mixer = tp.AmbienceMixer(RATE, SOUND, 0.5, duck_db=3)
    first = mixer.mix(QUIET)
    mixer.reset()
    np.testing.assert_array_equal(mixer.mix(QUIET), QUIET)
    mixer.play(SOUND, 0.5)
    fresh = tp.AmbienceMixer(RATE, duck_db=3)
    fresh.mix(QUIET)
    fresh.play(SOUND, 0.5)
    np.testing.assert_array_equal(mixer.mix(QUIET), fresh.mix(QUIET))
    assert first.any()
    assert repr(pickle.loads(pickle.dumps(mixer))) == repr(mixer) == "AmbienceMixer(sample_rate=8000, duck_db=3)"
    assert mixer.delay_ms == 0
    for wrong in ({"sample_rate": 4000}, {"volume": 1.1}, {"volume": float("nan")}, {"duck_db": 41}):
        with pytest.raises(tp.ConfigError, match=next(iter(wrong))):
            tp.AmbienceMixer(**{"sample_rate": RATE, **wrong})
    with pytest.raises(tp.FormatError):
        mixer.mix(np.zeros(10, np.float32))
    buffer = QUIET.copy()
    assert mixer.mix(buffer, out=buffer) == len(QUIET)
