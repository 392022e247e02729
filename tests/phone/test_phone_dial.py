"""`talkpath dial` against our own server, through real sockets."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from talkpath import CallConfig, wav
from talkpath.cli import main
from talkpath.phone import align, voice
from talkpath.server import Authentication, MediaServer, PhoneCall

pytestmark = pytest.mark.realtime

CONFIG = CallConfig(comfort_noise_enabled=False, echo_control=False, idle_timeout=None)
SAID = voice(1.0, 8000, 7)
HAS_PICOWS = __import__("importlib.util").util.find_spec("picows") is not None
TRANSPORTS = ["websockets", pytest.param("picows", marks=pytest.mark.skipif(not HAS_PICOWS, reason="picows is not installed"))]  # fmt: skip


async def greet(call: PhoneCall) -> None:
    await call.speak(SAID, 8000, final=True)
    async for _ in call.events():
        pass


def dial(
    *arguments: str, path: str = "ws://127.0.0.1:{port}/{dialect}", dialect: str = "twilio", **server: object
) -> int:
    """Exit status of a command against a server that greets."""

    async def run() -> int:
        async with MediaServer(greet, config=CONFIG, port=0, audiosocket_port=0, drain_s=0, **server) as running:
            url = path.format(port=running.port, dialect=dialect, tcp=running.audiosocket_port)
            return await asyncio.to_thread(main, ["dial", url, *arguments])

    return asyncio.run(run())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_was_heard_is_written(transport: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = dial(
        "--caller", "silent", "--duration", "1.6", "--line", "clean", "--calls", "2", "--ramp", "50", "--transport",
        transport, "--out", str(tmp_path), "--json", dialect="plivo",
    )  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (told["answered"], told["ok"], told["transport"], told["provider"]) == (2, 2, transport, "plivo")
    assert {path.name for path in tmp_path.iterdir()} == {
        f"call-000{n}.{kind}" for n in (1, 2) for kind in ("heard.wav", "sent.wav", "json")
    }
    heard, sent = (wav.read_wav(tmp_path / f"call-0001.{kind}.wav", 8000) for kind in ("heard", "sent"))
    assert len(heard) == len(sent)
    assert 8000 <= len(heard) <= 8000 * 1.7
    found = align(SAID, heard, 8000)
    assert found.missing_samples == 0  # a busy machine may be late, but loses nothing
    call = json.loads((tmp_path / "call-0001.json").read_text())
    assert call == told["calls"][0]
    assert call["first_audio_ms"] > 0
    assert call["media"] > 50
    assert [e["event"] for e in call["events"]][-1] == "ended"
    assert told["machine"]["wakes"] > 50
    assert told["own_late_ms"]["count"] >= 2 * 60


def test_audiosocket(capsys: pytest.CaptureFixture[str]) -> None:
    status = dial("--caller", "silent", "--duration", "0.6", "--json", path="audiosocket://127.0.0.1:{tcp}")
    told = json.loads(capsys.readouterr().out)
    assert status == 0
    assert (told["provider"], told["transport"], told["ok"]) == ("audiosocket", "tcp", 1)


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    status = dial("--caller", "silent", "--duration", "0.6", "--calls", "3", "--ramp", "100", dialect="telnyx")
    out = capsys.readouterr().out
    assert status == 0
    for word in ("telnyx", "gap p50", "frames late", "phone late", "machine late", "3 answered", "time was up"):
        assert word in out


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_refused(transport: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = dial("--duration", "0.3", "--transport", transport, token="secret")
    assert status == 1
    assert "call 1: refused with 401: " in capsys.readouterr().out
    assert (
        dial("--caller", "silent", "--duration", "0.3", "--transport", transport, "--token", "secret", token="secret")
        == 0
    )
    assert dial("--caller", "silent", "--duration", "0.3", "--auth", "x:secret", token="secret") == 0
    capsys.readouterr()
    status = dial("--caller", "silent", "--duration", "0.5", "--calls", "3", "--ramp", "20", "--json", max_calls=1)
    told = json.loads(capsys.readouterr().out)
    assert status == 1
    assert (told["answered"], told["refused"]) == (1, 2)
    assert told["ended"] == {"time was up": 1, "refused with 503: all lines are taken": 2}


def test_a_failed_check_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "caller.yaml").write_text("- {wait_for: silence, for_ms: 9000, timeout_s: 0.2}\n- hang_up\n")
    assert dial("--caller", str(tmp_path / "caller.yaml")) == 1
    assert "call 1: no silence within 0.2 s" in capsys.readouterr().out


def test_a_password_goes_before_a_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKPATH_TOKEN", "another")
    door = Authentication(basic=("user", "password"))
    assert dial("--auth", "user:password", "--duration", "0.5", "--caller", "silent", authentication=door) == 0
    assert dial("--duration", "0.5", "--caller", "silent", authentication=door) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["ws://x/", "--provider", "bell"], "provider: one of"),
        (["http://x/"], "an address of ws://"),
        (["x:8080/twilio"], "an address of ws://"),
        (["ws://x/", "--connect-timeout", "nan"], "timeout_s must be"),
        (["ws://x/", "--connect-timeout", "0"], "timeout_s must be"),
        (["ws://x/", "--token", "a", "--auth", "b:c"], "not both"),
        (["ws://x/", "--line", "string"], "line: one of"),
        (["ws://x/", "--caller", "nobody"], "caller: "),
        (["ws://x/", "--calls", "0"], "calls must be"),
        (["ws://x/", "--duration", "0"], "duration_s must be"),
        (["ws://x/", "--ramp", "-1"], "ramp must be"),
        (["ws://x/", "--wire", "opus"], "wire: mulaw"),
        (["ws://x/", "--parameter", "x"], "NAME=VALUE"),
        (["ws://x/", "--header", "x"], "NAME: VALUE"),
        (["ws://x/", "--sign-with", "x", "--provider", "vonage"], "signs nothing"),
        (["ws://x/", "--provider", "audiosocket"], "audiosocket://HOST:PORT"),
        (["audiosocket://x:1", "--provider", "twilio"], "ws:// or wss://"),
        (["ws://x/", "--wire", "l16", "--provider", "genesys"], "genesys carries"),
        (["ws://x/", "--wire", "l16@24000", "--provider", "azure", "--ear", "vad"], "8000 or 16000"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dial", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_a_bad_address(capsys: pytest.CaptureFixture[str]) -> None:
    for url in ("http://127.0.0.1/", "ws://", "nowhere"):
        assert main(["dial", url, "--connect-timeout", "2", "--transport", "websockets"]) in (1, 2)
        told = "".join(capsys.readouterr())
        assert "Traceback" not in told
        assert "no " in told or "expected" in told


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dial", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for word in ("--caller", "--line", "--calls", "--out", "Exit status", "speakerphone"):
        assert word in told


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_leaves_finished_work_whole(tmp_path: Path) -> None:
    async def run() -> tuple[int, str]:
        async with MediaServer(greet, config=CONFIG, port=0, drain_s=0) as server:
            process = subprocess.Popen(
                [sys.executable, "-m", "talkpath", "dial", f"ws://127.0.0.1:{server.port}/twilio", "--caller", "silent",
                 "--calls", "500", "--ramp", "20", "--duration", "60", "--out", str(tmp_path), "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
            )  # fmt: skip
            while server.calls < 5:
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, err = await asyncio.to_thread(process.communicate, timeout=20)
            assert "Traceback" not in err
            return process.returncode, out

    status, out = asyncio.run(run())
    told = json.loads(out)
    assert status == 130  # stopped, and not all calls were dialled
    assert 3 <= len(told["calls"]) < 500
    assert set(told["ended"]) == {"interrupted"}
    sizes = []
    for call in told["calls"]:
        heard, sent = (
            wav.read_wav(tmp_path / f"call-{call['number']:04}.{kind}.wav", 8000) for kind in ("heard", "sent")
        )
        assert len(heard) == len(sent)
        sizes.append(len(heard))
    assert max(sizes) > 0
