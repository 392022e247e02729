"""`collect_address`: where somebody lives, or where a thing is to be sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from talkpath.agentstack.agent_tools.collector import Form, Found, Unfit, strings, text_of
from talkpath.agentstack.agent_tools.spoken_digits import spell
from talkpath.agentstack.providers.base import Tool

FIELDS = ("street_address", "unit_number", "locality", "region", "postal_code", "country")
_UNITED_STATES = ("us", "usa", "united states", "united states of america")
# What a postal code looks like, by country (Universal Postal Union, "Postal addressing systems"). Others are taken as they are.
_POSTAL_CODES = {
    **dict.fromkeys(_UNITED_STATES, r"\d{5}(-\d{4})?"),
    **dict.fromkeys(("ca", "canada"), r"[A-Z]\d[A-Z] ?\d[A-Z]\d"),
    **dict.fromkeys(
        ("gb", "uk", "united kingdom", "england", "scotland", "wales"), r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
    ),
    **dict.fromkeys(("de", "germany", "fr", "france", "it", "italy", "es", "spain", "mx", "mexico"), r"\d{5}"),
    **dict.fromkeys(("in", "india"), r"[1-9]\d{5}"),
    **dict.fromkeys(("au", "australia", "at", "austria", "ch", "switzerland", "be", "belgium"), r"\d{4}"),
}


def _read(arguments: Mapping[str, Any]) -> Found:
    value = {name: text_of(arguments, name) for name in FIELDS}
    missing = [name for name in ("street_address", "locality", "country") if not value[name]]
    if missing:
        raise Unfit(f"{' and '.join(missing)} must be given: ask for what is missing")
    if not re.search(r"\d", value["street_address"]) and not value["unit_number"]:
        raise Unfit("street_address has no house number: ask for it")
    value["postal_code"] = value["postal_code"].upper()
    pattern = _POSTAL_CODES.get(value["country"].lower())
    if pattern is not None and not re.fullmatch(pattern, value["postal_code"]):
        raise Unfit(f"postal_code {value['postal_code']!r} is none of {value['country']}: ask for it again")
    if value["country"].lower() in _UNITED_STATES and not value["region"]:
        raise Unfit("region is missing: ask for the state")
    spoken = [
        value["street_address"],
        value["unit_number"],
        value["locality"],
        value["region"],
        spell(value["postal_code"]),
        value["country"],
    ]
    return Found({name: found for name, found in value.items() if found}, ", ".join(part for part in spoken if part))


FORM = Form(
    "collect_address",
    "Collect a postal address from the user.",
    "one postal address",
    "digits may be words, names of streets and towns may be spelled.",
    Tool(
        "submit",
        "Submit the address that the caller gave.",
        strings(
            "street_address", "locality", "country",
            street_address="House number and street, as they are written there.", unit_number="Apartment or suite, if there is one.",
            locality="Town or city.", region="State, province or county, where addresses have one.", postal_code="As it is written.",
            country="The country's name; ask where it is not clear.",
        ),
    ),
    _read,
    "Ask the user for their address.",
)  # fmt: skip
