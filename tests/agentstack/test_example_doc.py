"""docs/agentstack/example.md names tests: they are there."""

import re

import pytest
from conftest import ROOT

FOLDER = ROOT / "tests/agentstack"
TEXT = (ROOT / "docs/agentstack/example.md").read_text(encoding="utf-8")
NAMED = [
    (group, name)
    for group, names in re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", TEXT)
    for name in re.findall(r"`(\w+)`", names)
    if (FOLDER / f"scenarios/test_{group}.py").exists()
]


@pytest.mark.parametrize(("group", "name"), NAMED)
def test_scenario_is_there(group: str, name: str) -> None:
    text = (FOLDER / f"scenarios/test_{group}.py").read_text(encoding="utf-8")
    assert f"async def test_{name}(" in text


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\.\./)?test_\w+\.py)`", TEXT))))
def test_file_is_there(path: str) -> None:
    assert (FOLDER / path).exists()


def test_the_comparison_names_many() -> None:
    assert len(set(NAMED)) > 30
