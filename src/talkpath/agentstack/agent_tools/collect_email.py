"""`collect_email`: asks for an e-mail address, checks it, and reads it back letter by letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkpath.agentstack.agent_tools.collector import Form, Found, Unfit, strings, text_of
from talkpath.agentstack.agent_tools.spoken_email import check_email, read_email, spell_email
from talkpath.agentstack.providers.base import Tool


def _read(arguments: Mapping[str, Any]) -> Found:
    said = text_of(arguments, "email_address", 500) or text_of(arguments, "email", 500)
    if not said:
        raise Unfit("email_address must be given as a string")
    address = read_email(said)
    if address is None:
        raise Unfit(check_email(said.lower()) or "it is no email address")
    return Found({"email_address": address, "email": address}, spell_email(address))


FORM = Form(
    "collect_email",
    "Collect an email address from the user.",
    "one email address",
    '"at" is @, "dot" is a full stop, letters may be spelled, digits may be words. Ask the caller to spell what is unclear.',
    Tool(
        "submit",
        "Submit the email address that the caller gave.",
        strings(
            "email_address", email_address="The address, as jane.doe@example.com, or word for word as it was said."
        ),
    ),
    _read,
    "Ask the user to provide their email address.",
)
