"""Recordings: mono, two channels, two equal channels, other formats; and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from planted import said, silent

import talkpath as tp
from talkpath.report import read_call, render, report_of
from talkpath.wav import ULAW, write_wav, write_wav_coded

SOUNDS = Path("/usr/share/asterisk/sounds")


def two_sides() -> tuple[np.ndarray, np.ndarray]:
    """Greeting, question, answer, and one more of each, in which the agent is interrupted."""
    caller = [silent(2.5), said(1.5), silent(5.0), said(1.5, seed=4), silent(2.5)]
    agent = [said(2.0, seed=1), silent(2.8), said(2.0, seed=1), silent(0.7), said(2.0, seed=1), silent(3.5)]
    left, right = np.concatenate(caller), np.concatenate(agent)
    n = min(len(left), len(right))
    return left[:n], right[:n]


def saved(tmp_path, *channels, name="call.wav"):
    soundfile.write(tmp_path / name, np.stack(channels, axis=1), 8000)
    return tmp_path / name


def look(path, channels="auto") -> dict:
    return report_of(read_call(path, channels)).to_dict()


def test_two_channels(tmp_path):
    report = look(saved(tmp_path, *two_sides()))
    assert report["source"] == "recording"
    assert [t["response_ms"] for t in report["turns"]] == [pytest.approx(800, abs=60)]
    assert report["turns"][0]["decided_s"] is None
    (cut,) = report["interruptions"]
    assert (cut["kind"], cut["onset_s"]) == ("true", pytest.approx(9.0, abs=0.1))
    assert report["talk"]["agent_s"] == pytest.approx(6, abs=0.3)
    assert report["talk"]["caller_s"] == pytest.approx(3, abs=0.3)
    assert {r["name"]: r["verdict"] for r in report["health"]}["loss"] == "unknown"


def test_channels_change_places(tmp_path):
    left, right = two_sides()
    assert look(saved(tmp_path, right, left), "agent-caller")["spans"] == look(saved(tmp_path, left, right))["spans"]


def test_two_equal_channels_are_one_caller(tmp_path):
    voice = np.concatenate([silent(1), said(2), silent(1)])
    report = look(saved(tmp_path, voice, voice))
    assert report["talk"]["caller_s"] == pytest.approx(2, abs=0.2)
    assert report["talk"]["agent_s"] == 0
    assert report["talk"] == look(saved(tmp_path, voice))["talk"]
    assert look(saved(tmp_path, voice, voice), "caller-agent")["talk"]["agent_s"] == pytest.approx(2, abs=0.2)


def test_mixed(tmp_path):
    report = look(saved(tmp_path, *two_sides()), "mixed")
    assert report["talk"]["agent_s"] == 0
    assert report["talk"]["caller_s"] > 5


@pytest.mark.parametrize("name", ["call.flac", "call.ogg", "call.mp3"])
def test_what_soundfile_reads(tmp_path, name):
    report = look(saved(tmp_path, *two_sides(), name=name))
    assert report["talk"]["caller_s"] == pytest.approx(3, abs=0.3)
    assert len(report["turns"]) == 1


def test_a_wide_recording(tmp_path):
    left, right = (np.repeat(x, 6) for x in two_sides())  # 48 kHz
    soundfile.write(tmp_path / "wide.wav", np.stack([left, right], axis=1), 48_000)
    material = read_call(tmp_path / "wide.wav")
    report = report_of(material).to_dict()
    assert report["sample_rate_hz"] == 16_000
    assert report["talk"]["caller_s"] == pytest.approx(3, abs=0.3)
    assert [t["response_ms"] for t in report["turns"]] == [pytest.approx(800, abs=60)]
    assert len(render(report_of(material), material)) > 50_000


def test_a_recording_of_the_server(tmp_path):
    """µ-law of two channels, as `PhoneCall.record` and the agent stack write it."""
    left, right = two_sides()
    codes = np.stack([np.frombuffer(tp.g711.ulaw_encode(x), np.uint8) for x in (left, right)], axis=1).tobytes()
    write_wav_coded(tmp_path / "call.wav", codes, ULAW, 8000, 2)
    assert [t["response_ms"] for t in look(tmp_path / "call.wav")["turns"]] == [pytest.approx(800, abs=60)]


def test_keys_and_tones_in_a_recording(tmp_path):
    keys = tp.dtmf.generate("42", sample_rate=8000)
    report = look(saved(tmp_path, np.concatenate([silent(1), keys, silent(1)])))
    assert [k["digits"] for k in report["keys"]] == ["4", "2"]


def test_numbers_are_json(tmp_path):
    report = look(saved(tmp_path, *two_sides()))
    assert json.loads(json.dumps(report, allow_nan=False)) == report


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound at all", b"talkpath log 1\n"])
def test_what_is_no_call_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(tp.FormatError):
        read_call(tmp_path / "x")


def test_wrong_channels(tmp_path):
    write_wav(tmp_path / "a.wav", said(1), 8000)
    with pytest.raises(tp.FormatError, match="one channel"):
        read_call(tmp_path / "a.wav", "caller-agent")
    with pytest.raises(tp.FormatError, match="channels must be one of"):
        read_call(tmp_path / "a.wav", "both")
    with pytest.raises(tp.FormatError, match="3 channels"):
        read_call(saved(tmp_path, said(1), said(1), said(1)))


def test_a_machine_of_real_voices(tmp_path):
    """Debian's prompts as an answering machine's greeting, and its beep."""
    found = sorted(SOUNDS.glob("*/vm-intro.wav")) + sorted(SOUNDS.glob("*/*/vm-intro.wav"))
    if not found:
        pytest.skip("Debian's asterisk-core-sounds-*-wav are not installed")
    intro = tp.read_wav(found[0], 8000)
    beep = np.rint(6000 * np.sin(2 * np.pi * 1000 * np.arange(4000) / 8000)).astype(np.int16)
    report = look(saved(tmp_path, np.concatenate([silent(0.5), intro, silent(0.3), beep, silent(2)])))
    assert [a["result"] for a in report["answers"]] == ["machine"]
    assert [t["tone"] for t in report["tones"]] == ["beep"]
    assert report["tones"][0]["at_s"] == pytest.approx(1.3 + len(intro) / 8000, abs=0.15)
