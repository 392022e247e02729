"""`TALKPATH_CARRIER`: which carrier a setting means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from talkpath.agentstack.carriers.base import Carrier
from talkpath.errors import ConfigError

if TYPE_CHECKING:
    import httpx

_TO_COME = ("asterisk", "plivo", "twilio", "telnyx")


def carrier_of(setting: str, client: httpx.AsyncClient) -> Carrier:
    """The carrier that a setting names.

    Parameters
    ----------
    setting : str
        `simulated`, `simulated:FILE` or `http:URL`.
    client : httpx.AsyncClient
        For those that speak HTTP.

    Raises
    ------
    ConfigError
        There is no such carrier, or its file says something that cannot be.
    """
    kind, _, rest = setting.partition(":")
    if kind == "simulated":
        from talkpath.agentstack.carriers.phone_book import default_book, load_book
        from talkpath.agentstack.carriers.simulated import SimulatedCarrier

        return SimulatedCarrier(load_book(Path(rest)) if rest else default_book())
    if kind in ("http", "https"):
        from talkpath.agentstack.carriers.http import HttpCarrier

        url = setting if rest.startswith("//") else rest
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"TALKPATH_CARRIER: http:URL is expected (got {setting!r})")
        return HttpCarrier(url, client)
    if kind in _TO_COME:
        raise ConfigError(f"TALKPATH_CARRIER: {kind} is not served yet: simulated[:FILE] and http:URL are")
    raise ConfigError(f"TALKPATH_CARRIER: simulated[:FILE] or http:URL is expected (got {setting!r})")
