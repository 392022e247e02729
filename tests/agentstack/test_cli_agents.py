"""`talkpath agents` that cannot start says why, in one line."""

import socket
from importlib.util import find_spec

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("websockets")

from talkpath.cli import agents, main


@pytest.fixture(autouse=True)
def account(monkeypatch, tmp_path):
    monkeypatch.setenv("PLIVO_AUTH_ID", "me")
    monkeypatch.setenv("PLIVO_AUTH_TOKEN", "secret")
    monkeypatch.delenv("TALKPATH_PROVIDERS", raising=False)
    monkeypatch.setenv("TALKPATH_DATA", str(tmp_path / "data"))


def test_a_port_that_is_taken(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["agents", "--port", str(taken.getsockname()[1])]) == 1
    assert "TALKPATH_PORT" in capsys.readouterr().err


def test_a_folder_that_cannot_be(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["agents", "--port", "0", "--phone-port", "0", "--data", str(tmp_path / "file" / "in")]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("talkpath agents:")]
    assert "talkpath.db" in line


def test_the_embedded_providers_that_are_not_installed(capsys, monkeypatch):
    monkeypatch.setenv("TALKPATH_PROVIDERS", "local")
    monkeypatch.setattr(agents, "find_spec", lambda name: None if name == "hibari" else find_spec("json"))
    assert main(["agents", "--port", "0", "--phone-port", "0"]) == 2
    assert "needs hibari: pip install 'talkpath[local]'" in capsys.readouterr().err
