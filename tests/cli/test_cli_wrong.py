"""What a newcomer gets wrong: one line that says what to do, no traceback, and the right exit status. And Ctrl-C."""

import builtins
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import talkpath as tp
from talkpath import wav
from talkpath.cli import bench_scenes, main

pytest.importorskip("rich", reason="the extra `cli` is not installed")
for _name in ("soundfile", "pyarrow", "websockets", "uvicorn"):
    pytest.importorskip(_name, reason=f"{_name} is not installed")

APP = "import asyncio\nasync def answer(call): ...\ndef plain(call): ...\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    noise = np.random.default_rng(1).standard_normal(16000) * 3000
    wav.write_wav("call.wav", np.rint(noise).astype(np.int16), 8000)
    Path("text.wav").write_text("this is no sound " * 20)
    Path("empty.wav").write_bytes(b"")
    Path("notes.log").write_text("no log")
    Path("folder").mkdir()
    Path("wrong_app.py").write_text(APP)
    Path("wrong.toml").write_text("a = = b")
    call = tp.CallPipeline(seed=1)
    call.record("call.log")
    call.receive(bytes(160))
    call.hangup()
    return tmp_path


# The command, the exit status, and what the last line must say.
WRONG = [
    ("", 2, "completion"),  # the help lists the commands
    ("scna calls", 2, "invalid choice: 'scna'"),
    ("info --nope", 2, "unrecognized arguments: --nope"),
    ("run", 2, "required: CALLER.wav"),
    ("run missing.wav", 1, "missing.wav: No such file or directory"),
    ("run text.wav", 1, "text.wav: not a sound file"),
    ("run empty.wav", 1, "empty.wav: empty file"),
    ("run folder", 1, "folder: Is a directory; name the files in it"),
    ("run call.log", 1, "it is a call's log: talkpath replay runs it again"),
    ("run call.wav --agent missing.wav", 1, "missing.wav: No such file"),
    ("run call.wav --channels right", 1, "there is one channel"),
    ("run call.wav --channels both", 2, "invalid choice: 'both'"),
    ("run call.wav --loss 200", 2, "--loss: must be a number, 0 to 100 (got '200')"),
    ("run call.wav --stream mulaw", 2, "audio/x-mulaw;rate=8000"),
    ("run call.wav --out call.wav", 2, "--out names a folder, and call.wav is a file"),
    ("replay missing.log", 1, "missing.log: No such file"),
    ("replay call.wav", 1, "talkpath run takes recordings"),
    ("demo --out call.wav", 2, "--out names a folder"),
    ("report missing.wav", 1, "missing.wav: No such file"),
    ("report notes.log", 1, "no log of call.record, and not a sound file"),
    ("report folder", 1, "name the files in it"),
    ("report call.wav -o folder", 2, "-o folder/call.html"),
    ("report call.wav call.wav -o call.wav", 2, "-o names a folder"),
    ("report call.wav --channels caller-agent", 1, "there is one channel"),
    ("scan missing", 2, "missing: No such file"),
    ("scan call.wav -o calls.csv", 2, "must end with .parquet"),
    ("scan folder --workers 0", 2, "whole number, 1 or more (got '0')"),
    ("scan folder --max-hours nan", 2, "0 to 1000 (got 'nan')"),
    ("scan folder --ray-address auto", 2, "--ray-address needs --engine ray"),
    ("scan folder", 0, "there is no recording below folder: names must end with"),
    ("serve", 2, "required: --app"),
    ("serve --app wrong_app.py", 2, "module:function"),
    ("serve --app nobody:answer", 2, "there is no module 'nobody' in "),
    ("serve --app wrong_app:nobody", 2, "there is no 'nobody' in 'wrong_app'"),
    ("serve --app wrong_app:plain", 2, "async def"),
    ("serve --app wrong_app:answer --port 99999", 2, "up to 65535"),
    ("serve --app wrong_app:answer --config wrong.toml", 2, "neither JSON nor TOML"),
    ("serve --app wrong_app:answer --config missing.toml", 2, "missing.toml: No such file"),
    ("dial localhost:8080", 2, "ws://, wss://, audiosocket:// is expected"),
    ("dial ws://127.0.0.1:9/ --caller missing.yaml", 2, "missing.yaml: No such file"),
    ("dial ws://127.0.0.1:9/ --caller text.wav", 2, "text.wav: not a WAV file"),
    ("dial ws://127.0.0.1:9/ --provider nobody", 2, "provider: one of plivo, twilio"),
    ("dial ws://127.0.0.1:9/ --line nowhere", 2, "line: one of clean, landline"),
    ("agents --config missing.toml", 2, "missing.toml: No such file"),
    ("agents --port x", 2, "a port is a whole number"),
    ("bench --seconds 0", 2, "0.1 to 3600 (got '0')"),
    ("completion tcsh", 2, "invalid choice: 'tcsh'"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "status", "says"), WRONG, ids=[line or "nothing" for line, _, _ in WRONG])
