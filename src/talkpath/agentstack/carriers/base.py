"""Whoever places calls for the platform: a telephone system, behind three methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

# Hang-up causes, as callbacks and sessions name them.
CAUSES = ("normal_clearing", "busy", "no_answer", "failed", "rejected", "cancelled", "server_error")
# What a carrier says of a leg; after one of the last four it is over.
STATUSES = ("ringing", "answered", "busy", "no_answer", "failed", "completed")


@dataclass(frozen=True, slots=True)
class LegRequest:
    """A call to be placed. The carrier opens `stream_url` as a provider's stream in `stream_dialect` when somebody answers."""

    call_uuid: str
    to: str
    from_number: str
    ring_timeout_s: float
    stream_url: str
    stream_dialect: str
    status_url: str
    send_digits: str = ""


@dataclass(frozen=True, slots=True)
class LegStatus:
    """What became of it: "ringing" | "answered" | "busy" | "no_answer" | "failed" | "completed"."""

    call_uuid: str
    status: str
    cause: str | None = None


class CarrierError(Exception):
    """The carrier does not take the call."""


class Carrier(Protocol):
    """Places calls; tells what becomes of them by `on_status`, in any order with the stream.

    Attributes
    ----------
    on_status : callable
        Set by whoever places calls.
    sends_digits : bool
        It presses `send_digits` itself when somebody has answered; else the server does, on the stream.
    """

    on_status: Callable[[LegStatus], None]
    sends_digits: bool

    async def place(self, request: LegRequest) -> str:
        """The carrier's own id of the call. Raises `CarrierError`."""
        ...

    async def end(self, carrier_id: str) -> None:
        """Hang up; nothing where it is over."""
        ...

    async def aclose(self) -> None: ...
