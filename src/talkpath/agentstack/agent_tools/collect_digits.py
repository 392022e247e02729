"""`collect_digits`: an account number, a code: so many digits, by voice or by keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.base import AgentToolRun, Step
from talkpath.agentstack.agent_tools.collector import (
    Collector,
    CollectRun,
    Form,
    Found,
    Unfit,
    prompt_of,
    strings,
    text_of,
)
from talkpath.agentstack.agent_tools.spoken_digits import read_digits, say_digits
from talkpath.agentstack.providers.base import Tool

MOST_DIGITS = 64


class CollectDigits(Collector):
    """An agent's `collect_digits`: `num_digits` (0: any number), `label` ("digits")."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        number = config.get("num_digits", 0)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= MOST_DIGITS:
            raise AgentError("config.num_digits", f"must be a whole number, 0 to {MOST_DIGITS}")
        label = config.get("label") or "digits"
        if not isinstance(label, str):
            raise AgentError("config.label", "must be a string")
        self._number = number
        what = f"the caller's {label}: {number} digits" if number else f"the caller's {label}"
        super().__init__(
            Form(
                "collect_digits",
                f"Collect {label} from the user.",
                what,
                'digits may be words ("oh" is zero, "double five" is 55).',
                Tool(
                    "submit",
                    "Submit the digits that the caller gave.",
                    strings("digits", digits="The digits alone, or as they were said."),
                ),
                self._read,
                f"Ask the user for their {label}: they may say it or press the keys.",
            ),
            config,
        )

    def _read(self, arguments: Mapping[str, Any]) -> Found:
        digits = read_digits(text_of(arguments, "digits", 1000))
        if not digits or len(digits) > MOST_DIGITS:
            raise Unfit(f"digits are wanted, {MOST_DIGITS} at most")
        if self._number and len(digits) != self._number:
            raise Unfit(f"{self._number} digits are wanted, these are {len(digits)}")
        return Found({"digits": digits}, say_digits(digits))

    def begin(self) -> AgentToolRun:
        """One run."""
        return DigitsRun(self._form, prompt_of(self._form, self.config), self.config.needs_confirmation, self._number)


class DigitsRun(CollectRun):
    """Keys count as digits; "#" ends them, "*" takes them back."""

    def __init__(self, form: Form, system_prompt: str, needs_confirmation: bool, number: int) -> None:
        super().__init__(form, system_prompt, needs_confirmation)
        self._number, self._keys = number, ""

    def key(self, digit: str) -> Step | None:
        """See `AgentToolRun`."""
        if digit == "*":
            self._keys = ""
        elif digit == "#":
            return self.keys_end()
        elif digit.isdecimal():
            self._keys += digit
            if self._number and len(self._keys) == self._number:
                return self.keys_end()
        return None

    def keys_end(self) -> Step | None:
        """See `AgentToolRun`."""
        keys, self._keys = self._keys, ""
        return self.submit({"digits": keys}) if keys else None
