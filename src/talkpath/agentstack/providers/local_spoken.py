"""What is written, as it is said: e-mail addresses, order ids, numbers of telephones, for a voice that reads plain English."""

from __future__ import annotations

import re

_EMAIL = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"\bhttps?://(?:www\.)?([^\s<>\"']+)|\bwww\.([^\s<>\"']+)")
_PHONE = re.compile(r"(?<![\w.-])\+\d[\d ()-]{5,}\d(?!\w)|(?<![\w.-])\(?\d{3}\)?[ -]\d{3}-\d{4}(?!\w)")
_CODE = re.compile(
    r"(?<![\w-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*(?![\w-])"
)  # ORD-100, 1Z999AA1
_LONG = re.compile(r"(?<![\w.,$£€-])\d{5,}(?![\w.,]\d|\w)")
_LINK = re.compile(r"\[([^\]]+)\]\((?:[^)]*)\)")  # of markdown
_MARKS = re.compile(r"[*_`#~|<>]+|^\s*[-•]\s+", re.M)
_ORDINARY = re.compile(r"\d{1,3}(?:st|nd|rd|th|s|AM|PM|K|M|B|X)|[A-Z]\d", re.A)
_NOT_SAID = re.compile("[\U0001f000-\U0001faff☀-➿️‍]")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_SYMBOLS = {"@": "at", ".": "dot", "_": "underscore", "-": "dash", "+": "plus", "/": "slash", "%": "percent", "?": "question mark",
            "=": "equals", "&": "and", "#": "hash", "'": "apostrophe", ":": "colon"}  # fmt: skip
_GROUP = 3


def spoken(text: str) -> str:
    """`text` for the voice. Plain sentences come back as they are."""
    text = _LINK.sub(r"\1", text)
    text = _EMAIL.sub(lambda found: _address(found[0]), text)
    text = _URL.sub(lambda found: _url(found[1] or found[2]), text)
    text = _PHONE.sub(lambda found: _phone(found[0]), text)
    text = _CODE.sub(lambda found: _code(found[0]), text)
    text = _LONG.sub(lambda found: digits(found[0]), text)
    text = _MARKS.sub(" ", _NOT_SAID.sub(" ", text))
    return re.sub(r"\s+([,.;:!?])", r"\1", " ".join(text.split()))


def digits(number: str) -> str:
    """Digit by digit, in groups of three."""
    groups = [number[at : at + _GROUP] for at in range(0, len(number), _GROUP)]
    if len(groups) > 1 and len(groups[-1]) == 1:  # no digit is left alone
        groups[-2:] = [groups[-2][:2], groups[-2][2:] + groups[-1]]
    return ", ".join(" ".join(_DIGITS[int(c)] for c in group) for group in groups)


def _letters(text: str) -> str:
    return " ".join(text.upper())


def _address(text: str) -> str:
    parts = re.findall(r"[a-zA-Z]+|\d|[^a-zA-Z\d]", text)
    return " ".join(_DIGITS[int(p)] if p in "0123456789" else _SYMBOLS.get(p, p) for p in parts)


def _url(text: str) -> str:
    end = re.search(r"[.,;:!?)]*$", text)
    tail = end[0] if end else ""
    return _address(text[: len(text) - len(tail)].rstrip("/")) + tail


def _phone(text: str) -> str:
    number = re.sub(r"\D", "", text)
    if text.startswith("+"):
        country = len(number) - 10 if len(number) > 10 else 0
        return (
            f"plus {digits(number[:country])}, {_american(number[country:])}" if country else f"plus {digits(number)}"
        )
    return _american(number)


def _american(number: str) -> str:
    if len(number) != 10:
        return digits(number)
    return ", ".join(" ".join(_DIGITS[int(c)] for c in part) for part in (number[:3], number[3:6], number[6:]))


def _code(text: str) -> str:
    if _ORDINARY.fullmatch(text) and "-" not in text and not text[0].isalpha():
        return text
    said = []
    for part in re.findall(r"[A-Z]+|\d+", text):
        if part.isalpha():
            said.append(_letters(part))
        elif len(part) <= 3 and part[0] != "0":
            said.append(
                part if part.endswith("00") or len(part) < 3 else digits(part)
            )  # one hundred; twenty; one two three
        else:
            said.append(digits(part))
    return ", ".join(said)
