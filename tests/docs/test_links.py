"""Links of the documents lead somewhere: files, headings, pages of the reference; those to other places are only looked at."""

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT, anchors, links, name

# Documents that are no pages of the site, but are read on the way to it.
ALL = [*PAGES, *(p for p in (ROOT / "CHANGELOG.md", ROOT / "wheels" / "README.md") if p.is_file())]


@pytest.mark.parametrize("page", ALL, ids=name)
def test_links(page: Path) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            assert re.fullmatch(r"https?://[\w.-]+\.[a-z]{2,}(:\d+)?(/[^\s]*)?|mailto:[^@\s]+@[\w.-]+", link), link
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{name(page)}: there is no {path}"
        assert target.is_relative_to(ROOT), f"{name(page)}: {path} leaves the repository"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name(page)}: {path} has no heading for #{anchor}"


def test_the_navigation_is_right() -> None:
    """What the site's navigation names is there. (A page that it does not name comes under "More".)"""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = re.findall(r"([\w/.-]+\.md)$", navigation, re.MULTILINE)
    assert len(listed) == len(set(listed)) > 50
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert set(listed) - pages == set()
