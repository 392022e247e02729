"""No figure is invented: every number of a kernel's page stands in its header, its wrapper, README or docs/measured.md."""

import re
from pathlib import Path

import pytest
from pages import ROOT, name

from talkpath.call import events

KERNELS = sorted((ROOT / "docs" / "kernels").glob("*.md"))
_NUMBER = re.compile(r"(?<![\w.,/])\d[\d,]*(?:\.\d+)?|(?<![\w])\.\d+")
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`|<!--.*?-->|\]\([^)]*\)", re.MULTILINE | re.DOTALL)


def _numbers(text: str) -> set[str]:
    return {found.replace(",", "").rstrip(".") for found in _NUMBER.findall(text)}


@pytest.fixture(scope="module")
def shared() -> set[str]:
    return _numbers("".join((ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/measured.md")))


@pytest.mark.parametrize("page", KERNELS, ids=name)
def test_figures_have_a_source(page: Path, shared: set[str]) -> None:
    text = page.read_text(encoding="utf-8")
    own = [ROOT / "csrc" / "include" / "talkpath" / f"{stem}.h" for stem in re.findall(r"talkpath/(\w+)\.h\)", text)]
    own += [wrapper for header in own for wrapper in (ROOT / "src").rglob(f"{header.stem}.pxi")]
    assert page.name == "README.md" or own, f"{name(page)} names no header"
    known = shared | _numbers("".join(file.read_text(encoding="utf-8") for file in own))
    assert _numbers(_CODE.sub("", text)) - known == set()


def test_every_header_has_a_page() -> None:
    """But for those of the whole call, and of what all share."""
    headers = {header.stem for header in (ROOT / "csrc" / "include" / "talkpath").glob("*.h")}
    told = set(re.findall(r"talkpath/(\w+)\.h\)", "".join(page.read_text(encoding="utf-8") for page in KERNELS)))
    assert headers - told == {"call", "talkpath"}


def test_every_event_is_told() -> None:
    """The table of docs/events.md has every event, and every field of it."""
    rows = dict(
        re.findall(
            r"^\| `([a-z_]+\.[a-z_]+)` \|[^|]*\|([^|]*)\|$",
            (ROOT / "docs" / "events.md").read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    )
    kinds = {kind.type: kind for kind in events.Event.__subclasses__()}
    assert set(rows) == set(kinds)
    for kind, row in rows.items():
        fields = set(kinds[kind].__dataclass_fields__) - {"clock", "timestamp_ms", "type"}
        assert set(re.findall(r"`(\w+)`", row)) == fields, kind
