"""What words alone say about a turn, by language: a nod that asks for nothing, a sentence that is not finished.

Word lists of our own; an agent's language is BCP 47 ("en-US"), of which the first part counts.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")

_NODS = {
    "en": "mhm mm mmm mmhmm mm-hmm uh-huh uhhuh uhuh aha yeah yea yep yup yes ok okay right sure hm hmm huh oh ah i see got it alright cool great good fine really wow uh um",
    "de": "mhm hm hmm aha ja jo jep ok okay genau richtig klar gut so ach ach-so achso verstehe stimmt äh ähm",
    "es": "mhm ajá aja sí si ok okay vale claro ya bueno bien entiendo exacto eh este",
    "fr": "mhm hm ouais oui ok okay d'accord voilà bien ah bon je vois euh hein",
    "it": "mhm sì si ok okay certo già va bene capisco esatto ah eh ehm",
    "pt": "mhm sim ok okay certo tá ta claro entendo isso bom ah é",
    "nl": "mhm hm ja ok okay precies goed juist oké snap ik eh",
    "ru": "угу ага да ок окей понятно ясно хорошо так ну мм",
    "hi": "हाँ हां जी अच्छा ठीक है हम्म",
}
_OPEN = {  # a text that ends with one of these goes on
    "en": "and or but so because if when while that which who the a an my your our his her their this to of for with from at in on by about i i'm i'd i'll we it's is are was um uh er like then also than as please-can-you can could would",
    "de": "und oder aber weil wenn dass der die das ein eine einen mein meine ihr ihre zu von für mit aus bei in auf an über ich wir ist sind äh ähm also dann als",
    "es": "y o pero porque si cuando que el la los las un una mi su de para con en por a yo es son eh este entonces",
    "fr": "et ou mais parce que si quand le la les un une des mon ma mes de du pour avec dans sur à je c'est est sont euh alors",
    "it": "e o ma perché se quando che il lo la i gli le un una mio mia di per con in su a io è sono eh ehm allora",
    "pt": "e ou mas porque se quando que o a os as um uma meu minha de para com em por eu é são então",
    "nl": "en of maar omdat als dat de het een mijn van voor met in op aan ik is zijn eh dus dan",
    "ru": "и или но потому если когда что мой моя в на с для от по я это э ну",
}
_NOD_WORDS = {language: frozenset(words.split()) for language, words in _NODS.items()}
_OPEN_WORDS = {language: frozenset(words.split()) for language, words in _OPEN.items()}
MAX_NOD_WORDS = 4
UNFINISHED = 0.1  # as `turn_probability` takes it


def _language(tag: str | None) -> str:
    return (tag or "en").lower().replace("_", "-").split("-")[0]


def words_of(text: str) -> list[str]:
    """Words in lower case, without marks."""
    return [word.lower().replace("’", "'") for word in _WORD.findall(text)]


def is_nod(text: str, language: str | None = None) -> bool:
    """Nothing but words of a listener ("mhm", "yeah, okay"); no words at all are none."""
    words = words_of(text)
    known = _NOD_WORDS.get(_language(language), _NOD_WORDS["en"]) | (
        _NOD_WORDS["en"] if _language(language) == "multi" else frozenset()
    )
    return 0 < len(words) <= MAX_NOD_WORDS and all(word in known for word in words)


def turn_probability(text: str, language: str | None = None) -> float | None:
    """How likely the text ends a turn, as far as its words tell: low where it must go on, None where they do not say."""
    stripped = text.rstrip()
    if not stripped:
        return None
    if stripped.endswith((",", "-", "–", "—", "...", "…", ":")):
        return UNFINISHED
    if stripped.endswith((".", "!", "?", "。", "！", "？", "।")):
        return None  # the engine sees the end of a sentence by itself
    words = words_of(stripped)
    is_open = bool(words) and words[-1] in _OPEN_WORDS.get(_language(language), frozenset())
    return UNFINISHED if is_open else None
