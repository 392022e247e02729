"""E-mail addresses as people say them on the phone: from words to an address, and from an address to words."""

from __future__ import annotations

import re

MAX_LOCAL_CHARS, MAX_DOMAIN_CHARS, MAX_LABEL_CHARS = 64, 253, 63  # RFC 5321

_SYMBOLS = {
    "underscore": "_", "under score": "_", "dash": "-", "hyphen": "-", "minus": "-", "plus": "+", "ampersand": "&",
    "apostrophe": "'", "percent": "%", "exclamation mark": "!", "number sign": "#", "hash": "#", "dollar": "$",
    "asterisk": "*", "slash": "/", "equals": "=", "question mark": "?", "caret": "^", "backtick": "`",
    "open brace": "{", "close brace": "}", "pipe": "|", "tilde": "~",
}  # fmt: skip
_DOTS, _ATS = {"dot", "period", "point"}, {"at"}
_ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# Named by their first letters.
_ALPHABET = frozenset(
    ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliet", "kilo", "lima", "mike",
     "november", "oscar", "papa", "quebec", "romeo", "sierra", "tango", "uniform", "victor", "whiskey", "xray", "yankee",
     "zulu")
)  # fmt: skip
_TIMES = {"double": 2, "triple": 3}
_KNOWN = {  # said without their ending
    "gmail": "gmail.com", "googlemail": "googlemail.com", "hotmail": "hotmail.com", "outlook": "outlook.com",
    "yahoo": "yahoo.com", "icloud": "icloud.com", "aol": "aol.com", "proton": "proton.me", "protonmail": "protonmail.com",
}  # fmt: skip
_WHOLE = {*_KNOWN, "com", "org", "net", "edu", "gov", "info", "mail", "me", "io", "ai", "example"}  # said as words
_FILLERS = re.compile(
    r"\b(?:u[hm]+|e[hr]m?|ah|so|okay|ok|well|please|capital|uppercase|lowercase|all one word|letter)\b"
)
# What goes before the address: the last of these ends it.
_LEAD = re.compile(
    r"\b(?:(?:e ?-?mail|mail|address|it|that|this)(?:'s| is| would be| will be| should be)|you can (?:use|reach me at)|"
    r"(?:use|write to|send it to|reach me at|spelled)|(?:my|the) [a-z -]{1,40} is|sure|yes|yeah)\b"
)
_AS_IN = re.compile(r"\b([a-z]) (?:as in|for|like in|like) [a-z]+\b")
_LITERAL = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+")
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_TOP_LEVEL = re.compile(r"(?:[a-z]{2,}|xn--[a-z0-9-]+)")


def check_email(address: str) -> str | None:
    """What is wrong with an address in lower case; None: nothing."""
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        return "it needs a name, an at, and a domain"
    if len(local) > MAX_LOCAL_CHARS or len(domain) > MAX_DOMAIN_CHARS:
        return "it is too long"
    if not _LOCAL.fullmatch(local):
        return "the part before the at is not a valid name"
    labels = domain.split(".")
    if len(labels) < 2:
        return "the domain has no ending such as dot com"
    if any(len(label) > MAX_LABEL_CHARS or not _LABEL.fullmatch(label) for label in labels):
        return "the domain is not valid"
    if not _TOP_LEVEL.fullmatch(labels[-1]):
        return "the ending of the domain is not valid"
    return None


def read_email(said: str) -> str | None:
    """The address in what was said or written, in lower case; None: there is none that is valid.

    Understands "at", "dot", "underscore" and their like, spelled letters, the spelling alphabet, "a as in apple", "double l", digits as words, and
    known domains without their ending.
    """
    text = " ".join(said.lower().replace("’", "'").split())
    for found in _LITERAL.findall(text):
        address = found.rstrip(".!?'")
        if check_email(address) is None:
            return str(address)
    words = _words(text)
    if "@" not in words:
        return None
    at = len(words) - 1 - words[::-1].index("@")
    domain = "".join(words[at + 1 :]).strip(".")
    address = "".join(word for word in words[:at] if word != "@").strip(".") + "@" + _KNOWN.get(domain, domain)
    return address if check_email(address) is None else None


def _words(text: str) -> list[str]:
    """Pieces of the address, with "@" and "." among them."""
    text = _AS_IN.sub(r"\1", text)
    text = (
        text.replace("at sign", "at")
        .replace("g mail", "gmail")
        .replace("hot mail", "hotmail")
        .replace("i cloud", "icloud")
    )
    leads = [lead.end() for lead in _LEAD.finditer(text) if re.search(r"\bat\b|@", text[lead.end() :])]
    text = _FILLERS.sub(" ", text[leads[-1] if leads else 0 :])
    for name, symbol in _SYMBOLS.items():
        text = re.sub(rf"\b{name}\b", f" {symbol} ", text)
    text = text.replace("@", " at ")
    pieces: list[str] = []
    times = 1
    for token in re.sub(r"[,;:\"]|(?<=\S)[.!?](?=\s|$)", " ", text).split():
        if token in _TIMES:
            times = _TIMES[token]
            continue
        piece = "0" if token == "oh" and times > 1 else _piece(token, pieces)
        if times > 1 and token == "u":  # "double u" is a letter of its own
            piece, times = "w", 1
        if piece in ("@", ".") and pieces and pieces[-1] == piece:
            continue  # said twice: a stammer
        pieces.append(piece * times)
        times = 1
    return pieces


def _piece(token: str, before: list[str]) -> str:
    if token in _ATS:
        return "@"
    if token in _DOTS:
        return "."
    if token in _ONES:
        one = str(_ONES.index(token))
        if before and re.fullmatch("[2-9]0", before[-1]) and one != "0":
            before[-1] = before[-1][0]  # twenty three
        return one
    if token == "oh":
        return "0" if before and before[-1].isdigit() else "o"
    if token in _TEENS:
        return str(10 + _TEENS.index(token))
    if token in _TENS:
        return f"{_TENS.index(token) + 2}0"
    if token in _ALPHABET:
        return token[0]
    return token


def spell_email(address: str) -> str:
    """An address as it is read back: letter by letter, but for what everybody knows as a word. `read_email` understands it."""
    local, _, domain = address.lower().rpartition("@")
    labels = [label if label in _WHOLE else _spell(label) for label in domain.split(".")]
    return f"{_spell(local)}, at, {', dot, '.join(labels)}"


def _spell(text: str) -> str:
    names = {symbol: name for name, symbol in reversed(_SYMBOLS.items())}
    said = ["dot" if c == "." else _ONES[int(c)] if c in "0123456789" else names.get(c, c.upper()) for c in text]
    return ", ".join(said)
