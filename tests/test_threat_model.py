"""docs/threat-model.md says what bounds what: its table is compared with the code, and what it says of files and compression is tried."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parent.parent / "docs" / "threat-model.md"
ROWS = re.findall(
    r"^\|[^|]+\|[^|]+\| ([0-9.]+) \| `(talkpath\.[\w.]+)(?:\((\w+)\))?` \|$", PAGE.read_text(encoding="utf-8"), re.M
)


def value_of(name: str, parameter: str) -> Any:
    """A constant, a field's default, or the default of a parameter."""
    folder, _, last = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(folder), last)
    except ModuleNotFoundError:  # a field of a dataclass in it
        module, _, owner = folder.rpartition(".")
        found = inspect.signature(getattr(importlib.import_module(module), owner)).parameters[last].default
    return inspect.signature(found).parameters[parameter].default if parameter else found


def test_the_table_is_read() -> None:
    assert len(ROWS) >= 20


@pytest.mark.parametrize(("stated", "name", "parameter"), ROWS)
def test_each_limit_is_what_the_page_says(stated: str, name: str, parameter: str) -> None:
    try:
        found = value_of(name, parameter)
    except ImportError as missing:
        pytest.skip(f"an extra is not installed: {missing}")
    assert found == float(stated)


def test_no_compression_is_negotiated() -> None:
    """A client that offers it is not granted it, so a message is as long as it comes."""
    pytest.importorskip("websockets", reason="extra server is not installed")
    from websockets.datastructures import Headers
    from websockets.http11 import Request
    from websockets.server import ServerProtocol

    source = inspect.getsource(importlib.import_module("talkpath.server.edge_websockets"))
    assert re.search(r"ServerProtocol\((?:(?!extensions).)*?\)", source, re.S)
    assert "extensions" not in source
    offered = Headers({"Host": "h", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                       "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Extensions": "permessage-deflate"})  # fmt: skip
    answer = ServerProtocol().accept(Request("/", offered))
    assert answer.status_code == 101
    assert "Sec-WebSocket-Extensions" not in answer.headers


@pytest.mark.parametrize(
    "name",
    ["../store.sqlite", "a" * 32 + ".wav/..", "/etc/passwd", "a" * 32, ".." + "a" * 30 + ".wav", "a" * 10 + ".wav"],
)
def test_a_recordings_name_is_no_path(name: str, tmp_path: Path) -> None:
    pytest.importorskip("starlette", reason="extra agentstack is not installed")
    from talkpath.agentstack.recordings import Recordings

    (tmp_path / "store.sqlite").touch()
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings" / ("a" * 32)).touch()
    assert Recordings(tmp_path / "recordings", "http://here").file(name) is None


def test_picows_is_offered_it_in_vain() -> None:
    """The other edge hands picows no option that would negotiate it."""
    source = (PAGE.parent.parent / "src/talkpath/server/edge_picows.py").read_text(encoding="utf-8")
    assert not re.search("deflate|compress|extension", source, re.I)