@pytest.mark.usefixtures("here")
def test_one_line_says_what_to_do(line: str, status: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        found = main(line.split())
    except SystemExit as left:  # argparse
        found = left.code
    assert found == status
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "Errno" not in said
    command = line.split(maxsplit=1)[0] if line else ""
    last = " ".join(said.split()) if not line else said.splitlines()[-1]
    assert says in last
    if line and "error:" not in last:
        assert last.startswith(f"talkpath {command}: ")
        assert said.count("\n") == 1


@pytest.mark.realtime
@pytest.mark.usefixtures("here")
def test_a_port_that_is_taken_and_one_that_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "--app", "wrong_app:answer", "--port", port]) == 1
    assert "--port names another port" in capsys.readouterr().err.splitlines()[-1]
    assert main(["dial", f"ws://127.0.0.1:{port}/twilio", "--connect-timeout", "5", "--json"]) == 1
    assert "is the server running (talkpath serve)" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("line", "missing", "extra"),
    [
        ("run call.wav", "rich", "cli"),
        ("info", "rich", "cli"),
        ("bench --seconds 0.1", "rich", "cli"),
        ("scan folder", "pyarrow", "scan"),
        ("agents --port 0", "starlette", "agentstack"),
        ("report call.wav", "jinja2", "report"),
    ],
)
def test_an_extra_that_is_missing(
    line: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in [m for m in sys.modules if m.split(".")[0] == missing or m.startswith("talkpath.cli.")]:
        if not module.endswith(("problems", "completion", "arguments")):
            monkeypatch.delitem(sys.modules, module)
    for module in (
        "talkpath.scan.store",
        "talkpath.scan.archive",
        "talkpath.agentstack.server",
        "talkpath.agentstack.rest.app",
    ):
        monkeypatch.delitem(sys.modules, module, raising=False)
    real = builtins.__import__

    def without(name: str, *rest: object, **more: object) -> object:
        if name.split(".", maxsplit=1)[0] == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.setattr(bench_scenes, "SCENES", bench_scenes.SCENES[:1])
    assert main(line.split()) == 2
    assert f"pip install 'talkpath[{extra}]'" in capsys.readouterr().err.splitlines()[-1]


# --- Ctrl-C, pipes, JSON --------------------------------------------------------------------------------------------------------


def test_ctrl_c_leaves_what_was_done(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from talkpath.cli import run

    class Stopped(tp.CallPipeline):
        def transmit(self, *args: object) -> object:
            self.count = getattr(self, "count", -1) + 1
            if self.count == 50:
                raise KeyboardInterrupt
            return super().transmit(*args)

    monkeypatch.setattr(run, "CallPipeline", Stopped)
    assert main(["run", "call.wav", "--out", "out"]) == 130
    assert (
        capsys.readouterr().err == "talkpath run: stopped after 1.0 s of call.wav; what was done till then is in out\n"
    )
    assert len(wav.read_wav(here / "out/wire.wav", 8000)) == 8000
    assert (here / "out/events.jsonl").exists()


def test_ctrl_c_of_bench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def figures(seconds: float):
        yield bench_scenes.measure(bench_scenes.SCENES[0], 0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_scenes, "figures", figures)
    assert main(["bench", "--json"]) == 130
    assert len(json.loads(capsys.readouterr().out)["scenes"]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.usefixtures("here")
def test_a_reader_that_goes(here: Path) -> None:
    code = "import sys; from talkpath.cli import main; sys.stdin.read(); sys.exit(main(['completion', 'bash']))"
    piped = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    piped.stdout.close()
    piped.stdin.close()
    assert piped.stderr.read() == b""
    assert piped.wait() == 1


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("line", ["run call.wav", "replay call.log"])
def test_what_happened_as_json(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line.split(), "--out", "out", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["call"] == line.split()[1]
    assert told["duration_s"] == (2.0 if line.startswith("run") else 0.02)
    assert all(Path(name).exists() for name in told["wrote"])
    lines = Path("out/events.jsonl").read_text(encoding="utf-8").splitlines()
    assert told["events"] == [json.loads(line) for line in lines]


@pytest.mark.usefixtures("here")
def test_the_demo_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [call["call"] for call in told["calls"]] == ["example_inbound.wav", "example_voicemail.wav"]
    assert told["report"] == "demo-out/report.html"
    assert Path(told["report"]).stat().st_size > 100_000
