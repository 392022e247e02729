"""The built-in backgrounds: level, seam, what each is made of, and the same samples always."""

import numpy as np
import pytest
from scipy import signal

import talkpath as tp
from talkpath import ambience

RATES = (8000, 16000, 24000, 48000)


def db(power):
    return 10 * np.log10(np.maximum(power, 1e-12))


def blocks_db(x, rate, ms=20):
    n = rate * ms // 1000
    return db(((x[: len(x) // n * n].astype(float) / 32768).reshape(-1, n) ** 2).mean(axis=1))


@pytest.mark.parametrize("name", ambience.NAMES)
@pytest.mark.parametrize("rate", RATES)
def test_level_and_peaks(name, rate):
    loop = ambience.generate(name, rate)
    level = blocks_db(loop, rate)
    active = level[level > level.max() - 20]
    assert db((10 ** (active / 10)).mean()) == pytest.approx(-26, abs=0.5)
    assert np.abs(loop.astype(int)).max() < 32768 * 10 ** (-3 / 20)
    assert abs(loop.mean()) < 30
    assert not loop.flags.writeable


@pytest.mark.parametrize("name", ambience.NAMES)
def test_seam_cannot_be_told(name):
    """Spectral flux across the seam is within the loop's own distribution, and so is the step."""
    rate = 8000
    loop = ambience.generate(name, rate).astype(float)
    twice = np.concatenate([loop, loop])
    hop = 64
    spectrum = np.log(np.abs(signal.stft(twice, nperseg=256, noverlap=256 - hop)[2]) + 1.0)
    flux = np.sqrt((np.diff(spectrum, axis=1) ** 2).sum(axis=0))
    seam = len(loop) // hop
    inside = flux[10 : seam - 10]
    assert flux[seam - 3 : seam + 4].max() <= np.percentile(inside, 99.5)
    assert abs(loop[0] - loop[-1]) <= np.percentile(np.abs(np.diff(loop)), 99.9)


def test_each_is_what_it_is_called():
    rate = 16000
    level = {name: blocks_db(ambience.generate(name, rate), rate) for name in ambience.NAMES}
    spread = {name: np.percentile(x, 95) - np.percentile(x, 5) for name, x in level.items()}
    # Typing comes in bursts of clicks over near silence; rooms and streets are steady.
    assert min(spread["typing"], spread["typing-short"]) > 20
    assert max(spread[n] for n in ("office", "crowded-room", "call-center")) < 14
    assert 6 < spread["city-street"] < 18  # cars come and go
    # Voices: the envelope of the speech band moves at syllable rates (2 to 8 Hz), more than that of the street.
    band = signal.butter(2, [400, 3000], "band", fs=rate, output="sos")

    def syllables(name):
        envelope = blocks_db(signal.sosfilt(band, ambience.generate(name, rate)), rate)
        power = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
        hz = np.fft.rfftfreq(len(envelope), 0.02)
        return power[(hz > 2) & (hz < 8)].sum() / power[hz > 0.2].sum()

    assert min(syllables("call-center"), syllables("crowded-room")) > 1.3 * syllables("city-street")
    # All of it is within what a telephone carries.
    for name in ambience.NAMES:
        x = ambience.generate(name, rate).astype(float)
        hz, power = signal.welch(x, rate, nperseg=2048)
        assert power[(hz > 200) & (hz < 3800)].sum() > 0.6 * power.sum(), name


def test_rates_agree():
    """The same scene at every rate: energies of half seconds go together (voices say other things)."""
    for name in ("typing", "typing-short", "city-street"):
        low, high = (blocks_db(ambience.generate(name, rate), rate, 500) for rate in (8000, 16000))
        assert len(low) == len(high)
        assert np.corrcoef(low, high)[0, 1] > 0.5, name


def test_generation_is_repeatable_and_errors_name_the_field():
    again = ambience.ambience_generate(0, 8000)
    np.testing.assert_array_equal(again, ambience.generate("office", 8000))
    with pytest.raises(tp.ConfigError, match="sound must be one of 'office'"):
        ambience.generate("beach")
    with pytest.raises(tp.ConfigError, match="sample_rate"):
        ambience.generate("office", 11025)


def test_no_detector_takes_it_for_a_signal():
    """A background must not make the far end, or our own detectors, believe in keys, beeps or network tones."""
    for name in ambience.NAMES:
        loop = tp.g711.ulaw_decode(tp.g711.ulaw_encode(np.tile(ambience.generate(name, 8000), 2)))
        for detector in (tp.DtmfDetector(), tp.BeepDetector(), tp.CallProgressDetector()):
            found = [e for i in range(0, len(loop), 160) for e in detector.process(loop[i : i + 160])]
            assert found == [], name
