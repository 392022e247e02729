"""Between an edge and the calls: who may come in, how many, and how fast. What both WebSocket edges share."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from talkpath.server.admission import Admission, Refusal, room, stream_for
from talkpath.server.authentication import Authentication
from talkpath.server.counts import Counts
from talkpath.server.lines import Connection, Hub, Line
from talkpath.server.metrics import CONTENT_TYPE, Metrics, Snapshot, render
from talkpath.server.session import Session
from talkpath.server.usage import process_usage
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
    authentication : Authentication or None

    Attributes
    ----------
    is_draining : bool
        No new calls.
    others : Snapshot
        What the other processes have measured.
    """

    subprotocols = frozenset(name for cls in DIALECTS.values() for name in cls.subprotocols)

    def __init__(self, hub: Hub, counts: Counts, *, max_calls: int, authentication: Authentication | None) -> None:
        self._hub = hub
        self._counts = counts
        self._max_calls = max_calls
        self._admission = Admission(authentication)
        self._metrics = Metrics()
        hub.observe_tick, hub.observe_exchange = self._metrics.observe_tick, self._metrics.observe_exchange
        hub.observe_begin, hub.observe_end = self._metrics.observe_call_begin, self._ended
        self._knocking: set[object] = set()
        self._queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._loop = asyncio.get_running_loop()
        self.is_draining = False
        self.others = Snapshot()

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

    def answer(self, path: str, headers: Mapping[str, str], prefix: str = "") -> Answer | None:
        """What a request gets that begins no call; None: it may come in. `prefix`: the path before ours, where we are a part of another."""
        match path.partition("?")[0]:
            case "/healthz":
                return self._health()
            case "/metrics":
                return Answer(200, render(self.snapshot() + self.others), (("Content-Type", CONTENT_TYPE),))
        refusal = self._admission.admit(
            path,
            headers,
            time(),
            calls=self._counts.total(),
            max_calls=self._max_calls,
            draining=self.is_draining,
            prefix=prefix,
        )
        if refusal is None:
            return None
        self._metrics.observe_refusal(refusal.cause)
        return Answer(refusal.status, refusal.text + "\n", tuple(refusal.headers.items()))

    def _health(self) -> Answer:
        state = {
            "status": "draining" if self.is_draining else "ok",
            "calls": self._counts.total(),
            "max_calls": self._max_calls,
        }
        return Answer(
            503 if self.is_draining else 200, json.dumps(state) + "\n", (("Content-Type", "application/json"),)
        )

    def snapshot(self) -> Snapshot:
        """What this process has measured."""
        cpu_s, memory_bytes = process_usage()
        return self._metrics.snapshot(
            calls=self._hub.calls, max_calls=self._max_calls, draining=self.is_draining,
            live=[line.session.counters for line in self._hub.lines], unsent_s=sum(line.unsent_s for line in self._hub.lines),
            cpu_s=cpu_s, memory_bytes=memory_bytes,
        )  # fmt: skip

    def _ended(self, session: Session) -> None:
        dialect = session.start.dialect if session.start is not None else ""
        self._metrics.observe_call_end(session.counters, dialect, session.ended or "")

    def enter(self, connection: Connection, path: str, headers: Mapping[str, str]) -> Line:
        """A call begins on a WebSocket that `answer` has let in."""
        stream = stream_for(path, headers)
        assert not isinstance(stream, Refusal)
        return self._connected(self._hub.connect(connection, stream, path, headers), connection)

    def enter_audiosocket(self, connection: Connection) -> Line | None:
        """A call begins on a TCP connection; None: there is no room."""
        refusal = room(self._counts.total(), self._max_calls, self.is_draining)
        if refusal is not None:
            self._metrics.observe_refusal(refusal.cause)
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
