"""Calls over the network: `Session` is one call on one connection, without the connection.

session = Session(CallConfig(), now=clock())
session.receive(message, clock())             # whatever came
session.tick(clock())                         # at session.next_deadline()
for data in session.data_to_send(): ...       # to the provider
for event in session.events(): ...            # the engine's, and what happened to marks and stream
for pcm in session.audio(): ...               # the caller, cleaned

`MediaServer` answers calls with a handler each; it needs the extra `server`.
"""

from typing import TYPE_CHECKING, Any

from talkpath.server.authentication import Authentication
from talkpath.server.results import (
    Began,
    ConfigWanted,
    Counters,
    Ended,
    Limits,
    MarkCleared,
    MarkHeard,
    PlayoutCleared,
    SessionEvent,
    StreamFailed,
    Taped,
)
from talkpath.server.session import Session

if TYPE_CHECKING:
    from talkpath.server.asgi_app import asgi
    from talkpath.server.lines import CallEnded
    from talkpath.server.media_server import MediaServer
    from talkpath.server.phone_call import PhoneCall

__all__ = [
    "Authentication",
    "Began",
    "CallEnded",
    "ConfigWanted",
    "Counters",
    "Ended",
    "Limits",
    "MarkCleared",
    "MarkHeard",
    "MediaServer",
    "PhoneCall",
    "PlayoutCleared",
    "Session",
    "SessionEvent",
    "StreamFailed",
    "Taped",
    "asgi",
]


def __getattr__(name: str) -> Any:
    """What needs asyncio, when it is used."""
    if name == "MediaServer":
        from talkpath.server.media_server import MediaServer

        return MediaServer
    if name == "asgi":
        from talkpath.server.asgi_app import asgi

        return asgi
    if name == "PhoneCall":
        from talkpath.server.phone_call import PhoneCall

        return PhoneCall
    if name == "CallEnded":
        from talkpath.server.lines import CallEnded

        return CallEnded
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
