"""Reads the scripts of `local_rules`, from TOML, JSON or an agent's own dict."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from talkpath.agentstack.providers.local_rules import Call, Rule, Script

_RULE_KEYS = {"match", "result_of", "say", "call", "once", "count", "at_least", "below", "name"}
_SCRIPT_KEYS = {"rules", "default", "built_in"}


class ScriptError(ValueError):
    """A script is wrong; the message names the rule."""


def read_script(found: Any) -> Script:
    """A script from what TOML or JSON gives.

    Parameters
    ----------
    found : mapping, list or str
        {"rules", "default", "built_in"}, or the rules alone, or the name of a `.toml` or `.json` file. A rule: `match`, a regular expression for what the caller said,
        case aside (with `result_of`, the name of a tool as an expression: for what that tool gave), and what follows: `say`, a text or several that take turns;
        `call`, {"name", "arguments"} or several. `{1}`, `{name}` stand for groups, and for the fields of a result. `once`; `count`: a counter that goes up;
        `at_least`, `below`: {counter: number}, when it fits.

    Raises
    ------
    ScriptError
        It is no script.
    """
    if isinstance(found, str | Path):
        found = _load(Path(found))
    if isinstance(found, list):
        found = {"rules": found}
    if not isinstance(found, Mapping):
        raise ScriptError("a script is an object with rules, a list of rules, or the name of a .toml or .json file")
    _known(found, _SCRIPT_KEYS, "script")
    rules = found.get("rules", [])
    if not isinstance(rules, list):
        raise ScriptError("rules must be a list")
    built_in = found.get("built_in", True)
    if not isinstance(built_in, bool):
        raise ScriptError("built_in must be true or false")
    return Script(
        tuple(_rule(rule, i) for i, rule in enumerate(rules)), _texts(found.get("default"), "default"), built_in
    )


def _load(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as problem:
        raise ScriptError(f"{path}: {problem}") from None


def _known(found: Mapping[str, Any], known: set[str], where: str) -> None:
    if other := sorted(set(map(str, found)) - known):
        raise ScriptError(f"{where}: {', '.join(other)} not known; there are {', '.join(sorted(known))}")


def _rule(found: Any, number: int) -> Rule:
    where = f"rules[{number}]"
    if not isinstance(found, Mapping):
        raise ScriptError(f"{where}: an object is expected")
    _known(found, _RULE_KEYS, where)
    once, name, count = found.get("once", False), found.get("name", str(number)), found.get("count", "")
    if not isinstance(once, bool) or not isinstance(name, str) or not isinstance(count, str):
        raise ScriptError(f"{where}: once must be true or false, name and count texts")
    result_of = found.get("result_of")
    return Rule(
        name, _pattern(found.get("match", ""), f"{where}.match"),
        None if result_of is None else _pattern(result_of, f"{where}.result_of"),
        _texts(found.get("say"), f"{where}.say"), _calls(found.get("call", []), f"{where}.call"),
        once, count, _numbers(found.get("at_least", {}), f"{where}.at_least"), _numbers(found.get("below", {}), f"{where}.below"),
    )  # fmt: skip


def _pattern(text: Any, where: str) -> re.Pattern[str]:
    if not isinstance(text, str):
        raise ScriptError(f"{where}: a regular expression is expected")
    try:
        return re.compile(text, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as problem:
        raise ScriptError(f"{where}: {problem}") from None


def _texts(found: Any, where: str) -> tuple[str, ...]:
    texts = [] if found is None else [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ScriptError(f"{where}: a text, or a list of texts, is expected")
    return tuple(texts)


def _calls(found: Any, where: str) -> tuple[Call, ...]:
    calls = [found] if isinstance(found, Mapping) else found
    if not isinstance(calls, list):
        raise ScriptError(f"{where}: {{name, arguments}}, or a list of them, is expected")
    for call in calls:
        if not isinstance(call, Mapping) or not isinstance(call.get("name"), str) or set(call) - {"name", "arguments"}:
            raise ScriptError(f"{where}: {{name, arguments}} is expected (got {call!r})")
        if not isinstance(call.get("arguments", {}), Mapping):
            raise ScriptError(f"{where}: arguments must be an object")
    return tuple(Call(call["name"], call.get("arguments", {})) for call in calls)


def _numbers(found: Any, where: str) -> Mapping[str, int]:
    if not isinstance(found, Mapping) or not all(
        isinstance(n, int) and not isinstance(n, bool) for n in found.values()
    ):
        raise ScriptError(f"{where}: {{counter: whole number}} is expected")
    return dict(found)
