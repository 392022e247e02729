"""A provider and a session on one timeline: time is a number, nobody sleeps."""

import heapq
from collections.abc import Callable
from itertools import count

import numpy as np

from talkpath import CallConfig, streams
from talkpath.server import Session
from talkpath.streams import ClearRequest, MarkRequest, Media, Start, Stream, Wire

UUID = "f3b1c2d4-0000-4000-8000-1234567890ab"
ULAW, L16 = Wire("mulaw", 8000), Wire("l16", 8000, "little")
STARTS = {
    "plivo": Start(call_id="c1", stream_id="s1", wire=ULAW, wire_out=ULAW),
    "twilio": Start(call_id="CA1", stream_id="MZ1", wire=ULAW, wire_out=ULAW),
    "telnyx": Start(call_id="v1", stream_id="t1", wire=ULAW, wire_out=ULAW),
    "vonage": Start(call_id="u1", wire=Wire("l16", 16000, "little"), wire_out=Wire("l16", 16000, "little")),
    "asterisk": Start(call_id="k1", stream_id="ch1", wire=ULAW, wire_out=ULAW),
    "audiosocket": Start(call_id=UUID, wire=L16, wire_out=L16),
    "exotel": Start(call_id="e1", stream_id="x1", wire=L16, wire_out=L16),
    "genesys": Start(call_id="g1", stream_id=UUID, wire=ULAW, wire_out=ULAW),
}
QUICK = CallConfig(echo_control=False, comfort_noise_enabled=False, idle_timeout=None)


def silence(wire: Wire, ms: int = 20) -> bytes:
    return (b"\xff" if wire.codec == "mulaw" else b"\0") * (wire.frame_bytes(ms) or 0)


class World:
    """A simulated provider on one side of a line, a session on the other. Times are in seconds.

    `caller(i)` is the i-th payload of 20 ms, None: not sent (the provider says nothing, and counts on if `numbered`). `delay(t)` is
    the line's, `ppm` how much slower than ours the provider's clock runs.
    """

    def __init__(
        self,
        dialect: str,
        config: CallConfig | None = QUICK,
        *,
        caller: Callable[[int], bytes | None] | None = None,
        delay: Callable[[float], float] = lambda t: 0.0,
        ppm: float = 0.0,
        start: Start | None = None,
        marks: bool = True,
        detect: bool = False,
        begins: float = 0.05,
        **options: object,
    ) -> None:
        cls = streams.DIALECTS[dialect]
        self.provider: Stream = cls("provider")
        self.start = start or STARTS[dialect]
        self.wire = self.start.wire
        self.session = Session(config, None if detect else cls(), now=0.0, **options)
        self.caller = caller or (lambda i: silence(self.wire))
        self.delay, self.answers_marks = delay, marks
        self.period = 0.02 * (1 + ppm * 1e-6)
        self.drop: Callable[[int], bool] = lambda i: False  # lost on the provider's side: numbered, never sent
        self.now, self.begins, self.sent = 0.0, begins, 0
        self.queue: list = []
        self.order = count()
        self.stalls: list[tuple[float, float]] = []  # of this side
        self.events: list[tuple[float, object]] = []
        self.out: list[tuple[float, object]] = []  # what the provider got
        self.pcm: list[np.ndarray] = []
        self.played_until = 0.0
        self.clears = True
        for message in self.provider.open(self.start):
            self.session.receive(message, self.now)
        self.settle()

    # --- the provider ---------------------------------------------------------------------------------------------------------

    def later(self, at: float, what: Callable[[], None]) -> None:
        heapq.heappush(self.queue, (at, next(self.order), what))

    def deliver(self, data: str | bytes | None) -> None:
        """To the session, over the line."""
        if data is not None:
            self.later(self.awake(self.now + self.delay(self.now)), lambda: self.session.receive(data, self.now))

    def speak(self) -> None:
        payload = self.caller(self.sent)
        if payload is not None:
            data = self.provider.media(payload)
            if not self.drop(self.sent):
                self.deliver(data)
        self.sent += 1

    def settle(self) -> None:
        """Carry what the session has to say."""
        for data in self.provider.data_to_send():
            self.session.receive(data, self.now)
        for data in self.session.data_to_send():
            for message in self.provider.receive(data):
                self.out.append((self.now, message))
                self.got(message)
        for data in self.provider.data_to_send():
            self.deliver(data)
        self.events += [(self.now, e) for e in self.session.events()]
        self.pcm += self.session.audio()

    def got(self, message: object) -> None:
        if isinstance(message, Media):
            ms = self.start.wire_out.duration_ms(len(message.payload)) or 0.0
            self.played_until = max(self.played_until, self.now) + ms / 1000
        elif isinstance(message, ClearRequest):
            self.played_until = min(self.played_until, self.now)
        elif isinstance(message, MarkRequest) and self.answers_marks:
            self.later(max(self.played_until, self.now), lambda: self.deliver(self.provider.mark(message.name)))

    # --- time -----------------------------------------------------------------------------------------------------------------

    def awake(self, at: float) -> float:
        return next((end for begin, end in self.stalls if begin <= at < end), at)

    def run(self, seconds: float) -> "World":
        end = self.now + seconds
        while True:
            speaks = self.begins + self.sent * self.period
            deadline = self.session.next_deadline()
            ticks = float("inf") if deadline is None else self.awake(max(deadline, self.now))
            arrives = self.queue[0][0] if self.queue else float("inf")
            at = min(speaks, ticks, arrives)
            if at > end:
                self.now = end
                return self
            self.now = max(self.now, at)
            if at == speaks:
                self.speak()
            elif at == arrives:
                heapq.heappop(self.queue)[2]()
            else:
                self.session.tick(self.now)
            self.settle()

    # --- what came of it --------------------------------------------------------------------------------------------------------

    def of(self, kind: type) -> list:
        return [e for _, e in self.events if isinstance(e, kind)]

    def got_of(self, kind: type) -> list:
        return [m for _, m in self.out if isinstance(m, kind)]

    def times(self) -> list[float]:
        """When media came to the provider."""
        return [t for t, m in self.out if isinstance(m, Media)]

    @property
    def depth_s(self) -> float:
        """Agent's audio that the provider has not played."""
        return max(0.0, self.played_until - self.now)
