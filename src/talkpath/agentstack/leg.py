"""One leg that the platform dials: its state, its addresses, and why it is over."""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Protocol
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from talkpath.agentstack.carriers.base import CAUSES, LegStatus
from talkpath.call.config import CallConfig
from talkpath.server import PhoneCall

_PATH = re.compile(r"/[^/?]+/leg/([\w-]+)(?:\?|$)")


class EndsLegs(Protocol):
    """`Legs`, as a leg sees it."""

    async def end(self, leg: Leg) -> None:
        """Hang up."""
        ...


class LegFailed(Exception):
    """Nobody came: `cause` is one of `carriers.base.CAUSES`."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Leg:
    """A call that was placed.

    Attributes
    ----------
    call_uuid, to, from_number : str
    owner : str
        The call that it was placed for; often itself.
    cause : str or None
        Why it is over.
    call : PhoneCall or None
        From the answer on.
    has_rung : bool
    """

    def __init__(
        self, legs: EndsLegs, call_uuid: str, to: str, from_number: str, digits: str, config: CallConfig, owner: str
    ) -> None:
        self.call_uuid, self.to, self.from_number, self.owner = call_uuid, to, from_number, owner
        self.config, self.digits = config, digits
        self.cause: str | None = None
        self.call: PhoneCall | None = None
        self.has_rung = False
        self.carrier_id: str | None = None
        self.is_over_there = False  # nothing is left to be ended at the carrier
        self.stream_secret, self.status_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.settled = asyncio.Event()
        self.timer: asyncio.TimerHandle | None = None
        self._legs = legs

    async def answered(self) -> PhoneCall:
        """Wait until somebody has answered and the stream is here. Raises `LegFailed` with the cause."""
        await self.settled.wait()
        if self.call is None:
            raise LegFailed(self.cause or "failed")
        return self.call

    async def end(self) -> None:
        """Hang up, ringing or not."""
        await self._legs.end(self)


def leg_of_path(path: str) -> str | None:
    """The call_uuid in the path of a leg's stream; None: it is no leg's."""
    found = _PATH.match(path)
    return None if found is None else found[1]


def secret_of_path(path: str) -> str:
    """What the stream shows for being this leg's."""
    return parse_qs(urlsplit(path).query).get("leg", [""])[0]


def stream_url(base: str, dialect: str, leg: Leg) -> str:
    """Where the carrier opens a leg's stream."""
    found = urlsplit(base)
    query = "&".join(filter(None, (found.query, urlencode({"leg": leg.stream_secret}))))
    path = f"{found.path.rstrip('/')}/{dialect}/leg/{leg.call_uuid}"
    return urlunsplit((found.scheme, found.netloc, path, query, ""))


def cause_of_status(status: LegStatus, was_answered: bool) -> str:
    """The hang-up cause that a carrier's last status means."""
    if status.cause in CAUSES:
        return str(status.cause)
    if status.status in ("busy", "no_answer"):
        return status.status
    return "normal_clearing" if was_answered and status.status == "completed" else "failed"


def cause_of(reason: str) -> str:
    """The hang-up cause of a `PhoneCall` that is over."""
    broken = ("process of audio", "server stops", "client does not read", "Error", "message is too long")
    return "server_error" if any(text in reason for text in broken) else "normal_clearing"
