"""Legs that the platform dials: from a carrier's request to a `PhoneCall`. Replaced by its engineer; this is the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from talkpath.server import PhoneCall


class Leg(Protocol):
    """A call that was placed."""

    call_uuid: str
    to: str
    cause: str | None  # why it is over

    async def answered(self) -> PhoneCall:
        """Wait until somebody has answered and the stream is here. Raises `LegFailed` with the cause."""
        ...

    async def end(self) -> None:
        """Hang up, ringing or not."""
        ...


class LegFailed(Exception):
    """Nobody came: `cause` is one of `carriers.base.CAUSES`."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Legs(Protocol):
    """All legs of the server."""

    async def place(
        self, call_uuid: str, to: str, from_number: str, ring_timeout_s: float, send_digits: str = ""
    ) -> Leg: ...

    async def hunt(
        self, destinations: Sequence[str], from_number: str, mode: str, ring_timeout_s: float
    ) -> tuple[Leg, PhoneCall]:
        """First to answer wins, the others are ended. `mode`: "parallel" | "sequential". Raises `LegFailed` when nobody did."""
        ...

    def claim(self, call: PhoneCall) -> bool:
        """A stream that came to `/{dialect}/leg/{call_uuid}`: hand it to whoever placed it. False: nobody did."""
        ...

    async def bridge(self, first: PhoneCall, second: PhoneCall) -> None:
        """Let two people talk until one of them hangs up; then both are over."""
        ...
