"""The example as a newcomer runs it: `talkpath serve` in one process, `talkpath dial` in another, a LiveKit session between them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import livekit_line  # noqa: F401  (skips where LiveKit is not installed)
import numpy as np
import pytest
from conftest import ROOT
from scenario import voice

import talkpath
from talkpath import wav
from talkpath.phone.align import align

pytest.importorskip("websockets", reason="needs the extra: talkpath[server]")
pytest.importorskip("yaml", reason="needs the extra: talkpath[phone]")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is no event there")]

ENV = {
    **os.environ,
    "PYTHONPATH": str(Path(talkpath.__file__).parents[1]),
}  # the same talkpath: the sources, or a wheel's
BEEP = (6000 * np.sin(2 * np.pi * 1000 * np.arange(3360) / 8000)).astype(np.int16)
MAILBOX = np.concatenate([voice(3500, seed=7), np.zeros(4000, np.int16), BEEP])


def dial(script: str, out: Path, *more: str) -> tuple[dict, str]:
    """The phone's result of one call, and what the agent wrote."""
    (out / "caller.yaml").write_text(script, encoding="utf-8")
    serve = [sys.executable, "-m", "talkpath", "serve", "--app", "livekit_phone_agent:answer", "--port", "0"]
    server = subprocess.Popen(serve, cwd=ROOT / "examples", env=ENV, stderr=subprocess.PIPE, text=True)
    written = ""
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
            "--out",
            str(out),
        ]
        done = subprocess.run([*command, *more], env=ENV, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.terminate()
        written = server.communicate(timeout=20)[1]
    return json.loads((out / "call-0001.json").read_text(encoding="utf-8")), written


def said(written: str) -> list[str]:
    return [line["message"] for line in map(json.loads, written.splitlines()) if line.get("logger") == "agent"]


def test_a_caller_on_a_speakerphone_interrupts_and_is_answered(tmp_path: Path) -> None:
    """The agent does not interrupt itself; of what was cut the context keeps what was heard."""
    script = "- {interrupt_after: 3.0}\n- {say: {seconds: 1.6}}\n- {wait_for: speech}\n- {press: '5'}\n- {wait: 2}\n- hang_up\n"
    result, written = dial(script, tmp_path, "--line", "speakerphone", "--ear", "vad")
    told = said(written)
    assert told[0].startswith("assistant: Hello, this is Acme.")
    assert told[0].endswith("(cut)")
    assert "until eight" not in told[0]
    assert told[1] == "user: When can I come?"
    assert "key: 5" in told
    assert result["unprompted_clears"] == 0
    assert len(result["barge_ins"]) == 1


def test_a_mailbox_has_the_whole_message(tmp_path: Path) -> None:
    wav.write_wav(tmp_path / "box.wav", MAILBOX, 8000)
    script = "- {say: box.wav}\n- {wait: 6}\n- hang_up\n"
    _, written = dial(script, tmp_path, "--line", "clean", "--parameter", "voicemail=yes")
    heard = wav.read_wav(tmp_path / "call-0001.heard.wav", 8000)
    sys.path.append(str(ROOT / "examples"))
    from livekit_phone_agent import MESSAGE

    found = align(MESSAGE, heard, 8000)
    assert found.missing_samples == 0, found
    assert said(written) == ["assistant: Hello, this is Acme. Your order has arrived."]
