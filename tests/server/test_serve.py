"""`talkpath serve`: a process of its own, a call, and SIGTERM."""

import asyncio
import contextlib
import importlib.util
import inspect
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from scenario import voice

import talkpath as tp
from talkpath import streams
from talkpath.cli import main
from talkpath.server import Authentication
from talkpath.streams.signatures import twilio_sign

client = pytest.importorskip("websockets.asyncio.client", reason="needs the extra: talkpath[server]")
from websockets.exceptions import InvalidStatus  # noqa: E402

from talkpath.server import media_server  # noqa: E402

pytestmark = pytest.mark.realtime

REAL_SERVER = media_server.MediaServer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def call_the_parrot(port: int) -> tuple[bytes, bytes]:
    """What was said and what came back."""
    provider = streams.Twilio("provider")
    said = tp.g711.ulaw_encode(np.concatenate([np.zeros(8000, np.int16), voice(1500, seed=9, pitch=190.0)]))
    back = b""
    until = time.monotonic() + 15
    while True:
        try:
            url = f"ws://127.0.0.1:{port}/twilio"
            phone = await client.connect(url, additional_headers={"X-Twilio-Signature": twilio_sign("secret", url)})
            break
        except OSError:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)
    for data in provider.open(streams.Start(call_id="c", stream_id="s")):
        await phone.send(data)

    async def hear() -> None:
        nonlocal back
        async for data in phone:
            for message in provider.receive(data):
                if isinstance(message, streams.Media):
                    back += message.payload

    ears = asyncio.create_task(hear())
    begin = time.monotonic()
    for k in range(275):
        await phone.send(provider.media((said[k * 160 : k * 160 + 160] + b"\xff" * 160)[:160]))
        await asyncio.sleep(max(0, begin + 0.02 * (k + 1) - time.monotonic()))
    await phone.send(provider.stop())
    await phone.close()
    ears.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ears
    return said, back


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is no event there")
def test_the_parrot() -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "talkpath", "serve", "--app", "parrot:answer", "--port", str(port)],
        cwd=ROOT / "examples",
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TALKPATH_AUTH_TWILIO": "secret"},
    )
    try:
        said, back = asyncio.run(call_the_parrot(port))
        with pytest.raises(InvalidStatus, match="401"):
            asyncio.run(client.connect(f"ws://127.0.0.1:{port}/twilio").__aenter__())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            page = answer.read().decode()
        server.send_signal(signal.SIGTERM)
        _, log = server.communicate(timeout=10)
    finally:
        server.kill()
        server.wait()
    assert server.returncode == 0, log
    said_events = [json.loads(line).get("event") for line in log.splitlines()]
    assert said_events == ["listening", "call_started", "call_ended"]
    assert 'talkpath_calls_begun_total{dialect="twilio"} 1' in page
    assert 'talkpath_requests_refused_total{cause="authentication"} 1' in page
    heard = tp.g711.ulaw_decode(back)
    spoken = np.abs(tp.g711.ulaw_decode(said)) > 500
    assert (np.abs(heard) > 500).sum() > 0.6 * spoken.sum()  # it said it back


# --- options, with a server that only says what it was given ----------------------------------------------------------------


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list]:
    """What MediaServer was called with; a module `app` with handlers lies in the present folder; the environment is empty."""
    calls: list = []

    class Server:
        def __init__(self, answer: object, **options: object) -> None:
            calls.append((answer, options))

        def run(self) -> None:
            calls.append("run")

    monkeypatch.setattr(media_server, "MediaServer", Server)
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "broken.py").write_text("import there_is_no_such_module")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    for name in [name for name in os.environ if name.startswith("TALKPATH_")]:
        monkeypatch.delenv(name)
    root = logging.getLogger()
    before = root.handlers.copy(), root.level
    yield calls
    root.handlers[:], root.level = before
    for name in ("app", "broken"):
        sys.modules.pop(name, None)


APP = """
async def answer(call): ...
async def nobody(): ...
async def two(call, more): ...
async def more(call, agent="x"): ...
def plain(call): ...
async def chunks(call):
    yield 1
class Agent:
    async def answer(self, call): ...
agent = Agent()
"""
GENESYS = "a2V5:c2VjcmV0"


def options_of(given: list, *argv: str) -> dict:
    assert main(["serve", "--app", "app:answer", *argv]) == 0
    assert given[-1] == "run"
    answer, options = given[-2]
    assert answer.__name__ == "answer"
    return options


