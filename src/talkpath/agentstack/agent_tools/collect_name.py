"""`collect_name`: first, middle and last name, each where it is wanted; spelled back where it matters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.collector import Collector, Form, Found, Unfit, strings, text_of
from talkpath.agentstack.agent_tools.spoken_digits import spell
from talkpath.agentstack.providers.base import Tool

PARTS = ("first_name", "middle_name", "last_name")
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|[ .'’-](?=[^\W_]))*\.?")
_SPELLED = re.compile(r"(?:[^\W\d_][\s,.-]+){2,}[^\W\d_]")


def read_name(said: str) -> str:
    """A name as it is written; letters that were spelled are joined. Raises `Unfit`.

    Examples
    --------
    >>> read_name("j o h n")
    'John'
    >>> read_name("anna-maria")
    'Anna-Maria'
    """
    text = said.strip(" .,!?")
    if _SPELLED.fullmatch(text):
        text = re.sub(r"[\s,.-]+", "", text)
    if not _NAME.fullmatch(text) or len(text) > 60:
        raise Unfit(f"{said[:60]!r} is no name")
    if text.islower() or (text.isupper() and len(text) > 2):
        text = re.sub(r"[^\W\d_]+", lambda m: m[0].capitalize(), text)
    return text


class CollectName(Collector):
    """An agent's `collect_name`: `first_name` (True), `middle_name`, `last_name`, `verify_spelling` (False), `name_format`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        def flag(name: str, default: bool) -> bool:
            value = config.get(name, default)
            if not isinstance(value, bool):
                raise AgentError(f"config.{name}", "must be true or false")
            return value

        self._parts = [part for part in PARTS if flag(part, part == "first_name")]
        if not self._parts:
            raise AgentError("config.first_name", "must be true where no other part of the name is wanted")
        self._spells = flag("verify_spelling", False)
        shape = config.get("name_format")
        if shape is not None and not isinstance(shape, str):
            raise AgentError("config.name_format", "must be a string")
        words = ", ".join(part.replace("_", " ") for part in self._parts)
        advice = "letters may be spelled." + (" Ask the caller to spell it." if self._spells else "")
        if shape:
            advice += f" Names have this form: {shape}."
        super().__init__(
            Form(
                "collect_name",
                "Collect the user's name.",
                f"the caller's name ({words})",
                advice,
                Tool(
                    "submit",
                    "Submit the name that the caller gave.",
                    strings(*self._parts, **{p: f"The {p.replace('_', ' ')}." for p in self._parts}),
                ),
                self._read,
                f"Ask the user for their {words}.",
            ),
            config,
        )

    def _read(self, arguments: Mapping[str, Any]) -> Found:
        value = {}
        for part in self._parts:
            said = text_of(arguments, part)
            if not said:
                raise Unfit(f"{part} is missing")
            value[part] = read_name(said)
        read_back = "; ".join(spell(name) if self._spells else name for name in value.values())
        return Found(value, read_back)
