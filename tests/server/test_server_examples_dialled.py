"""The examples as a newcomer runs them: `talkpath serve` in one process, `talkpath dial` in another; what the caller heard is what was said."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from scenario import voice
from scipy import signal

from talkpath import wav
from talkpath.phone.align import align

pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
pytest.importorskip("yaml", reason="needs the extra: talkpath[phone]")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is no event there")]

ENV = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
BAND = signal.butter(
    10, 3300, fs=8000, output="sos"
)  # call.audio() is at 16 kHz: what lies near 4 kHz does not come back
VOICES = np.concatenate([voice(1500, seed=3), np.zeros(1600, np.int16), voice(900, seed=4, pitch=180.0)])
SAID = signal.sosfilt(BAND, VOICES).astype(np.int16)
BEEP = (6000 * np.sin(2 * np.pi * 1000 * np.arange(3360) / 8000)).astype(np.int16)
GREETING = np.concatenate([voice(3500, seed=7), np.zeros(4000, np.int16), BEEP])
TALKS = """
- {say: said.wav}
- {wait: 5}
- hang_up
"""
MENU = """
- {wait_for: speech}
- {press: "1"}
- {wait_for: silence, for_ms: 900}
- {press: "4711#"}
- {wait_for: speech}
- {wait_for: silence, for_ms: 1500, timeout_s: 5, on_timeout: go_on}
- hang_up
"""


def dial(app: str, script: str, out: Path, *more: str) -> np.ndarray:
    """What the caller heard in one call to an example."""
    (out / "caller.yaml").write_text(script, encoding="utf-8")
    serve = [sys.executable, "-m", "talkpath", "serve", "--app", f"{app}:answer", "--port", "0", *more]
    server = subprocess.Popen(serve, cwd=ROOT / "examples", env=ENV, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        listening = next(json.loads(line) for line in server.stderr if '"listening"' in line)
        url = f"ws://127.0.0.1:{listening['port']}/twilio"
        command = [
            sys.executable,
            "-m",
            "talkpath",
            "dial",
            url,
            "--caller",
            str(out / "caller.yaml"),
            "--line",
            "clean",
        ]
        done = subprocess.run(
            [*command, "--duration", "30", "--json", "--out", str(out)],
            env=ENV, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads(done.stdout)["malformed"] == 0
    finally:
        server.terminate()
        server.communicate(timeout=20)
    return wav.read_wav(out / "call-0001.heard.wav", 8000)


def whole(said: np.ndarray, heard: np.ndarray) -> None:
    found = align(said, heard, 8000)
    assert found.missing_samples == 0, found
    assert found.shift_ms <= 20, found


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return importlib.import_module


@pytest.mark.parametrize("app", ["echo", "parrot"])
def test_it_says_back_all_that_it_heard(app: str, tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "said.wav", SAID, 8000)
    whole(SAID, dial(app, TALKS, tmp_path))


def test_the_machine_has_the_whole_message(example, tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "said.wav", GREETING, 8000)
    config = ("--config", json.dumps({"detection_method": "audio", "speaks_first": "user"}))
    whole(example("voicemail_drop").MESSAGE, dial("voicemail_drop", TALKS, tmp_path, *config))


def test_the_order_is_told(example, tmp_path: Path) -> None:
    heard = dial("keypad_menu", MENU, tmp_path)
    menu = example("keypad_menu")
    whole(menu.NUMBER, heard)
    whole(menu.SHIPPED, heard)
