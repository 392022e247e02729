"""Text as it comes from a model, cut where a voice can begin: at sentences, and at a clause for the first words of an answer."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?…。！？।]+[\"'”’)\]]*(?=\s)|[。！？]|\n+")
_CLAUSE = re.compile(r"[,;:–—](?=\s)")
_FIRST_CLAUSE_CHARS = 24  # a clause that is shorter sounds chopped
_LONGEST = 300  # characters: a voice is not kept waiting for an end that never comes
_ABBREVIATIONS = frozenset((
    "dr", "mr", "mrs", "ms", "prof", "st", "vs", "etc", "inc", "ltd", "co", "jr", "sr", "e.g", "i.e", "a.m", "p.m", "approx", "dept", "est", "z.b",
    "bzw", "usw", "ca", "nr", "sra", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
))  # fmt: skip


class Sentences:
    """Pieces of text in, whole sentences out.

    A sentence ends at its mark when white space follows and the word before is no abbreviation, initial or number that goes on.
    """

    def __init__(self) -> None:
        self._text = ""
        self._is_first = True

    def feed(self, text: str) -> list[str]:
        """What is complete now."""
        text = self._text + text
        at, found = 0, []
        while (end := self._next_end(text[at : at + _LONGEST + 1])) is not None:
            piece = text[at : at + end].strip()
            at += end
            while text[at : at + 1].isspace():
                at += 1
            if piece:
                found.append(piece)
                self._is_first = False
        self._text = text[at:]
        return found

    def flush(self) -> list[str]:
        """The rest: nothing more comes."""
        piece, self._text = self._text.strip(), ""
        self._is_first = True
        return [piece] if piece else []

    def _next_end(self, text: str) -> int | None:
        """In the beginning of what there is: a model may give a megabyte at once, and to look at all of it each time takes minutes."""
        ends = (m.end() for m in _END.finditer(text) if _really_ends(text[: m.start()], m.group()))
        found = next(ends, None)
        if self._is_first and (clause := _CLAUSE.search(text, _FIRST_CLAUSE_CHARS)) is not None:
            found = clause.end() if found is None else min(found, clause.end())
        if found is not None:
            return found
        if len(text) > _LONGEST:
            space = text.rfind(" ", 0, _LONGEST)
            return space if space > 0 else _LONGEST
        return None


def _really_ends(before: str, mark: str) -> bool:
    if not mark.startswith(".") or mark.startswith(".."):
        return True
    words = before.split()
    word = words[-1].lower() if words else ""
    if word.strip("(\"'") in _ABBREVIATIONS:
        return False
    is_initial = len(word) == 1 and word.isalpha() and word != "i"
    is_list_number = len(words) == 1 and word.isdigit()  # "1. First …"
    return not is_initial and not is_list_number
