"""`talkpath run` with recordings as people have them."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from talkpath import wav
from talkpath.cli import main

pytest.importorskip("rich", reason="the extra `cli` is not installed")
soundfile = pytest.importorskip("soundfile", reason="the extra `scan` is not installed")


def events(out: Path) -> list[str]:
    return [json.loads(line)["type"] for line in (out / "events.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def voicemail() -> np.ndarray:
    """What the machine says in the example call."""
    file = resources.files("talkpath") / "data" / "example_voicemail.wav"
    return wav.read_wav_channels(file.read_bytes(), 8000)[0]


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_a_voicemail_on_two_equal_channels_is_one_caller(
    tmp_path: Path, voicemail: np.ndarray, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / f"voicemail.{kind}", tmp_path / "out"
    if kind.upper() not in soundfile.available_formats():
        pytest.skip(f"this libsndfile does not write {kind}")
    soundfile.write(file, np.stack([voicemail, voicemail], axis=1) / 32768, 8000)  # libsndfile spoils MP3 of int16
    assert main(["run", str(file), "--out", str(out), "--detection-method", "audio"]) == 0
    assert "one caller" in capsys.readouterr().out
    found = events(out)
    assert found.count("voicemail.detected") == found.count("voicemail.beep") == 1
    assert "agent.speech_started" not in found


def test_channels_say_who_is_where(tmp_path: Path, voicemail: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "call.wav", tmp_path / "out"
    soundfile.write(file, np.stack([np.zeros_like(voicemail), voicemail], axis=1), 8000)
    assert main(["run", str(file), "--out", str(out)]) == 0
    assert "agent.speech_started" in events(out)
    assert main(["run", str(file), "--out", str(out), "--channels", "agent-caller"]) == 0
    assert "user.speech_started" in events(out)
    assert "agent.speech_started" not in events(out)
    capsys.readouterr()
    wav.write_wav(file, voicemail, 8000)
    assert main(["run", str(file), "--out", str(out), "--channels", "right"]) == 1
    assert "there is one channel" in capsys.readouterr().err
