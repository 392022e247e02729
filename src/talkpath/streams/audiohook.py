"""What AudioHook's `open` says: whose call it is, and which media are offered."""

from __future__ import annotations

from typing import Any

from talkpath.streams import base, fields
from talkpath.streams.messages import Start, Wire

WIRE = Wire("mulaw", 8000)


def read_open(session: str, parameters: fields.Object, path: str) -> tuple[Start, list[Any]]:
    """The start, and the offers of media."""
    participant = fields.child(parameters, "participant", "parameters")
    variables = fields.strings(fields.child(parameters, "inputVariables", "parameters"))
    offers = parameters.get("media")
    if not isinstance(offers, list):
        fields.refuse("parameters.media", f"an array is expected, got {fields.shown(offers)}")
    headers = {**variables, "organizationId": fields.text(parameters, "organizationId", "parameters")}
    headers |= fields.strings({key: parameters.get(key) for key in ("language", "customConfig")})
    start = Start(
        dialect="genesys",
        call_id=fields.text(parameters, "conversationId", "parameters"),
        stream_id=session,
        from_number=fields.text(participant, "ani", "parameters.participant").removeprefix("tel:") or None,
        to_number=fields.text(participant, "dnis", "parameters.participant").removeprefix("tel:") or None,
        wire=WIRE,
        wire_out=WIRE,
        headers=headers,
        path=path,
    )
    return start, offers


def is_offered(offers: list[Any], channel: str) -> bool:
    """True where any of AudioHook's offers of media has that channel."""
    of_each = (offer.get("channels") for offer in offers if isinstance(offer, dict))
    return any(isinstance(channels, list) and channel in channels for channels in of_each)


def choose_offer(offers: list[Any], wanted: str) -> dict[str, Any] | None:
    """Of AudioHook's offers of media, the one in µ-law at 8 kHz with the wanted channel and the fewest others."""
    found: dict[str, Any] | None = None
    for offer in offers:
        if (
            not isinstance(offer, dict)
            or offer.get("format") != "PCMU"
            or offer.get("rate") not in (8000, "8000", None)
        ):
            continue
        channels = offer.get("channels")
        if not isinstance(channels, list) or wanted not in channels or len(channels) > 2:
            continue
        if found is None or len(channels) < len(found["channels"]):
            found = offer
    if found is not None:
        try:
            base.dumps(found)
        except RecursionError:
            fields.refuse("parameters.media", "nested too deeply")
    return found
