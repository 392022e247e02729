"""The documents as the tests read them: blocks of code with what stands hidden before them, links, headings."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_PIECE = re.compile(
    r"^(?P<indent>[ ]*)```(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```[ ]*$|<!--\s*(?P<comment>.*?)-->",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_HEADING = re.compile(r"^#{1,6}[ ]+(.+?)[ #]*$", re.MULTILINE)


@dataclass(frozen=True)
class Piece:
    """A block of code, or a hidden comment (`language` "!"), and the line on which its text begins."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    """As a test is called."""
    return page.relative_to(ROOT).as_posix()


def pieces(page: Path) -> list[Piece]:
    """Blocks and comments in their order."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in _PIECE.finditer(text):
        is_comment = match["comment"] is not None
        start = match.start("comment" if is_comment else "code")
        body = match["comment"] if is_comment else _dedented(match["code"], len(match["indent"]))
        found.append(Piece(page, text[:start].count("\n") + 1, "!" if is_comment else match["language"], body))
    return found


def _dedented(code: str, columns: int) -> str:
    return "".join(line[columns:] if line[:columns].isspace() else line for line in code.splitlines(keepends=True))


def _prose(page: Path) -> str:
    """Without blocks and comments; code in a line counts as text, for headings have it."""
    return _PIECE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Targets of links and pictures."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", _prose(page)))


def anchors(page: Path) -> set[str]:
    """What a link may name behind its #: as GitHub and the site make it of each heading."""
    found: set[str] = set()
    for heading in _HEADING.findall(_prose(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        anchor = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        while anchor in found:
            anchor += "_1"
        found.add(anchor)
    return found