def test_nothing_is_said_that_was_not_given(given: list) -> None:
    assert options_of(given) == {}


def test_all_options(given: list) -> None:
    options = options_of(
        given, "--host", "0.0.0.0", "--port", "0", "--audiosocket-port", "9092", "--max-calls", "7", "--workers", "3",
        "--drain", "2.5", "--transport", "picows", "--config", '{"audio_format": "pcm_24k", "idle_timeout": null}',
        "--token", "t", "--basic", "u:p:q", "--auth-plivo", "pl", "--auth-twilio", "tw", "--auth-genesys", GENESYS,
        "--auth-genesys", "k:2:AAAA", "--public-url", "wss://voice.example.com/calls", "--trust-forwarded", "--logs",
    )  # fmt: skip
    assert options == {
        "host": "0.0.0.0", "port": 0, "audiosocket_port": 9092, "max_calls": 7, "workers": 3, "drain_s": 2.5,
        "transport": "picows", "logs": True, "config": tp.CallConfig(audio_format="pcm_24k", idle_timeout=None),
        "authentication": Authentication(
            token="t", basic=("u", "p:q"), plivo="pl", twilio="tw", genesys={"a2V5": "c2VjcmV0", "k:2": "AAAA"},
            public_url="wss://voice.example.com/calls", trust_forwarded=True,
        ),
    }  # fmt: skip
    known = set(inspect.signature(REAL_SERVER).parameters) | {"authentication", "workers", "transport"}
    assert set(options) <= known


def test_secrets_by_the_environment(given: list, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TOKEN": "t", "BASIC": "u:p", "AUTH_PLIVO": "pl", "AUTH_TWILIO": "tw",
                        "AUTH_GENESYS": f"{GENESYS} k2:AAAA", "PUBLIC_URL": "wss://a.example"}.items():  # fmt: skip
        monkeypatch.setenv(f"TALKPATH_{name}", value)
    expected = Authentication(token="t", basic=("u", "p"), plivo="pl", twilio="tw",
                              genesys={"a2V5": "c2VjcmV0", "k2": "AAAA"}, public_url="wss://a.example")  # fmt: skip
    assert options_of(given)["authentication"] == expected
    found = options_of(given, "--token", "mine", "--auth-genesys", GENESYS)["authentication"]
    assert (found.token, found.genesys, found.plivo) == ("mine", {"a2V5": "c2VjcmV0"}, "pl")


def test_a_configuration_from_a_file(given: list, tmp_path: Path) -> None:
    (tmp_path / "call.toml").write_text('audio_format = "pcm_8k"\n[idle_timeout]\nmax_retries = 1\n')
    (tmp_path / "call.json").write_text('{"audio_format": "pcm_8k", "idle_timeout": {"max_retries": 1}}')
    expected = tp.CallConfig(audio_format="pcm_8k", idle_timeout={"max_retries": 1})
    assert (
        options_of(given, "--config", "call.toml") == options_of(given, "--config", "call.json") == {"config": expected}
    )


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--config", "nowhere.toml"], "nowhere.toml: No such file"),
        (["--config", "{"], "neither JSON nor TOML"),
        (["--config", "app.py"], "neither JSON nor TOML"),
        (["--config", '{"volume": 1}'], "'volume' is not known; there are stream, "),
        (["--config", '{"audio_format": "mp3"}'], "--config: audio_format must be one of"),
        (["--token", ""], "--token is empty"),
        (["--auth-plivo", ""], "--auth-plivo is empty"),
        (["--basic", "user"], "USER:PASSWORD"),
        (["--basic", "user:"], "USER:PASSWORD"),
        (["--auth-genesys", "key"], "KEY_ID:SECRET"),
        (["--auth-genesys", "key:"], "KEY_ID:SECRET"),
        (["--auth-genesys", "key:no base64"], "in base64"),
        (["--auth-twilio", "x", "--public-url", "voice.example.com"], "public_url must be"),
    ],
)
def test_options_that_are_wrong(argv: list[str], problem: str, given: list, capsys: pytest.CaptureFixture) -> None:
    assert main(["serve", "--app", "app:answer", *argv]) == 2
    said = capsys.readouterr().err
    assert said.startswith("talkpath serve: ")
    assert problem in said
    assert said.count("\n") == 1
    assert not given


