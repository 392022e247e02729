"""Behaviour knows nothing of sockets and clocks: those are at the edge."""

import ast

import pytest
from conftest import ROOT

AT_THE_EDGE = {"dialer", "links", "links_picows", "idle"}
OUTSIDE = {
    "asyncio",
    "datetime",
    "logging",
    "os",
    "secrets",
    "select",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
FILES = sorted((ROOT / "src/talkpath/phone").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files(path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 300
    if path.stem in AT_THE_EDGE:
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & OUTSIDE
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in OUTSIDE
