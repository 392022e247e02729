"""Numbers as people say them: "one hundred", "four seven one one", "twenty three"."""

from __future__ import annotations

import re

_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
         "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")  # fmt: skip
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {**{word: i for i, word in enumerate(_ONES)}, **{word: 10 * (i + 2) for i, word in enumerate(_TENS)}}
_WORD = re.compile(r"[a-z]+|\d+")


def spoken_numbers(text: str) -> list[str]:
    """All numbers in a text, as digits, in order. "one hundred and twenty" is 120, "one two oh" 120, "twenty twenty six" 2026."""
    found: list[str] = []
    run: list[str] = []
    for word in [*_WORD.findall(text.lower().replace("-", " ")), ""]:
        is_number = word in _SMALL or word in ("hundred", "thousand") or word.isdigit()
        if is_number or (run and word in ("and", "oh", "o")):
            run.append(word)
        elif run:
            found += _run(run)
            run = []
    return [number for number in found if number]


def _run(words: list[str]) -> list[str]:
    while words and words[-1] in ("and", "oh", "o"):
        words.pop()
    groups: list[str] = []
    numbers: list[str] = []
    value: int | None = None  # of a number that is being said with hundreds and tens

    def flush() -> None:
        nonlocal value
        if value is not None:
            groups.append(str(value))
        value = None

    for word in words:
        if word == "and":
            if value is None or value % 100 or value == 0:  # "one and two" are two numbers
                flush()
                numbers.append("".join(groups))
                groups.clear()
        elif word in ("oh", "o"):
            flush()
            groups.append("0")
        elif word.isdigit():
            flush()
            groups.append(word)
        elif word == "hundred":
            rest = (value or 0) % 100
            value = (value or 0) - rest + 100 * (rest or 1)
        elif word == "thousand":
            value = 1000 if value is None else value * 1000
        else:
            small = _SMALL[word]
            goes_on = value is not None and (
                (value % 100 == 0 and value > 0) or (value % 100 >= 20 and value % 10 == 0 and 0 < small < 10)
            )
            if not goes_on:
                flush()
            value = (value or 0) + small
    flush()
    numbers.append("".join(groups))
    return numbers
