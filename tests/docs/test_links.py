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


def test_every_page_is_reached() -> None:
    """Each page is in the navigation of the site."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    listed = set(re.findall(r"([\w/.-]+\.md)$", navigation, re.MULTILINE))
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    assert listed == pages, f"not in mkdocs.yml: {pages - listed}; not there: {listed - pages}"
