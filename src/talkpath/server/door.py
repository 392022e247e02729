"""Between an edge and the calls: who may come in, how many, and how fast. What both WebSocket edges share."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from talkpath.server.admission import Refusal, may_enter, stream_for
from talkpath.server.counts import Counts
from talkpath.server.lines import Connection, Hub, Line
from talkpath.streams import DIALECTS, AudioSocket

OPEN_TIMEOUT_S, CLOSE_TIMEOUT_S = 10.0, 2.0
ACCEPTS = 4  # connections taken at once: a flood of them must not hold up what is due
MAX_KNOCKING = 512  # connections that have not said what they want
SEND_BUFFER_BYTES = (
    32768  # the kernel's: a client that does not read shows after a second or two of audio, not after minutes
)


@dataclass(frozen=True, slots=True)
class Answer:
    """To a request that begins no call."""

    status: int
    body: str
    headers: tuple[tuple[str, str], ...] = ()


class Door:
    """Lets calls in.

    Parameters
    ----------
    hub : Hub
    counts : Counts
        Of all processes.
    max_calls : int
    token : str or None
    """

    subprotocols = frozenset(name for cls in DIALECTS.values() for name in cls.subprotocols)

    def __init__(self, hub: Hub, counts: Counts, *, max_calls: int, token: str | None) -> None:
        self._hub = hub
        self._counts = counts
        self._max_calls = max_calls
        self._token = token
        self._knocking: set[object] = set()
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._loop = asyncio.get_running_loop()
        self.is_draining = False

    @property
    def max_message_bytes(self) -> int:
        """A longer message ends its connection."""
        return self._hub.limits.max_message_bytes

    # --- many at once -----------------------------------------------------------------------------------------------------------

    def knock(self, client: object) -> bool:
        """A connection is there; False: there are too many that have not said what they want."""
        if len(self._knocking) >= MAX_KNOCKING:
            return False
        self._knocking.add(client)
        return True

    def left(self, client: object) -> None:
        """A connection is gone, or a call."""
        self._knocking.discard(client)
        self._counts.set(self._hub.calls)

    def queue(self, work: Callable[..., None], *args: Any) -> None:
        """Do it in its turn: one upgrade each round of the loop, so that a flood of them does not hold up the frames."""
        self._queue.append((work, args))
        if len(self._queue) == 1:
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        work, args = self._queue[0]
        try:
            work(*args)
        finally:
            self._queue.popleft()
            if self._queue:
                self._loop.call_soon(self._next)

    # --- requests -----------------------------------------------------------------------------------------------------------------

    def answer(self, path: str, headers: Mapping[str, str]) -> Answer | None:
        """What a request gets that begins no call; None: it may come in."""
        if path.partition("?")[0] == "/healthz":
            return self._health()
        authorization = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        if not may_enter(self._token, path, authorization):
            return Answer(401, "a token is needed\n")
        stream = stream_for(path, {})
        if isinstance(stream, Refusal):
            return Answer(stream.status, stream.text + "\n")
        if self._full():
            return Answer(503, f"{self._full()}\n", (("Retry-After", "5"),))
        return None

    def _health(self) -> Answer:
        state = {
            "status": "draining" if self.is_draining else "ok",
            "calls": self._counts.total(),
            "max_calls": self._max_calls,
        }
        return Answer(
            503 if self.is_draining else 200, json.dumps(state) + "\n", (("Content-Type", "application/json"),)
        )

    def _full(self) -> str:
        if self.is_draining:
            return "the server stops"
        return "all lines are taken" if self._counts.total() >= self._max_calls else ""

    def enter(self, connection: Connection, path: str, headers: Mapping[str, str]) -> Line:
        """A call begins on a WebSocket that `answer` has let in."""
        stream = stream_for(path, headers)
        assert not isinstance(stream, Refusal)
        return self._connected(self._hub.connect(connection, stream, path, headers), connection)

    def enter_audiosocket(self, connection: Connection) -> Line | None:
        """A call begins on a TCP connection; None: there is no room."""
        if self._full():
            return None
        return self._connected(self._hub.connect(connection, AudioSocket()), connection)

    def _connected(self, line: Line, connection: Connection) -> Line:
        self._knocking.discard(connection)
        self._counts.set(self._hub.calls)
        return line


def set_options(transport: asyncio.BaseTransport) -> None:
    """What a media stream wants of its socket."""
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
