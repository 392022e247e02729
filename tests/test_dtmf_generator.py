"""DTMF generator: ITU-T Q.23 tones by least squares, strings, errors."""

import numpy as np
import pytest

import talkpath as tp

KEYS = "123A456B789C*0#D"
LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)


def keys_of(pcm):
    return "".join(d.digit for d in tp.DtmfDetector().process(pcm))


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
@pytest.mark.parametrize("twist_db", [0.0, -6.0, 4.0])
def test_generator_tones(rate, twist_db):
    for k, key in enumerate(KEYS):
        pcm = tp.dtmf.generate(key, rate, tone_ms=200, gap_ms=50, level_dbov=-12.5, twist_db=twist_db)
        assert len(pcm) == rate // 4
        assert not pcm[rate // 5 :].any()
        inner = pcm[rate // 100 : rate // 5 - rate // 100] / 32768
        t = np.arange(len(inner)) / rate
        basis = np.column_stack(
            [f(2 * np.pi * hz * t) for hz in (LOW_HZ[k // 4], HIGH_HZ[k % 4]) for f in (np.cos, np.sin)]
        )
        weights, *_ = np.linalg.lstsq(basis, inner, rcond=None)
        residual = inner - basis @ weights
        assert np.sqrt(np.mean(residual**2)) < 0.35 / 32768  # rounding alone is 0.29
        low, high = (10 * np.log10((weights[i] ** 2 + weights[i + 1] ** 2) / 2) for i in (0, 2))
        assert abs(high - low - twist_db) < 0.01
        assert abs(10 * np.log10(10 ** (low / 10) + 10 ** (high / 10)) + 12.5) < 0.01


def test_generator_strings():
    assert len(tp.dtmf.generate("")) == 0
    assert keys_of(tp.dtmf.generate("0123456789*#ABCDabcd", tone_ms=50, gap_ms=40)) == "0123456789*#ABCDABCD"
    assert np.array_equal(tp.dtmf.generate("12"), np.concatenate([tp.dtmf.generate("1"), tp.dtmf.generate("2")]))
    long = "0123456789" * 60  # more than one native call takes
    assert np.array_equal(
        tp.dtmf.generate(long, tone_ms=20, gap_ms=0), np.tile(tp.dtmf.generate(long[:10], tone_ms=20, gap_ms=0), 60)
    )
    out = np.full(3300, 7, np.int16)
    assert tp.dtmf.generate("12", out=out) == 3200
    assert np.array_equal(out[:3200], tp.dtmf.generate("12"))
    assert (out[3200:] == 7).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample_rate": 7999}, "sample_rate"),
        ({"tone_ms": 19}, "tone_ms"),
        ({"gap_ms": -1}, "gap_ms"),
        ({"level_dbov": 0.0}, "level_dbov"),
        ({"level_dbov": float("nan")}, "level_dbov"),
        ({"twist_db": 13}, "twist_db"),
    ],
)
def test_generator_configuration(change, message):
    with pytest.raises(tp.ConfigError, match=message):
        tp.dtmf.generate("1", **change)


def test_generator_rejects_other_characters():
    with pytest.raises(tp.FormatError, match="'x' at position 2"):
        tp.dtmf.generate("12x")
    with pytest.raises(tp.FormatError, match="'é'"):
        tp.dtmf.generate("é")
    with pytest.raises(tp.FormatError, match="str"):
        tp.dtmf.generate(5)
    with pytest.raises(tp.LengthError, match="1600 are needed"):
        tp.dtmf.generate("1", out=np.zeros(1599, np.int16))
