"""Every public name has its place in the reference."""

import importlib
import inspect
import re

import pytest
from pages import ROOT

PACKAGES = ("talkpath", "talkpath.streams", "talkpath.server", "talkpath.phone", "talkpath.measure", "talkpath.report")
TEXT = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
TOLD = re.findall(r"^::: ([\w.]+)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_told(package: str) -> None:
    module = importlib.import_module(package)
    endings = {told.rpartition(".")[2] for told in TOLD}
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            assert value.__name__ in TOLD, f"{package}.{name}"
        elif inspect.isclass(value) or inspect.isroutine(value):
            assert name in endings or value.__module__ in TOLD, f"{package}.{name}"


def test_what_is_told_is_told_once() -> None:
    assert len(TOLD) == len(set(TOLD))
