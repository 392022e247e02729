"""One simulated call, without its connection: what the server sends goes in, what the provider says comes out."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np

from talkpath._types import Samples
from talkpath.errors import FormatError, TalkpathError
from talkpath.phone.caller import Caller
from talkpath.phone.codec import Intake, decoder
from talkpath.phone.ear import Ear
from talkpath.phone.grid import CATCH_UP_S, FRAME_MS, Grid
from talkpath.phone.near_end import NearEnd
from talkpath.phone.network import Network
from talkpath.phone.plan import NUMBERED, CallPlan
from talkpath.phone.playout import MAX_QUEUED_S, Playout
from talkpath.phone.result import CallResult, summarise
from talkpath.phone.watch import Watch
from talkpath.streams import (
    AsteriskWebSocket,
    ClearRequest,
    DtmfRequest,
    Failed,
    HangupRequest,
    MarkRequest,
    Media,
    Message,
)

XOFF_FRAMES, XON_FRAMES, MAX_FRAMES = 900, 800, 1000  # of Asterisk's queue
MAX_MEDIA = 5_000_000  # messages whose times are kept: more than a day of calls


class SimulatedCall:
    """A telephone call as a provider carries it: script, line, playout, and what is measured. No socket, no clock.

    Parameters
    ----------
    plan : CallPlan
    now : float
        When the connection was made, in seconds that never go back; everything else takes such times, too.
    number : int
        Which of the campaign's calls.
    seed : int
        With the number it decides everything that is drawn by chance.
    phase : float
        0 … 1: where in the 20 ms of the clock this call sends.

    Attributes
    ----------
    ended : str or None
        Why it is over.

    Examples
    --------
    >>> call = SimulatedCall(CallPlan(provider="twilio"), now=clock())
    >>> for data in call.data_to_send(): send(data)
    >>> call.receive(message, clock())
    >>> call.tick(clock())                        # at call.next_deadline()
    >>> call.result()
    """

    def __init__(self, plan: CallPlan, *, now: float, number: int = 1, seed: int = 1, phase: float = 0.0) -> None:
        wire, wire_out = plan.wires
        own = seed * 100_003 + number
        self.plan, self.number = plan, number
        self._stream = stream = plan.stream()
        self.start = plan.start(number, seed)
        self._rate = rate = wire.sample_rate_hz
        self._n = n = rate * FRAME_MS // 1000
        self._intake = Intake(wire_out, rate)
        self._ear = Ear(rate, n, plan.ear)
        self._caller = Caller(plan.caller, plan.line, self._ear, rate, n, own, has_key_messages=plan.has_key_messages)
        self._near = NearEnd(plan.line, wire, n, own)
        self._has_flow, self._is_full = isinstance(stream, AsteriskWebSocket), False
        most_s = MAX_FRAMES * FRAME_MS / 1000 if self._has_flow else MAX_QUEUED_S
        self._playout = Playout(rate, plan.line.playout_ms, most_s)
        self._network = None if plan.line.is_plain else Network(plan.line, own, plan.provider in NUMBERED)
        self._frame: Samples = np.zeros(n, np.int16)
        self._grid = Grid(plan.line.drift_ppm, phase)
        self._opened = now
        self._begun = False  # since the last `data_to_send`
        self._out: list[str | bytes] = []
        self._times, self._positions, self._late = array("d"), array("d"), array("f")
        self._breaks: list[int] = []
        self._audio_s = 0.0
        self._malformed = 0
        self._heard: list[bytes] = []
        self._sent: list[bytes] = []
        self._watch = Watch(self._ear, now, 1 / rate)
        self.ended: str | None = None
        self._ended_at = now
        self._out += stream.open(self.start)
        self._begin(now)

    def _begin(self, now: float) -> None:
        """Audio may be sent: the grid begins."""
        if self._grid.next == math.inf and self._stream.ready:
            self._begun = True
            self._grid.begin(now)
            self._watch.grid(self._grid.origin, self._grid.period)

    # --- what comes -----------------------------------------------------------------------------------------------------------

    def receive(self, data: str | bytes, now: float) -> None:
        """Take what came: a message of a WebSocket, or any piece of a TCP stream. Never raises for what is in it."""
        if self.ended is not None:
            return
        stream = self._stream
        try:
            messages = stream.receive(data)
        except FormatError as problem:
            self._refused(problem, now)
            if stream.transport != "tcp":
                return
            messages = stream.receive(b"")
        for message in messages:
            if type(message) is Media:
                self._media(message, now)
            else:
                self._take(message, now)
        answers = stream.data_to_send()
        if answers:
            self._out += answers
        if self._grid.next == math.inf:
            self._begin(now)

    def _refused(self, problem: Exception, now: float) -> None:
        self._malformed += 1
        self._watch.note(now, "malformed", {"problem": str(problem)})

    def _media(self, media: Media, now: float) -> None:
        try:
            pcm = self._intake.samples(media)
        except TalkpathError as problem:
            self._refused(problem, now)
            return
        if len(self._times) < MAX_MEDIA:
            self._times.append(now)
            self._positions.append(self._audio_s)
        self._audio_s += len(pcm) / self._rate
        self._playout.put(pcm)
        if self._has_flow:
            self._flow(now)

    def _take(self, message: Message, now: float) -> None:
        match message:
            case MarkRequest(name=name):
                self._playout.mark(name)
                self._watch.note(now, "mark", {"name": name})
            case ClearRequest():
                self._playout.clear()
                self._breaks.append(len(self._times))
                self._watch.cleared(now, self._caller.speaks)
            case DtmfRequest(digits=digits):
                self._watch.note(now, "keys_from_agent", {"digits": digits})
            case HangupRequest(reason=reason):
                self._out += self._stream.data_to_send()
                self._end(f"the server hung up{f' ({reason})' if reason else ''}", now)
            case Failed(code=code, text=text):
                self._watch.note(now, "failed", {"code": code, "text": text})
            case _:
                pass

    def closed(self, reason: str, now: float) -> None:
        """The connection is gone."""
        self._end(reason, now)

    def hang_up(self, reason: str, now: float) -> None:
        """The caller puts the phone down."""
        if self.ended is None:
            message = self._stream.stop() if self._stream.ready else None
            if message is not None:
                self._out.append(message)
        self._end(reason, now)

    def _end(self, reason: str, now: float) -> None:
        if self.ended is None:
            self.ended, self._ended_at = reason, now
            self._watch.finish(now)
            self._watch.note(now, "ended", {"reason": reason})

    # --- time -------------------------------------------------------------------------------------------------------------------

    @property
    def has_news(self) -> bool:
        """There is something to send, its next deadline is another one, or it is over."""
        return self._begun or bool(self._out) or self.ended is not None

    def next_deadline(self) -> float | None:
        """When `tick` wants to be called; None when the call is over."""
        if self.ended is not None:
            return None
        at = min(self._grid.next, self._opened + self.plan.duration_s)
        if self._network is not None:
            arrives = self._network.next
            if arrives is not None and arrives < at:
                return arrives
        return at

    def tick(self, now: float) -> None:
        """Time has come to `now`."""
        grid = self._grid
        if now - grid.next > CATCH_UP_S:
            self._skip(now)
        while grid.next <= now and self.ended is None:
            self._tick(now)
        if self._network is not None:
            self._network.take(now, self._out.append)
        if self.ended is None and now >= self._opened + self.plan.duration_s:
            self.hang_up("time was up", now)

    def _skip(self, now: float) -> None:
        """The phone itself stood still."""
        skipped_s = self._grid.skip(now)
        self._watch.grid(self._grid.origin, self._grid.period)
        self._watch.note(now, "phone_stood_still", {"ms": round(skipped_s * 1000)})
        self._late.append(skipped_s)

    def _flow(self, now: float) -> None:
        """Asterisk says when its queue is nearly full, and when there is room again."""
        assert isinstance(self._stream, AsteriskWebSocket)
        frames = self._playout.queued // self._n
        if frames >= XOFF_FRAMES if not self._is_full else frames < XON_FRAMES:
            self._is_full = not self._is_full
            self._out.append(self._stream.flow(self._is_full))
            self._watch.note(now, "queue_full" if self._is_full else "queue_has_room")

    def _tick(self, now: float) -> None:
        """One frame of the provider's clock."""
        self._late.append(now - self._grid.advance())
        playout, stream, caller, frame = self._playout, self._stream, self._caller, self._frame
        for name in playout.marks_played():
            message = stream.mark(name)
            if message is not None:
                self._out.append(message)
                self._watch.note(now, "mark_played", {"name": name})
        playout.pull(frame)
        if self._is_full:
            self._flow(now)
        self._ear.hear(self._near.played(frame), frame)
        payload = self._near.frame(caller.next())
        if self.plan.record:
            self._heard.append(frame.tobytes())
            self._sent.append(payload)
        message = stream.media(payload)
        arrives: float | None = now
        if self._network is None:
            self._out.append(message)
        else:
            arrives = self._network.put(message, now)
        self._watch.tick(frame, caller, now if arrives is None else arrives)
        if caller.keys:
            self._press(now)
        if caller.is_done:
            self.hang_up("the caller hung up", now)

    def _press(self, now: float) -> None:
        for key in self._caller.keys:
            message = self._stream.dtmf(key)
            if message is not None:
                self._out.append(message)
                self._watch.note(now, "key", {"digit": key})
        self._caller.keys.clear()

    # --- what comes of it ---------------------------------------------------------------------------------------------------------

    def data_to_send(self) -> list[str | bytes]:
        """What is to be sent now, in order; each is given once. A str is a text message."""
        out, self._out = self._out, []
        self._begun = False
        return out

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened so far, in order: `at_s` since the connection was made, `event`, and more."""
        return self._watch.events

    @property
    def heard(self) -> Samples:
        """Everything the caller heard, from the first frame on; empty unless `record`."""
        return np.frombuffer(b"".join(self._heard), np.int16)

    @property
    def sent(self) -> Samples:
        """Everything that was sent, as the wire carries it, on the same time axis; empty unless `record`."""
        return np.asarray(decoder(self.plan.wires[0])(b"".join(self._sent)))

    @property
    def sample_rate_hz(self) -> int:
        """Of `heard` and `sent`."""
        return self._rate

    def result(self) -> CallResult:
        """All figures of this call."""
        return summarise(self)
