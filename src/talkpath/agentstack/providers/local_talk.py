"""What a model without a script does: it uses the agent's tools by their names and descriptions, makes small talk, and says what tools have given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from talkpath.agentstack.agent_tools.spoken_email import read_email
from talkpath.agentstack.providers.base import Tool
from talkpath.agentstack.providers.local_numbers import spoken_numbers
from talkpath.agentstack.providers.local_rules import Call, Reply, Result, Turn

# Words that say nothing of what a tool is for, and words of callers for those that do.
_VAGUE = {"get", "set", "do", "look", "lookup", "up", "find", "check", "to", "the", "a", "an", "of", "for", "and", "by", "my", "play", "end", "collect",
          "send", "start", "stop", "make", "call", "tool", "user", "customer", "info", "new", "id", "number"}  # fmt: skip
_SYNONYMS = {
    "human": r"humans?|person|people|someone|somebody|representative|operator|real agent|agents?|colleague|staff|transfer",
    "transfer": r"transfer|connect me|put me through",
    "escalate": r"managers?|supervisor|ridiculous|unacceptable|complain(?:t|ing)?|angry|furious|specialist",
    "music": r"music|song",
    "hold": r"on hold",
    "end_call": r"good ?bye|bye(?: bye)?|hang up|that(?: is|'s) all|nothing else|that will be all",
    "order": r"orders?|ordered|package|parcel|delivery|shipped|shipment",
    "email": r"e ?-?mails?|mail address",
    "weather": r"weather|rain|sunny|forecast",
    "appointment": r"appointments?|book|schedule",
    "balance": r"balance|account",
    "refund": r"refund|money back",
}
_WAIT = re.compile(
    r"\b(?:hold on|one (?:moment|second|minute)|(?:a|just a) (?:moment|second|minute|sec)|more time|wait)\b", re.I
)
_REPEAT = re.compile(r"\b(?:repeat|say (?:that|it) again|pardon|what did you say|once more)\b", re.I)
_SMALL_TALK = (
    (re.compile(r"\b(?:who are you|your name|are you (?:a )?(?:robot|bot|human|real))\b", re.I), "I am the virtual assistant on this line."),
    (re.compile(r"\b(?:how are you)\b", re.I), "I am fine, thank you. How can I help you?"),
    (re.compile(r"\b(?:what can you do|help)\b", re.I), "{offer}"),
    (re.compile(r"\b(?:thank you|thanks)\b", re.I), "You are welcome. Is there anything else?"),
    (re.compile(r"\b(?:good ?bye|bye)\b", re.I), "Goodbye, and thank you for calling."),
    (re.compile(r"\b(?:stop|never mind|forget it)\b", re.I), "All right. What would you like instead?"),
    (re.compile(r"\b(?:hello|hi|good (?:morning|afternoon|evening))\b", re.I), "Hello. How can I help you?"),
    (re.compile(r"^\W*(?:yes|yeah|sure|please|okay|ok|right|correct)\b", re.I), "Good. What would you like to know?"),
    (re.compile(r"^\W*(?:no|nope|nothing)\b", re.I), "All right. Is there anything else?"),
)  # fmt: skip
_DEFAULTS = (
    "I am sorry, I did not understand that. Could you say it again?",
    "I am sorry, I still did not get that. {offer}",
)
_QUIET = {"ending", "transferring", "playing_hold_music", "playing", "running", "sent", "queued"}
_NAMES = {"eta": "expected date", "tracking": "tracking number", "id": "number"}
_EXAMPLE_ID = re.compile(r"\b([A-Z]{2,6}-?)\d+")


def reply(turn: Turn, conversation: Sequence[Turn], last_said: str, tools: Sequence[Tool]) -> Reply:
    """What is answered.

    Parameters
    ----------
    turn : Turn
        The last of `conversation`.
    conversation : sequence of Turn
    last_said : str
        The agent's last words.
    tools : sequence of Tool
        What may be called now.
    """
    if turn.results:
        return Reply(" ".join(filter(None, (_read(result) for result in turn.results))))
    if not turn.said:
        late = any(
            isinstance(r.value, Mapping) and r.value.get("timed_out") for t in conversation[-3:] for r in t.results
        )
        if late:
            return Reply("Let us leave that for now. How else can I help you?")
        return Reply("Are you still there? How can I help you?" if last_said else "Hello. How can I help you?")
    said = turn.said
    if any(tool.name == "extend_wait" for tool in tools) and _WAIT.search(said):
        return Reply(calls=(Call("extend_wait"),))
    if (found := _asked_for(said, last_said, tools)) is not None:
        return found
    if chosen := [tool for tool in tools if tool.name != "extend_wait" and _wants(tool, said)]:
        return _use(max(chosen, key=lambda tool: (round(_wants(tool, said)), _last(tool, said))), said)
    if last_said and _REPEAT.search(said):
        return Reply(last_said.removesuffix(" …"))
    offer = _offer(tools)
    for pattern, answer in _SMALL_TALK:
        if pattern.search(said):
            return Reply(answer.format(offer=offer))
    confused = sum(1 for one in conversation if one.said) - 1
    return Reply(
        _DEFAULTS[min(confused, 1) if "understand" in last_said or "still" in last_said else 0].format(offer=offer)
    )


# --- tools --------------------------------------------------------------------------------------------------------------------


def _words(name: str) -> list[str]:
    return [
        word for word in re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if word not in _VAGUE
    ]


def _wants(tool: Tool, said: str) -> float:
    """How much the words ask for the tool."""
    words = _words(tool.name)
    score = sum(bool(re.search(pattern, said, re.I)) for pattern in _patterns(tool))
    prefix = _EXAMPLE_ID.search(tool.description)
    if prefix and re.search(rf"\b{re.escape(prefix[1].rstrip('-'))}\b", said, re.I):
        score += 1
    return score / (1 + 0.01 * len(words)) if score else 0.0


def _patterns(tool: Tool) -> list[str]:
    words = _words(tool.name)
    patterns = [_SYNONYMS[key] for key in (tool.name, *words) if key in _SYNONYMS]
    patterns += [rf"{re.escape(word)}\w{{0,3}}" for word in words if word not in _SYNONYMS]
    return [rf"\b(?:{pattern})\b" for pattern in patterns]


def _last(tool: Tool, said: str) -> int:
    """Where the tool is last asked for: what was said last counts."""
    return max((found.end() for pattern in _patterns(tool) for found in re.finditer(pattern, said, re.I)), default=0)


def _use(tool: Tool, said: str) -> Reply:
    """Call it, or ask for what it needs."""
    arguments: dict[str, Any] = {}
    properties = tool.parameters.get("properties") or {}
    required = tool.parameters.get("required") or ()
    for name, schema in properties.items():
        value = _argument(name, schema if isinstance(schema, Mapping) else {}, tool, said)
        if value is not None:
            arguments[name] = value
        elif name in required:
            return Reply(_question(name, tool))
    return Reply(calls=(Call(tool.name, arguments),))


def _question(name: str, tool: Tool) -> str:
    example = _EXAMPLE_ID.search(f"{tool.description} {tool.parameters['properties'][name].get('description', '')}")
    like = f", for example {example[0]}" if example else ""
    return f"What is the {_plain(name)}{like}?"


def _plain(name: str) -> str:
    return re.sub(r"[_\s-]+", " ", name).replace(" id", " number").strip()


def _asked_for(said: str, last_said: str, tools: Sequence[Tool]) -> Reply | None:
    """The agent has just asked for an argument: perhaps this is it."""
    for tool in tools:
        for name in tool.parameters.get("required") or ():
            question = _question(name, tool) if name in (tool.parameters.get("properties") or {}) else ""
            if question and last_said.endswith(question):
                answer = _use(tool, said)
                return answer if answer.calls else None
    return None


def _argument(name: str, schema: Mapping[str, Any], tool: Tool, said: str) -> Any:
    """Its value in what was said; None: it is not there."""
    kind, about = schema.get("type", "string"), f"{tool.description} {schema.get('description', '')}"
    if isinstance(choices := schema.get("enum"), list):
        return next(
            (c for c in choices if isinstance(c, str) and re.search(rf"\b{re.escape(_plain(c))}\b", said, re.I)), None
        )
    if "mail" in name:
        return read_email(said)
    numbers = spoken_numbers(said)
    if kind in ("integer", "number"):
        return int(numbers[0]) if numbers else None
    if kind == "boolean":
        return not re.search(r"\b(?:no|not|don't)\b", said, re.I)
    if kind != "string":
        return None
    if re.search(r"(?:^|_)(?:id|ids|number|no|code|digits?|pin|zip|phone)$", name):
        example = _EXAMPLE_ID.search(about)
        return f"{example[1] if example else ''}{numbers[-1]}" if numbers else None
    return said


def _offer(tools: Sequence[Tool]) -> str:
    names = [re.sub(r"[_-]+", " ", tool.name).lower() for tool in tools if tool.name not in ("extend_wait", "end_call")]
    if not names:
        return "How can I help you?"
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, or {names[-1]}"
    return f"You can ask me to {listed}."


# --- what tools gave ----------------------------------------------------------------------------------------------------------


def _read(result: Result) -> str:
    """In words."""
    value = result.value
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else ""
    if result.tool == "extend_wait":
        return "Of course, take your time."
    if error := value.get("error"):
        return f"I am sorry. {str(error).rstrip('.')}."
    status = value.get("status")
    if status in _QUIET:
        return ""
    if status == "escalated":
        return "Thank you for waiting. I have all that you said. How can I make this right?"
    if status == "collected" or value.get("email_address"):
        return "Thank you, I have noted your email address. Is there anything else?"
    if status == "declined" or value.get("declined"):
        return "That is fine. Is there anything else?"
    if value.get("timed_out"):
        return "Let us leave that for now. How else can I help you?"
    facts = [
        f"the {_NAMES.get(k, _plain(str(k)))} is {_plain(v) if isinstance(v, str) else v}"
        for k, v in value.items()
        if isinstance(v, str | int | float) and v != ""
    ]
    return " ".join(f"{fact[0].upper()}{fact[1:]}." for fact in facts)


# --- a sub-agent --------------------------------------------------------------------------------------------------------------

_YES = re.compile(
    r"^\W*(?:yes|yeah|yep|correct|right|sure|exactly|that is (?:right|correct)|that's (?:right|correct|it)|it is)\b",
    re.I,
)
_NO = re.compile(r"\b(?:no|nope|wrong|incorrect|not (?:right|correct|quite))\b", re.I)
_DECLINE = re.compile(
    r"\b(?:(?:don't|do not|won't|not) (?:want|like|give|going)|rather not|skip|refuse|no thank|none of your|never mind|private|prefer not)\b",
    re.I,
)
_ASK = "What is your email address? You can spell it."
_AGAIN = "I am sorry, I did not get that. Please say your email address again, letter by letter if you can."


def is_sub_agent(tools: Sequence[Tool]) -> bool:
    """The tools are those of an agent tool's run."""
    return {"submit", "decline"} <= {tool.name for tool in tools}


