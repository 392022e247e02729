"""Adapters stay thin: this needs no Pipecat."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "src/talkpath"
FILES = sorted((PACKAGE / "integrations/pipecat").glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_an_adapter_is_small_and_holds_no_sound(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    modules = {alias.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for alias in node.names}
    assert not modules & {"numpy", "scipy", "soxr", "base64", "audioop"}


def test_talkpath_does_not_need_it() -> None:
    for path in PACKAGE.rglob("*.py"):
        if "integrations" not in path.parts:
            assert "talkpath.integrations" not in path.read_text(encoding="utf-8"), path
