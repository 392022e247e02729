"""The page: small, the same twice, without an address to load from, whole without sound, safe from names."""

import base64
import io
import json
import re
import sys

import numpy as np
import pytest
from planted import TALK, Planted, said, silent

import talkpath as tp
from talkpath.cli import main
from talkpath.report import read_call, render, report_of
from talkpath.report.opus import encode_opus, with_serial
from talkpath.report.page import clock

pytest.importorskip("jinja2", reason="the extra `report` is not installed")
soundfile = pytest.importorskip("soundfile", reason="the extra `report` is not installed")


@pytest.fixture(scope="module")
def call(tmp_path_factory):
    x = Planted(tmp_path_factory.mktemp("page") / "call.log", line="speakerphone")
    x.greet()
    return x.run(TALK)


def page_of(path, **how) -> str:
    material = read_call(path)
    return render(report_of(material), material, **how)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_the_same_twice(call):
    assert page_of(call) == page_of(call)


def test_nothing_is_loaded(call):
    page = page_of(call)
    assert "default-src 'none'" in page
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:,)""", page)
    assert not re.findall(r"https?://|//cdn|@import|url\(", page)


def test_numbers_and_sound_are_inside(call):
    material = read_call(call)
    data = data_of(page_of(call))
    assert data["report"] == json.loads(json.dumps(report_of(material).to_dict()))
    sound, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(data["audio"])))
    assert (rate_hz, sound.shape) == (8000, (len(material.caller), 2))
    for side, pcm in enumerate((material.caller, material.heard)):
        assert np.corrcoef(np.abs(sound[:, side]), np.abs(pcm.astype(float)))[0, 1] > 0.8  # channels are not exchanged


def test_sound_and_picture_have_one_time(call):
    """What is played at a time is what is drawn there: the codec's delay is taken out."""
    material = read_call(call)
    sound, _ = soundfile.read(io.BytesIO(encode_opus(material.caller, material.heard, 8000)))
    here, there = sound[16000:80000, 0], material.caller[16000:80000] / 32768
    both = np.fft.irfft(np.fft.rfft(here, 1 << 17) * np.conj(np.fft.rfft(there, 1 << 17)))
    lag = int(np.argmax(np.abs(both)))
    assert min(lag, (1 << 17) - lag) <= 8  # a millisecond


def test_without_sound(call):
    page = page_of(call, audio=False)
    data = data_of(page)
    assert data["audio"] == ""
    assert [list(side) for side in data["sides"].values()] == [["peaks"]] * 2
    assert data["columns"] == pytest.approx(data["report"]["duration_s"] * 50, abs=1)
    assert 'id="play"' not in page
    assert len(page) < len(page_of(call))


def test_names_are_only_text(tmp_path):
    call = Planted(tmp_path / "<b>&.log")
    call.call.speak(said(1.0), 8000, "</script><script>alert(1)</script>", True)
    page = page_of(call.run(silent(2)), title="<i>\"'")
    assert "<script>alert" not in page
    assert "<i>" not in page
    assert len(re.findall("</script>", page)) == 2
    assert data_of(page)["report"]["utterances"][0]["name"] == "</script><script>alert(1)</script>"


@pytest.mark.slow
def test_five_minutes_fit_into_a_mail(tmp_path):
    """Two people who hardly stop: the most that a page of five minutes takes."""
    minute = [np.concatenate([said(4.0, seed=s + i), silent(0.7)]) for s in (1, 20) for i in range(10)]
    left, right = np.concatenate(minute[:10] * 7)[: 300 * 8000], np.concatenate(minute[10:] * 7)[: 300 * 8000]
    assert len(left) == 300 * 8000
    soundfile.write(tmp_path / "long.wav", np.stack([left, right], axis=1), 8000)
    page = page_of(tmp_path / "long.wav")
    assert len(page.encode()) <= 2_000_000


def test_ogg_pages_stay_whole():
    ogg = encode_opus(said(2.0), None, 8000)
    assert with_serial(ogg) == ogg
    other = with_serial(ogg, 1)
    assert other != ogg
    assert np.array_equal(soundfile.read(io.BytesIO(other))[0], soundfile.read(io.BytesIO(ogg))[0])
    with pytest.raises(ValueError, match="byte offset 0"):
        with_serial(b"RIFF")


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00.00"), (59.999, "1:00.00"), (75.25, "1:15.25"), (None, "–")])
def test_clock(seconds, text):
    assert clock(seconds) == text


def test_command(call, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(call)]) == 0
    assert "to look at: Echo return loss" in capsys.readouterr().err
    assert (tmp_path / "call.html").read_text(encoding="utf-8") == page_of(call)
    assert main(["report", str(call), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == report_of(read_call(call)).to_dict()
    assert main(["report", str(call), "--json", "--no-audio", "-o", "b.html", "--title", "A call"]) == 0
    assert "<h1>A call</h1>" in (tmp_path / "b.html").read_text(encoding="utf-8")
    assert main(["report", str(tmp_path / "none.wav")]) == 1
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    assert main(["report", str(tmp_path / "x.wav")]) == 1
    assert "x.wav" in capsys.readouterr().err


@pytest.mark.parametrize("missing", ["jinja2", "soundfile"])
def test_an_extra_that_is_missing(call, tmp_path, monkeypatch, capsys, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(call)]) == 2
    assert "pip install 'talkpath[report]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["report", str(call), "--json"]) == 0  # numbers need neither


def test_a_recording_of_the_caller_alone(tmp_path):
    tp.wav.write_wav(tmp_path / "mono.wav", np.concatenate([silent(1), said(2), silent(1)]), 8000)
    page = page_of(tmp_path / "mono.wav")
    assert list(data_of(page)["sides"]) == ["caller"]
    assert "what the caller heard is not known" in page


def test_a_very_short_call(tmp_path):
    tp.wav.write_wav(tmp_path / "short.wav", said(0.02), 8000)
    assert data_of(page_of(tmp_path / "short.wav"))["report"]["duration_s"] == 0.02