@pytest.mark.parametrize("name", ["TOKEN", "BASIC", "AUTH_PLIVO", "AUTH_TWILIO", "AUTH_GENESYS"])
def test_an_empty_variable_does_not_open_the_door(
    name: str, given: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setenv(f"TALKPATH_{name}", "")
    assert main(["serve", "--app", "app:answer"]) == 2
    assert "talkpath serve: " in capsys.readouterr().err
    assert not given


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["--port", "http"], "a port is a whole number up to 65535 (got 'http')"),
        (["--port", "70000"], "a port is"),
        (["--port", "-1"], "a port is"),
        (["--audiosocket-port", "9092.5"], "a port is"),
        (["--workers", "0"], "whole number, 1 or more"),
        (["--max-calls", "many"], "whole number, 1 or more"),
        (["--drain", "-1"], "number of seconds, 0 or more"),
        (["--drain", "nan"], "number of seconds, 0 or more"),
        (["--transport", "pigeon"], "invalid choice"),
    ],
)
def test_usage(argv: list[str], problem: str, given: list, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["serve", "--app", "app:answer", *argv])
    assert caught.value.code == 2
    assert problem in capsys.readouterr().err
    assert not given


@pytest.mark.parametrize(
    ("app", "problem"),
    [
        ("nothing", "module:function"),
        (":answer", "module:function"),
        ("nobody:answer", "no module 'nobody'"),
        ("app.more:answer", "no module 'app.more'"),
        ("./app.py:answer", "is a file"),
        (".app:answer", "without a dot"),
        ("app:x", "there is no 'x' in 'app'"),
        ("app:plain", "no coroutine function"),
        ("app:chunks", "no coroutine function"),
        ("app:Agent", "no coroutine function"),
        ("app:nobody", "must take one argument"),
        ("app:two", "must take one argument"),
    ],
)
def test_what_is_no_app(app: str, problem: str, given: list, capsys: pytest.CaptureFixture) -> None:
    assert main(["serve", "--app", app]) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert said.count("\n") == 1
    assert not given


def test_what_is_an_app(given: list) -> None:
    assert main(["serve", "--app", "app:more"]) == 0
    assert given[0][0].__name__ == "more"


def test_a_mistake_in_the_app_is_shown_whole(given: list, capsys: pytest.CaptureFixture) -> None:
    """The user's own lines, none of ours, and then what it means."""
    assert main(["serve", "--app", "broken:answer"]) == 2
    said = capsys.readouterr().err
    assert "broken.py" in said
    assert "src/talkpath" not in said
    assert "importlib" not in said
    assert said.splitlines()[-1].startswith("talkpath serve: --app: 'broken' cannot be imported: ModuleNotFoundError: ")
    assert "there_is_no_such_module" in said.splitlines()[-1]


@pytest.mark.parametrize(("module", "extra"), [("websockets", "server"), ("picows", "fast")])
def test_what_is_not_installed(
    module: str, extra: str, given: list, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(media_server, "MediaServer", REAL_SERVER)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["serve", "--app", "app:answer", "--transport", module]) == 2
    assert f"pip install 'talkpath[{extra}]'" in capsys.readouterr().err


# --- log lines ----------------------------------------------------------------------------------------------------------------


def test_an_open_door_is_said(given: list, capsys: pytest.CaptureFixture) -> None:
    options_of(given, "--host", "0.0.0.0", "--token", "t")
    options_of(given, "--host", "localhost")
    options_of(given)
    assert capsys.readouterr().err == ""
    options_of(given, "--host", "0.0.0.0")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"]) == ("open", "warning")


def test_every_log_line_is_json(given: list, capsys: pytest.CaptureFixture) -> None:
    options_of(given)
    log = logging.getLogger("talkpath.server")
    log.info(json.dumps({"event": "call_ended", "call_id": "c", "sent": 7}))
    logging.getLogger("app").warning("two\nlines and %d %%", 5)
    log.info("{no json")
    log.info("[1]")
    log.debug("not said")
    try:
        raise ValueError("in a handler")
    except ValueError as problem:
        log.error("failed", exc_info=problem)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("message") for line in lines] == [None, "two\nlines and 5 %", "{no json", "[1]", "failed"]
    assert (lines[0]["event"], lines[0]["sent"], lines[0]["level"]) == ("call_ended", 7, "info")
    assert (lines[1]["logger"], lines[1]["level"]) == ("app", "warning")
    assert "in a handler" in lines[4]["exception"]
    assert all(datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0) for line in lines)
