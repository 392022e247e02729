"""What all agent tools share: a form that the caller fills in by voice, its reading back, his yes, and every way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.base import AgentToolRun, Step
from talkpath.agentstack.providers.base import Tool

MAX_REJECTED = 8  # submissions of nothing valid: nobody is kept for ever
CONFIRM = Tool("confirm", "The caller has said that what was read back is right.")
DECLINE = Tool(
    "decline",
    "The caller does not want to give it, or wants something else.",
    {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "Why, in a few words."}},
        "required": ["reason"],
    },
)
_WITH_CONFIRM = (
    "When submit asks for a confirmation, read it back as `read_back` has it and ask whether it is right. Wait for the caller's answer: "
    "call confirm if it is yes; if it is no, ask again and submit the new one."
)
_WITHOUT_CONFIRM = "What is valid is taken at once."
_OVER = Step({"status": "error", "error": "this is over; nothing more is collected"})


class Unfit(Exception):
    """What was submitted cannot be taken; the text is for the model."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was submitted, valid: the keys of the result, and how they are read back."""

    value: Mapping[str, Any]
    read_back: str


@dataclass(frozen=True, slots=True)
class Form:
    """What one kind of agent tool asks for.

    Attributes
    ----------
    type : str
        Also the tool's name where the agent gives none.
    description : str
        For the parent's model, where the agent gives none.
    what : str
        "one email address".
    advice : str
        How the transcript of a caller who says it is read.
    submit : Tool
    read : callable
        The arguments of `submit` → `Found`. Raises `Unfit`.
    enter : str
        `on_enter_message` where the agent gives none.
    """

    type: str
    description: str
    what: str
    advice: str
    submit: Tool
    read: Callable[[Mapping[str, Any]], Found]
    enter: str = ""


def strings(*required: str, **described: str) -> dict[str, Any]:
    """A JSON schema of texts: names and what they are."""
    properties = {name: {"type": "string", "description": text} for name, text in described.items()}
    return {"type": "object", "properties": properties, "required": list(required)}


def text_of(arguments: Mapping[str, Any], name: str, most_chars: int = 200) -> str:
    """A text among arguments, without spaces around it; "" where there is none. Raises `Unfit`."""
    value = arguments.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):  # models write digits as numbers
        value = str(value)
    if not isinstance(value, str):
        raise Unfit(f"{name} must be given as a string")
    value = " ".join(value.split())
    if len(value) > most_chars:
        raise Unfit(f"{name} is too long")
    return value


@dataclass(frozen=True, slots=True)
class Config:
    """What all of them take from an agent's `config`."""

    name: str
    description: str
    needs_confirmation: bool
    timeout_s: float
    extra: str = field(repr=False)

    @classmethod
    def of(cls, form: Form, config: Mapping[str, Any]) -> Config:
        """Read it. Raises `AgentError` with the path within the entry."""

        def text(key: str, default: str) -> str:
            value = config.get(key)
            if value is not None and not isinstance(value, str):
                raise AgentError(f"config.{key}", "must be a string")
            return value or default

        confirmation = config.get("require_confirmation", True)
        if not isinstance(confirmation, bool):
            raise AgentError("config.require_confirmation", "must be true or false")
        timeout_s = config.get("timeout_s", 60.0)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 < timeout_s <= 3600:
            raise AgentError("config.timeout_s", "must be a number of seconds above 0, 3600 at most")
        parts = [part for key in ("instructions", "extra_instructions") if (part := text(key, ""))]
        if enter := text("on_enter_message", form.enter):
            parts.append(f"To begin: {enter}")
        return cls(
            text("tool_name", form.type), text("tool_description", form.description), confirmation, float(timeout_s),
            "\n".join(parts),
        )  # fmt: skip


