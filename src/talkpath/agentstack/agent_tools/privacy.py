"""What must not be kept: in results, events and transcripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HIDDEN = "(card details)"  # in the place of what the caller said
PRIVATE_TYPES = ("collect_credit_card",)


def hidden(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what opens an account: of a number its last four digits, of a code nothing.

    Examples
    --------
    >>> hidden({"card_number": "4242424242424242", "security_code": "123", "issuer": "Visa"})
    {'card_number': '************4242', 'security_code': '***', 'issuer': 'Visa'}
    """
    found = dict(result)
    if isinstance(number := found.get("card_number"), str):
        found["card_number"] = "*" * (len(number) - 4) + number[-4:]
    if "security_code" in found:
        found["security_code"] = "***"
    return found


def kept(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message to the app as it may be stored."""
    if message.get("agent_tool_type") in PRIVATE_TYPES and isinstance(message.get("result"), Mapping):
        return {**message, "result": hidden(message["result"])}
    return message
