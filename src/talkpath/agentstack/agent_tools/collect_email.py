"""`collect_email`: asks for an e-mail address, checks it, reads it back letter by letter, and gives it when the caller has said yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.base import AgentToolRun, Step
from talkpath.agentstack.agent_tools.spoken_email import check_email, read_email, spell_email
from talkpath.agentstack.providers.base import Tool

MAX_REJECTED = 8  # submissions of no address: nobody is kept for ever

_SUBMIT = Tool(
    "submit",
    "Submit the email address that the caller gave.",
    {
        "type": "object",
        "properties": {
            "email_address": {
                "type": "string",
                "description": "The address, as jane.doe@example.com, or word for word as it was said.",
            }
        },
        "required": ["email_address"],
    },
)
_CONFIRM = Tool("confirm", "The caller has said that the address read back is right.")
_DECLINE = Tool(
    "decline",
    "The caller does not want to give an email address, or wants something else.",
    {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "Why, in a few words."}},
        "required": ["reason"],
    },
)
_PROMPT = """\
You collect one email address from a caller on the phone. Do nothing else.
Ask for it in one short sentence, unless the caller has said it already. What you read is a transcript of speech: "at" is @, "dot" is a full stop, \
letters may be spelled, digits may be words, and words may be misheard. Ask the caller to spell what is unclear.
Call submit with the address. When it is rejected, say so kindly and ask again.
{confirm}
When the caller does not want to give one, call decline with the reason. Never make up an address."""
_WITH_CONFIRM = (
    "When submit asks for a confirmation, read the address back as `read_back` has it and ask whether it is right. Wait for the caller's answer: "
    "call confirm if it is yes; if it is no, ask again and submit the new one."
)
_WITHOUT_CONFIRM = "A valid address is taken at once."


class CollectEmail:
    """An agent's `collect_email`.

    Parameters
    ----------
    config : mapping
        tool_name, tool_description, require_confirmation (True), timeout_s (60), on_enter_message, instructions.

    Raises
    ------
    AgentError
        One of them is wrong.
    """

    type = "collect_email"

    def __init__(self, config: Mapping[str, Any]) -> None:
        def text(key: str, default: str) -> str:
            value = config.get(key)
            if value is not None and not isinstance(value, str):
                raise AgentError(f"config.{key}", "must be a string")
            return value or default

        name = text("tool_name", "collect_email")
        self.tool = Tool(name, text("tool_description", "Collect an email address from the user."))
        confirmation = config.get("require_confirmation", True)
        if not isinstance(confirmation, bool):
            raise AgentError("config.require_confirmation", "must be true or false")
        timeout_s = config.get("timeout_s", 60.0)
        if isinstance(timeout_s, bool) or not isinstance(timeout_s, (int, float)) or not 0 < timeout_s <= 3600:
            raise AgentError("config.timeout_s", "must be a number of seconds above 0, 3600 at most")
        self.timeout_s = float(timeout_s)
        self._confirmation = confirmation
        parts = [_PROMPT.format(confirm=_WITH_CONFIRM if confirmation else _WITHOUT_CONFIRM)]
        parts += [part for key in ("instructions", "extra_instructions") if (part := text(key, ""))]
        if enter := text("on_enter_message", ""):
            parts.append(f"To begin: {enter}")
        self._prompt = "\n".join(parts)

    def begin(self) -> AgentToolRun:
        """One run."""
        return CollectEmailRun(self._prompt, self._confirmation)


class CollectEmailRun:
    """From the parent's call to its result. Made by `CollectEmail.begin`."""

    def __init__(self, system_prompt: str, needs_confirmation: bool) -> None:
        self.system_prompt = system_prompt
        self.tools: Sequence[Tool] = (_SUBMIT, _CONFIRM, _DECLINE) if needs_confirmation else (_SUBMIT, _DECLINE)
        self._needs_confirmation = needs_confirmation
        self._pending: str | None = None
        self._rejected = 0
        self._is_over = False

    def called(self, name: str, arguments: Mapping[str, Any]) -> Step:
        """See `AgentToolRun`. After the end every call is refused, and gives no second result."""
        if self._is_over:
            return Step({"status": "error", "error": "this is over; nothing more is collected"})
        match name:
            case "submit":
                return self._submit(arguments)
            case "confirm" if self._needs_confirmation:
                return self._confirm()
            case "decline":
                reason = arguments.get("reason")
                reason = reason if isinstance(reason, str) else ""
                return self._end({"declined": True, "decline_reason": reason}, "declined")
        tools = ", ".join(tool.name for tool in self.tools)
        return Step({"status": "error", "error": f"there is no tool {name!r}; there are {tools}"})

    def timed_out(self) -> Step:
        """See `AgentToolRun`."""
        if self._is_over:
            return Step({"status": "error", "error": "this is over; nothing more is collected"})
        return self._end({"timed_out": True}, "timed_out")

    def _submit(self, arguments: Mapping[str, Any]) -> Step:
        self._pending = None
        said = arguments.get("email_address", arguments.get("email"))
        if not isinstance(said, str) or not said.strip():
            return self._reject("email_address must be given as a string")
        address = read_email(said)
        if address is None:
            literal = said.strip().lower()
            return self._reject(check_email(literal) or "it is no email address")
        if not self._needs_confirmation:
            return self._taken(address)
        self._pending = address
        return Step({"status": "confirm", "email_address": address, "read_back": spell_email(address)})

    def _reject(self, problem: str) -> Step:
        self._rejected += 1
        if self._rejected < MAX_REJECTED:
            return Step({"status": "invalid", "error": problem})
        self._is_over = True
        return Step({"status": "error", "error": problem}, failed="no valid email address was understood")

    def _confirm(self) -> Step:
        if self._pending is None:
            return Step({"status": "error", "error": "there is nothing to confirm: submit an address first"})
        return self._taken(self._pending)

    def _taken(self, address: str) -> Step:
        return self._end({"email_address": address, "email": address}, "collected")

    def _end(self, result: Mapping[str, Any], status: str) -> Step:
        self._is_over = True
        return Step({"status": status}, result)