class Collector:
    """An agent's tool that collects what a form asks for. See `AgentTool`."""

    is_private = False

    def __init__(self, form: Form, config: Mapping[str, Any]) -> None:
        self.type, self._form = form.type, form
        self.config = found = Config.of(form, config)
        self.tool, self.timeout_s = Tool(found.name, found.description), found.timeout_s

    def begin(self) -> AgentToolRun:
        """One run."""
        return CollectRun(self._form, prompt_of(self._form, self.config), self.config.needs_confirmation)


def prompt_of(form: Form, config: Config) -> str:
    """What its model is told."""
    return "\n".join(
        part
        for part in (
            f"You collect {form.what} from a caller on the phone. Do nothing else.",
            f"Ask for it in one short sentence, unless the caller has said it already. What you read is a transcript of speech: {form.advice} "
            "Words may be misheard: ask again for what is unclear.",
            "Call submit with it. When it is rejected, say so kindly and ask again.",
            _WITH_CONFIRM if config.needs_confirmation else _WITHOUT_CONFIRM,
            "When the caller does not want to give it, call decline with the reason. Never make anything up.",
            config.extra,
        )
        if part
    )


class CollectRun:
    """From the parent's call to its result. See `AgentToolRun`."""

    def __init__(self, form: Form, system_prompt: str, needs_confirmation: bool) -> None:
        self.system_prompt, self._form = system_prompt, form
        self.tools: Sequence[Tool] = (form.submit, *((CONFIRM,) if needs_confirmation else ()), DECLINE)
        self.needs_confirmation = needs_confirmation
        self._pending: Found | None = None
        self._rejected = 0
        self._is_over = False

    def called(self, name: str, arguments: Mapping[str, Any]) -> Step:
        """See `AgentToolRun`. After the end every call is refused, and gives no second result."""
        if self._is_over:
            return _OVER
        match name:
            case "submit":
                return self.submit(arguments)
            case "confirm" if self.needs_confirmation:
                return self._confirm()
            case "decline":
                reason = arguments.get("reason")
                reason = reason if isinstance(reason, str) else ""
                return self._end({"declined": True, "decline_reason": reason}, "declined")
        return self.other(name, arguments)

    def other(self, name: str, arguments: Mapping[str, Any]) -> Step:
        """A tool of its own; here there is none."""
        tools = ", ".join(tool.name for tool in self.tools)
        return Step({"status": "error", "error": f"there is no tool {name!r}; there are {tools}"})

    def timed_out(self) -> Step:
        """See `AgentToolRun`."""
        return _OVER if self._is_over else self._end({"timed_out": True}, "timed_out")

    def key(self, digit: str) -> Step | None:
        """See `AgentToolRun`: keys mean nothing to most."""
        return None

    def keys_end(self) -> Step | None:
        """See `AgentToolRun`."""
        return None

    def submit(self, arguments: Mapping[str, Any]) -> Step:
        """What the caller gave."""
        self._pending = None
        try:
            found = self._form.read(arguments)
        except Unfit as problem:
            return self.reject(str(problem))
        return self.offer(found)

    def offer(self, found: Found) -> Step:
        """It is valid: read back, or taken."""
        if not self.needs_confirmation:
            return self._end(found.value, "collected")
        self._pending = found
        return Step({"status": "confirm", "read_back": found.read_back})

    def reject(self, problem: str) -> Step:
        """It is not."""
        self._rejected += 1
        if self._rejected < MAX_REJECTED:
            return Step({"status": "invalid", "error": problem})
        self._is_over = True
        return Step({"status": "error", "error": problem}, failed=f"nothing valid was understood ({self._form.type})")

    def forget(self) -> None:
        """The caller begins again."""
        self._pending = None

    def _confirm(self) -> Step:
        if self._pending is None:
            return Step({"status": "error", "error": "there is nothing to confirm: submit it first"})
        return self._end(self._pending.value, "collected")

    def _end(self, result: Mapping[str, Any], status: str) -> Step:
        self._is_over = True
        return Step({"status": status}, result)
