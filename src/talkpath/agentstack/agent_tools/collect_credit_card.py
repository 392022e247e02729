"""`collect_credit_card`: number, expiration, security code and name, in any order; checked, and read back as its last four digits.

Sources: ISO/IEC 7812-1 (the check digit, after Luhn), the issuers' published ranges and lengths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from talkpath.agentstack.agent_tools.base import AgentToolRun, Step
from talkpath.agentstack.agent_tools.collect_name import read_name
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

FIELDS = ("card_number", "expiration_date", "security_code", "cardholder_name")
TIMEOUT_S = 120.0
_ISSUERS: Sequence[tuple[str, str, tuple[int, ...]]] = (  # name, first digits, lengths
    ("American Express", r"3[47]", (15,)),
    ("Visa", r"4", (13, 16, 19)),
    ("Mastercard", r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),
    ("Discover", r"6011|64[4-9]|65", (16, 17, 18, 19)),
    ("Diners Club", r"30[0-5]|3095|36|38|39", (14, 15, 16, 17, 18, 19)),
    ("JCB", r"35(2[89]|[3-8])", (16, 17, 18, 19)),
    ("UnionPay", r"62", (16, 17, 18, 19)),
)
RESTART = Tool("restart", "The caller wants to begin again: everything that was given is forgotten.")


def issuer_of(number: str) -> str | None:
    """Whose card it is; None: nobody's that is known, or not so long."""
    return next(
        (name for name, prefix, lengths in _ISSUERS if len(number) in lengths and re.match(prefix, number)), None
    )


def is_luhn(number: str) -> bool:
    """Its check digit is right.

    Examples
    --------
    >>> is_luhn("4242424242424242"), is_luhn("4242424242424241")
    (True, False)
    """
    digits = [int(c) for c in reversed(number)]
    return sum(digits[::2]) % 10 == -sum(sum(divmod(2 * d, 10)) for d in digits[1::2]) % 10


def read_expiration(said: str, today: date) -> str:
    """MM/YY; the card is good to the end of that month. Raises `Unfit`."""
    digits = read_digits(said.replace("/", " ").replace("-", " "))
    if len(digits) == 3:
        digits = f"0{digits}"
    if len(digits) == 6 and digits[2:4] == "20":
        digits = digits[:2] + digits[4:]
    if len(digits) != 4 or not 1 <= int(digits[:2]) <= 12:
        raise Unfit("expiration_date must be month and year, as MM/YY")
    month, year = int(digits[:2]), 2000 + int(digits[2:])
    if (year, month) < (today.year, today.month):
        raise Unfit("the card has expired: ask for another one")
    if year > today.year + 20:
        raise Unfit("expiration_date is too far away: ask for it again")
    return f"{digits[:2]}/{digits[2:]}"


class CollectCreditCard(Collector):
    """An agent's `collect_credit_card`."""

    is_private = True

    def __init__(self, config: Mapping[str, Any], today: Callable[[], date] = date.today) -> None:
        self._today = today
        super().__init__(
            Form(
                "collect_credit_card",
                "Collect the user's credit card details.",
                "the details of one credit card: number, expiration date, security code, and the name on the card, one after the other",
                'digits may be words ("oh" is zero, "double five" is 55), and may come in several pieces.',
                Tool(
                    "submit",
                    "Submit what the caller has given so far, one detail or several. The answer says what is missing or wrong.",
                    strings(
                        card_number="All digits of the number.", expiration_date="As MM/YY.",
                        security_code="Three digits, four for American Express.", cardholder_name="As on the card.",
                    ),
                ),
                lambda arguments: Found(arguments, ""),
                "Ask the user for the number of their card: they may say it or press the keys.",
            ),
            {"timeout_s": TIMEOUT_S, **config, "instructions": None, "extra_instructions": None},
        )  # fmt: skip

    def begin(self) -> AgentToolRun:
        """One run."""
        prompt = prompt_of(self._form, self.config)
        never = "Never repeat the number or the security code. When the caller wants to begin again, call restart."
        return CardRun(self._form, f"{prompt}\n{never}", self.config.needs_confirmation, self._today())


class CardRun(CollectRun):
    """Details are kept here, each as soon as it is valid."""

    def __init__(self, form: Form, system_prompt: str, needs_confirmation: bool, today: date) -> None:
        super().__init__(form, system_prompt, needs_confirmation)
        self.tools = (*self.tools, RESTART)
        self._today, self._given, self._keys = today, dict[str, str](), ""

    def submit(self, arguments: Mapping[str, Any]) -> Step:
        """See `CollectRun`: what is valid of it stays, whatever else is wrong."""
        self.forget()
        problems, has_any = [], False
        for name in FIELDS:
            try:
                if said := text_of(arguments, name):
                    has_any = True
                    self._given[name] = self._read(name, said)
            except Unfit as problem:
                problems.append(str(problem))
        code = self._given.get("security_code", "")
        if self._given.get("card_number") and code and len(code) != self._code_length:
            del self._given["security_code"]
            problems.append(f"security_code must have {self._code_length} digits with this card")
        if problems or not has_any:
            return self.reject("; ".join(problems) or "nothing was given")
        missing = [name for name in FIELDS if name not in self._given]
        if missing:
            return Step({"status": "incomplete", "missing": missing})
        number = self._given["card_number"]
        issuer = issuer_of(number) or ""
        month, year = self._given["expiration_date"].split("/")
        read_back = f"{issuer} ending in {say_digits(number[-4:], 4)}, expiring {month} {year}, {self._given['cardholder_name']}"
        return self.offer(Found({"issuer": issuer, **self._given}, read_back))

    @property
    def _code_length(self) -> int:
        return 4 if issuer_of(self._given.get("card_number", "")) == "American Express" else 3

    def _read(self, name: str, said: str) -> str:
        match name:
            case "card_number":
                number = read_digits(said)
                if issuer_of(number) is None or not is_luhn(number):
                    raise Unfit("card_number is not valid: ask the caller to say it again, slowly")
                return number
            case "expiration_date":
                return read_expiration(said, self._today)
            case "security_code":
                code = read_digits(said)
                if len(code) not in (3, 4):
                    raise Unfit("security_code must have three digits, or four")
                return code
        return read_name(said)

    def other(self, name: str, arguments: Mapping[str, Any]) -> Step:
        """See `CollectRun`."""
        if name != "restart":
            return super().other(name, arguments)
        self.forget()
        self._given.clear()
        self._keys = ""
        return Step({"status": "restarted", "missing": list(FIELDS)})

    def key(self, digit: str) -> Step | None:
        """See `AgentToolRun`: keys are the number, then the date, then the code."""
        if digit == "*":
            self._keys = ""
        elif digit == "#":
            return self.keys_end()
        elif digit.isdecimal():
            self._keys += digit
            wanted = self._wanted
            is_whole = {"expiration_date": 4, "security_code": self._code_length}.get(wanted) == len(self._keys)
            is_card = (
                wanted == "card_number"
                and len(self._keys) in (15, 16)
                and issuer_of(self._keys) is not None
                and is_luhn(self._keys)
            )
            if is_whole or is_card:
                return self.keys_end()
        return None

    @property
    def _wanted(self) -> str:
        return next((name for name in FIELDS[:3] if name not in self._given), "")

    def keys_end(self) -> Step | None:
        """See `AgentToolRun`."""
        keys, self._keys = self._keys, ""
        return self.submit({self._wanted: keys}) if keys and self._wanted else None
