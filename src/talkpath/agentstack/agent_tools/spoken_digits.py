"""Digits and letters as they are said and read back on the phone."""

from __future__ import annotations

import re

ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TIMES = {"double": 2, "triple": 3}


def read_digits(said: str) -> str:
    """The digits in what was said: "oh", "double five", "twenty three", "one hundred" are understood.

    Examples
    --------
    >>> read_digits("five five five, oh one double two")
    '5550122'
    >>> read_digits("twenty three 45")
    '2345'
    """
    found: list[str] = []
    times, tens = 1, False
    for token in re.findall(r"[a-z]+|[0-9]+", said.lower()):
        is_tens = False
        if token in _TIMES:
            times = _TIMES[token]
            continue
        if token.isdecimal():
            piece = token
        elif token in ONES or token in ("oh", "o"):
            piece = str(ONES.index(token)) if token in ONES else "0"
            if tens and piece != "0" and found:
                found[-1] = found[-1][:-1] + piece  # twenty three
                tens = False
                continue
        elif token in _TEENS:
            piece = str(10 + _TEENS.index(token))
        elif token in _TENS:
            piece, is_tens = f"{_TENS.index(token) + 2}0", True
        elif token == "hundred" and found:
            piece = "00"
        else:
            times, tens = 1, False
            continue
        found.append(piece * times)
        times, tens = 1, is_tens
    return "".join(found)


def say_digits(digits: str, group: int = 3) -> str:
    """As they are read back: one by one, in groups.

    Examples
    --------
    >>> say_digits("5550122")
    'five five five, zero one two, two'
    """
    words = [ONES[int(c)] if c.isdecimal() and c.isascii() else c for c in digits]
    return ", ".join(" ".join(words[at : at + group]) for at in range(0, len(words), group))


def spell(text: str) -> str:
    """Letter by letter: "J, O, H, N". Digits are words.

    Examples
    --------
    >>> spell("Jo-3")
    'J, O, dash, three'
    """
    names = {"-": "dash", "'": "apostrophe", "’": "apostrophe", " ": "space", ".": "dot"}
    return ", ".join(ONES[int(c)] if c in "0123456789" else names.get(c, c.upper()) for c in text)
