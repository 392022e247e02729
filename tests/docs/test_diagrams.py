"""Diagrams that mermaid would not draw: what a browser has shown once, looked for in every page."""

import re

import pytest
from pages import PAGES, Piece, pieces

DIAGRAMS = [piece for page in PAGES for piece in pieces(page) if piece.language == "mermaid"]
RESERVED = {
    "call",
    "class",
    "classDef",
    "click",
    "default",
    "end",
    "graph",
    "href",
    "linkStyle",
    "style",
}  # in a flowchart


@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda diagram: diagram.place)
def test_words_are_free(diagram: Piece) -> None:
    kind, *lines = diagram.text.strip().splitlines()
    assert kind.split()[0] in ("flowchart", "stateDiagram-v2", "sequenceDiagram"), f"{diagram.place}: {kind}"
    if not kind.startswith("flowchart"):
        return
    for line in lines:
        title = re.match(r"\s*subgraph\s+(.*)", line)
        if title is not None:
            assert re.fullmatch(r"\w+(\[.+\])?", title[1].strip()), f"{diagram.place}: {line}"
            continue
        plain = re.sub(r'\[[^\]]*\]|\([^)]*\)|\|[^|]*\||"[^"]*"', " ", line)
        if plain.strip() != "end":
            assert not RESERVED & set(re.findall(r"\b\w+\b", plain)), f"{diagram.place}: {line}"
