"""A voicemail on two equal channels, in four kinds of files: for `run`, `report` and `scan` it is one caller, a machine that beeps."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from talkpath import wav
from talkpath.cli import main

pytest.importorskip("rich", reason="the extra `cli` is not installed")
pytest.importorskip("jinja2", reason="the extra `report` is not installed")
pq = pytest.importorskip("pyarrow.parquet", reason="the extra `scan` is not installed")
soundfile = pytest.importorskip("soundfile", reason="the extra `scan` is not installed")


@pytest.fixture(scope="module")
def voicemail() -> np.ndarray:
    file = resources.files("talkpath") / "data" / "example_voicemail.wav"
    return wav.read_wav_channels(file.read_bytes(), 8000)[0]


def write(path: Path, left: np.ndarray, right: np.ndarray) -> Path:
    kind = path.suffix[1:]
    if kind.upper() not in soundfile.available_formats():
        pytest.skip(f"this libsndfile does not write {kind}")
    soundfile.write(path, np.stack([left, right], axis=1) / 32768, 8000)  # libsndfile spoils MP3 of int16
    return path


@pytest.mark.realtime
@pytest.mark.parametrize("kind", ["wav", "flac", "ogg", "mp3"])
def test_one_caller(tmp_path: Path, voicemail: np.ndarray, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / f"voicemail.{kind}", voicemail, voicemail)
    assert main(["run", str(file), "--out", str(tmp_path / "out"), "--detection-method", "audio", "--json"]) == 0
    events = [event["type"] for event in json.loads(capsys.readouterr().out)["events"]]
    assert events.count("voicemail.detected") == events.count("voicemail.beep") == 1
    assert "agent.speech_started" not in events

    assert main(["report", str(file), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [answer["result"] for answer in report["answers"]] == ["machine"]
    assert [tone["tone"] for tone in report["tones"]] == ["beep"]
    assert report["talk"]["agent_s"] == 0

    assert main(["scan", str(file), "-o", str(tmp_path / "t.parquet"), "--workers", "1", "--json"]) == 0
    capsys.readouterr()
    (row,) = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert (row["sides"], row["channels"], row["answered_by"], row["beeps"]) == ("equal", 2, "machine", 1)
    assert row["caller_talk_share"] == pytest.approx(report["talk"]["caller_share"], abs=6e-4)


@pytest.mark.realtime
@pytest.mark.parametrize("channels", ["left", "agent-caller", "mixed"])
def test_channels_say_who_is_where(
    tmp_path: Path, voicemail: np.ndarray, channels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The machine is on the right: nobody is on the left; the caller is on the right; or in the mean."""
    file = write(tmp_path / "call.flac", np.zeros_like(voicemail), voicemail)
    how = ["--channels", channels, "--json"]
    assert main(["run", str(file), "--out", str(tmp_path / "out"), "--detection-method", "audio", *how]) == 0
    by_run = "voicemail.beep" in [event["type"] for event in json.loads(capsys.readouterr().out)["events"]]
    assert main(["report", str(file), *how]) == 0
    by_report = [answer["result"] for answer in json.loads(capsys.readouterr().out)["answers"]] == ["machine"]
    assert main(["scan", str(file), "-o", str(tmp_path / "t.parquet"), "--workers", "1", *how]) == 0
    capsys.readouterr()
    (row,) = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert by_run == by_report == (row["answered_by"] == "machine") == (channels != "left")
