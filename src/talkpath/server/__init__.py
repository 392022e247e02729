"""Calls over the network: `Session` is one call on one connection, without the connection.

session = Session(CallConfig(), now=clock())
session.receive(message, clock())             # whatever came
session.tick(clock())                         # at session.next_deadline()
for data in session.data_to_send(): ...       # to the provider
for event in session.events(): ...            # the engine's, and what happened to marks and stream
for pcm in session.audio(): ...               # the caller, cleaned
"""

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

__all__ = [
    "Began",
    "Counters",
    "Ended",
    "Limits",
    "MarkCleared",
    "MarkHeard",
    "PlayoutCleared",
    "Session",
    "SessionEvent",
    "StreamFailed",
]
