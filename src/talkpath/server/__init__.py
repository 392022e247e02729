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

from talkpath.server.results import (
    Began,
    Counters,
    Ended,
    Limits,
    MarkCleared,
    MarkHeard,
    PlayoutCleared,
    SessionEvent,
    StreamFailed,
)
from talkpath.server.session import Session

if TYPE_CHECKING:
    from talkpath.server.media_server import MediaServer
    from talkpath.server.phone_call import CallEnded, PhoneCall

__all__ = [
    "Began",
    "CallEnded",
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
]


def __getattr__(name: str) -> Any:
    """What needs `websockets`, when it is used."""
    if name == "MediaServer":
        try:
            from talkpath.server.media_server import MediaServer
        except ModuleNotFoundError as problem:
            if problem.name != "websockets":
                raise
            raise ImportError("MediaServer needs the extra 'server': pip install 'talkpath[server]'") from problem
        return MediaServer
    if name in ("CallEnded", "PhoneCall"):
        from talkpath.server import phone_call

        return getattr(phone_call, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