def is_for_email(tools: Sequence[Tool]) -> bool:
    """What it asks for is an e-mail address."""
    return any(tool.name == "submit" and "email_address" in tool.parameters.get("properties", {}) for tool in tools)


def collect(turn: Turn, conversation: Sequence[Turn], last_said: str) -> Reply:
    """The sub-agent's side of `collect_email`."""
    for result in reversed(turn.results):
        if isinstance(result.value, Mapping):
            status = result.value.get("status")
            if status == "confirm":
                return Reply(f"I have {result.value.get('read_back')}. Is that right?")
            if status in ("invalid", "error"):
                return Reply(_AGAIN)
    if turn.results or not turn.said:
        return Reply(_AGAIN if last_said in (_ASK, _AGAIN) else _ASK)
    address = read_email(turn.said)
    if address is not None:
        return Reply(calls=(Call("submit", {"email_address": address}),))
    asked = _is_waiting_for_yes(conversation)
    if asked and _NO.search(turn.said) and not _YES.search(turn.said):
        return Reply(_AGAIN)
    if asked and _YES.search(turn.said):
        return Reply(calls=(Call("confirm"),))
    if last_said and _DECLINE.search(turn.said):
        return Reply(calls=(Call("decline", {"reason": turn.said}),))
    return Reply(
        "Is the address right? Please say yes or no." if asked else _AGAIN if last_said in (_ASK, _AGAIN) else _ASK
    )


def _is_waiting_for_yes(conversation: Sequence[Turn]) -> bool:
    for turn in reversed(conversation[:-1]):
        for result in reversed(turn.results):
            if result.tool == "submit" and isinstance(result.value, Mapping):
                return result.value.get("status") == "confirm"
        if turn.said and _NO.search(turn.said) and not _YES.search(turn.said):
            return False
    return False
