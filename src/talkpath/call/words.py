"""Words and sentence ends of a transcript, in every script."""

from unicodedata import category

# Scripts that write no spaces between words are counted by character. Of the kana, marks of length and repetition are characters.
_BY_CHARACTER = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar …
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x3005, 0x3007),  # marks of repetition, zero
    (0x3021, 0x3029),  # Hangzhou numerals
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x30FA),  # kana
    (0x30FC, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han …
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),  # … more Myanmar
    (0xAA60, 0xAADF),  # and Tai Viet
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),  # half-width kana
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x323AF),
)
_BREAK = "\u200b"  # the one format character that is a space
_EXTENDS = "\u0e33\u0eb3\uff9e\uff9f"  # letters by their class, but one character with the letter before

# Unicode Standard Annex 29: what joins letters, digits, or both, when it stands between two of them.
_BETWEEN_LETTERS = ":\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a"
_BETWEEN_DIGITS = ",;:\u037e\u0589\u060c\u060d\u066b\u066c\u07f8\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b"
_BETWEEN_EITHER = ".'\u2018\u2019\u2024\ufe52\uff07\uff0e"

# Its property Sentence_Terminal, and what else ends a sentence in its script: the Greek question mark, the Tibetan shad, dots.
_SENTENCE_ENDS = frozenset(
    "!.?\u037e\u0589\u061d\u061e\u061f\u06d4\u0700\u0701\u0702\u07f9\u0837\u0839\u083d\u083e\u0964\u0965\u0f0d\u0f0e"
    "\u104a\u104b\u1362\u1367\u1368\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809\u1944\u1945\u1aa8\u1aa9\u1aaa\u1aab"
    "\u1b5a\u1b5b\u1b5e\u1b5f\u1c3b\u1c3c\u1c7e\u1c7f\u2026\u203c\u203d\u2047\u2048\u2049\u2e2e\u2e3c\u2e53\u2e54"
    "\u3002\ua4ff\ua60e\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d\uaa5e\uaa5f\uaaf0\uaaf1"
    "\uabeb\ufe12\ufe15\ufe16\ufe19\ufe52\ufe56\ufe57\uff01\uff0e\uff1f\uff61"
)
_QUOTES = "\"'`\u00b4"


def _kind(c: str) -> str:
    """ "each" character a word, "letter" or "digit" of one, "extends" what is before it, "_" or "" for everything else."""
    if "a" <= c <= "z" or "A" <= c <= "Z":
        return "letter"
    what = category(c)
    if what[0] == "M" or c in _EXTENDS or (what == "Cf" and c != _BREAK):
        return "extends"
    if what[0] == "L" or c == "\u3007":
        code = ord(c)
        return "each" if any(low <= code <= high for low, high in _BY_CHARACTER) else "letter"
    if what[0] == "N":
        return "digit"
    return "_" if what == "Pc" else ""


def count_words(text: str) -> int:
    """How many words there are in a transcript.

    Parameters
    ----------
    text : str
        Of any language, or several.

    Returns
    -------
    int
        Words by the boundaries of Unicode Standard Annex 29: a number ("1,234.5", "10:30") or a contraction ("don't") is one,
        punctuation alone is none. Chinese, Japanese, Thai, Lao, Khmer and Burmese, which write no spaces, are counted by character:
        a letter with its marks is one.
    """
    pieces = [(c, kind) for c in text if (kind := _kind(c)) != "extends"]
    count = 0
    inside = ""  # the kind of the last letter or digit, while the word may go on
    for i, (c, kind) in enumerate(pieces):
        if kind == "each":
            count += 1
            inside = ""
        elif kind in ("letter", "digit"):
            count += not inside
            inside = kind
        elif kind == "_":
            continue
        elif inside:
            after = pieces[i + 1][1] if i + 1 < len(pieces) else ""
            joins = c in _BETWEEN_EITHER or c in (_BETWEEN_LETTERS if inside == "letter" else _BETWEEN_DIGITS)
            if not joins or after != inside:
                inside = ""
    return count


def ends_sentence(text: str) -> bool:
    """The transcript ends with the end of a sentence; quotes and brackets that close after it do not count."""
    for i in range(len(text) - 1, -1, -1):
        c = text[i]
        if c in _SENTENCE_ENDS:
            return True
        if c == ";":  # as the Greek write their question mark
            return any(
                "\u0370" <= before <= "\u03ff" or "\u1f00" <= before <= "\u1fff" for before in text[max(0, i - 4) : i]
            )
        if not c.isspace() and c not in _QUOTES and category(c) not in ("Pe", "Pf", "Pi", "Cf", "Mn"):
            return False
    return False
