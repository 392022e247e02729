"""`collect_phone`: a telephone number, as E.164."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from talkpath.agentstack.agent_tools.collector import Form, Found, Unfit, strings, text_of
from talkpath.agentstack.agent_tools.spoken_digits import read_digits, say_digits
from talkpath.agentstack.providers.base import Tool

_NANP = re.compile(r"[2-9][0-9]{2}[2-9][0-9]{6}")  # North America: area code and exchange begin with 2 to 9


def read_phone(said: str) -> str:
    """E.164. Ten digits that fit North America get +1; others want their country code. Raises `Unfit`.

    Examples
    --------
    >>> read_phone("plus forty four 20 7946 0958")
    '+442079460958'
    >>> read_phone("415 555 2671")
    '+14155552671'
    """
    text = said.lower().replace("plus", "+")
    is_international = "+" in text or re.match(r"\s*(00|double (zero|oh))", text) is not None
    digits = read_digits(text)
    if is_international:
        digits = digits.removeprefix("00")
        if not 7 <= len(digits) <= 15 or digits.startswith("0"):
            raise Unfit("after the country code 6 to 14 digits are wanted")
        if digits.startswith("1") and not _NANP.fullmatch(digits[1:]):
            raise Unfit("it is no number of that country: ten digits are wanted after the 1")
        return f"+{digits}"
    if len(digits) == 11 and digits.startswith("1") and _NANP.fullmatch(digits[1:]):
        return f"+{digits}"
    if _NANP.fullmatch(digits):
        return f"+1{digits}"
    if len(digits) < 7:
        raise Unfit("it is too short for a phone number")
    raise Unfit("the country code is missing: ask for the country, and submit the number with a plus and its code")


def _read(arguments: Mapping[str, Any]) -> Found:
    said = text_of(arguments, "phone_number")
    if not said:
        raise Unfit("phone_number must be given as a string")
    number = read_phone(said)
    national = number.removeprefix("+1") if number.startswith("+1") else number[1:]
    spoken = say_digits(national)
    return Found({"phone_number": number}, spoken if number.startswith("+1") else f"plus {spoken}")


FORM = Form(
    "collect_phone",
    "Collect a phone number from the user.",
    "one phone number",
    'digits may be words ("oh" is zero, "double five" is 55).',
    Tool(
        "submit",
        "Submit the phone number that the caller gave.",
        strings(
            "phone_number",
            phone_number="The number with a plus and its country code where it is known, or as it was said.",
        ),
    ),
    _read,
    "Ask the user for their phone number.",
)
