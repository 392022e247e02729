"""What comes before a call: which dialect it is, and what waits while the call's configuration is looked up."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from talkpath.errors import FormatError
from talkpath.server.results import Limits
from talkpath.streams import Detector, Message, Stream

MEDIA_WAIT_S = 0.2  # so long after the start the caller's first audio is waited for: before anything is sent, and for what it says of the wire


class Opening:
    """The stream of a session.

    Parameters
    ----------
    stream : Stream or None
        None: found from what comes first.
    path, headers : str, mapping
        Of the upgrade, for a stream that is found.
    limits : Limits
        Of `max_waiting_s` may wait for a configuration; the oldest messages are dropped then.
    now : float
        When the connection was made.

    Attributes
    ----------
    stream : Stream or None
        None as long as it is not known.
    is_unsettled : bool
        The start is there, and its wire may still change.
    """

    def __init__(
        self, stream: Stream | None, path: str, headers: Mapping[str, str] | None, limits: Limits, now: float
    ) -> None:
        self.stream = stream
        self._detector = Detector(path=path, headers=headers) if stream is None else None
        self._head = b""  # of a TCP stream that is not known yet
        self._held: deque[Message] = deque(maxlen=round(limits.max_waiting_s / 0.02))
        self._ends = now + limits.start_timeout_s
        self._settles = float("inf")
        self.is_unsettled = False

    @property
    def deadline(self) -> float:
        """When there must be a call, or a wire."""
        return min(self._ends, self._settles) if self.is_unsettled else self._ends

    def is_late(self, now: float) -> bool:
        """There should be a call."""
        return now >= self._ends

    def wait_for_wire(self, now: float) -> None:
        """The first audio will say it."""
        self.is_unsettled, self._settles = True, now + MEDIA_WAIT_S

    def read(self, data: str | bytes) -> list[Message] | None:
        """The messages in what came; None: something in it was malformed."""
        try:
            if self.stream is not None:
                return self.stream.receive(data)
            stream = self._detect(data)
            if stream is None:
                return []
            data, self._head = (self._head or data), b""
            return stream.receive(data)
        except FormatError:
            return None

    def rest(self) -> list[Message]:
        """After what was malformed: over TCP, what came with it."""
        return [] if self.stream is None or self.stream.transport != "tcp" else self.stream.receive(b"")

    def hold(self, message: Message) -> None:
        """There is no call yet that could take it."""
        self._held.append(message)

    def held(self) -> list[Message]:
        """What was held, in order; each is given once."""
        found = list(self._held)
        self._held.clear()
        return found

    def _detect(self, data: str | bytes) -> Stream | None:
        assert self._detector is not None
        if not isinstance(data, str):
            self._head += data
        self.stream = self._detector.receive(data if isinstance(data, str) else self._head)
        return self.stream
