"""A script instead of a model: ordered rules, patterns to answers and tool calls. No I/O, and no state but the conversation that is given.

A turn is what the caller has just said, or what tools have just given. The first rule that fits it answers. Counters and `once` follow from the whole conversation, which
is gone through anew for each answer: an answer that was thrown away (begun on words that changed) has never been.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from talkpath.agentstack.providers.base import ChatMessage

_GROUP = re.compile(r"\{(\w+)\}")


# --- turns --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool gave."""

    tool: str
    text: str  # as the model gets it
    value: Any  # the same, read; the text where it is no JSON


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be answered: the caller's words, or results of tools, or neither (the agent is to say something by itself)."""

    said: str = ""
    results: tuple[Result, ...] = ()
    nudge: str = ""


def turns(messages: Sequence[ChatMessage]) -> list[Turn]:
    """All turns of a conversation; the last is the one to be answered."""
    found: list[Turn] = []
    names: dict[str, str] = {}
    said: list[str] = []
    results: list[Result] = []
    nudge = ""

    def end() -> None:
        nonlocal nudge
        if said or results or nudge:
            found.append(Turn(" ".join(said), tuple(results), nudge if not (said or results) else ""))
        said.clear()
        results.clear()
        nudge = ""

    for message in messages:
        role, content = message.get("role"), _text(message.get("content"))
        if role == "assistant":
            end()
            for call in message.get("tool_calls") or ():
                names[call["id"]] = call["function"]["name"]
        elif role == "tool":
            results.append(Result(names.get(str(message.get("tool_call_id")), ""), content, _json(content)))
        elif role == "user":
            if results:
                end()
            said.append(content)
        elif role == "system":
            nudge = content
    end()
    if not messages or messages[-1].get("role") == "assistant":
        found.append(Turn())
    return found or [Turn()]


def _text(content: Any) -> str:
    if isinstance(content, list):  # parts, as some write them
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


# --- rules --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that a rule makes."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the script answers; nothing at all is an answer too."""

    text: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. See `local_script.read_script` for what a rule says."""

    name: str
    match: re.Pattern[str]
    result_of: re.Pattern[str] | None
    say: tuple[str, ...]
    call: tuple[Call, ...]
    once: bool
    count: str
    at_least: Mapping[str, int]
    below: Mapping[str, int]

    def fits(self, turn: Turn, counters: Mapping[str, int]) -> dict[str, str] | None:
        """What is put into its answer; None: it does not fit."""
        if self.once and counters.get(f"rule {self.name}"):
            return None
        if any(counters.get(k, 0) < n for k, n in self.at_least.items()) or any(
            counters.get(k, 0) >= n for k, n in self.below.items()
        ):
            return None
        if self.result_of is None:
            found = self.match.search(turn.said) if turn.said and not turn.results else None
            return _groups(found) if found else None
        for result in turn.results:
            if self.result_of.fullmatch(result.tool) and (found := self.match.search(result.text)):
                fields = result.value if isinstance(result.value, Mapping) else {}
                return {**{str(k): "" if v is None else str(v) for k, v in fields.items()}, **_groups(found)}
        return None


def _groups(found: re.Match[str]) -> dict[str, str]:
    numbered = {str(i): value or "" for i, value in enumerate((found[0], *found.groups()))}
    return {**numbered, **{k: v or "" for k, v in found.groupdict().items()}}


@dataclass(frozen=True, slots=True)
class Script:
    """Rules in order.

    Attributes
    ----------
    rules : tuple of Rule
    default : tuple of str
        Said in turn where no rule fits; empty: what is built in decides.
    built_in : bool
        The agent's tools by their names, and small talk, come after the rules.
    """

    rules: tuple[Rule, ...] = ()
    default: tuple[str, ...] = ()
    built_in: bool = True

    def reply(self, conversation: Sequence[Turn]) -> Reply | None:
        """To the last turn; None: no rule fits it. `default` is the caller's business."""
        counters: Counter[str] = Counter()
        reply = None
        for turn in conversation:
            reply = self._fire(turn, counters)
        return reply

    def _fire(self, turn: Turn, counters: Counter[str]) -> Reply | None:
        for rule in self.rules:
            groups = rule.fits(turn, counters)
            if groups is None:
                continue
            counters[f"rule {rule.name}"] += 1
            if rule.count:
                counters[rule.count] += 1
            says = rule.say[(counters[f"rule {rule.name}"] - 1) % len(rule.say)] if rule.say else ""
            return Reply(_fill(says, groups), tuple(Call(c.name, _filled(c.arguments, groups)) for c in rule.call))
        return None


def _fill(text: str, groups: Mapping[str, str]) -> str:
    return _GROUP.sub(lambda found: groups.get(found[1], ""), text)


def _filled(value: Any, groups: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, groups)
    if isinstance(value, Mapping):
        return {key: _filled(one, groups) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, groups) for one in value]
    return value
