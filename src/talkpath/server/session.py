"""One call on one connection, without the connection: what the provider sends goes in, what is to be sent comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.events import AgentSpeechInterrupted, AudioCleared, Event, MarkPlayed, UserDtmf
from talkpath.call.pipeline import CallPipeline
from talkpath.call.results import Received, Transmitted
from talkpath.errors import StateError, TalkpathError
from talkpath.server.clock import Grid, Surplus
from talkpath.server.convert import call_stream, check
from talkpath.server.intake import Intake
from talkpath.server.keys import Keys
from talkpath.server.opening import MEDIA_WAIT_S, Opening
from talkpath.server.outlet import Outlet
from talkpath.server.results import (
    Began,
    ConfigWanted,
    Counters,
    Ended,
    Limits,
    MarkCleared,
    SessionEvent,
    StreamFailed,
)
from talkpath.streams import Dtmf, Failed, FlowControl, Media, Message, Start, Stop, Stream
from talkpath.streams import MarkPlayed as MarkReturned

Configure: TypeAlias = Callable[[Start], CallConfig]


class Session:
    """A stream and a `CallPipeline`, joined. No socket, no clock: `now` is given, in seconds that never go back.

    Parameters
    ----------
    config : CallConfig or callable, optional
        Of the call; or what gives it, from `Start`. Its `stream` is chosen by the start.
    stream : Stream, optional
        A server's; None: found from what comes first.
    now : float
        When the connection was made.
    path, headers : str, mapping
        Of the upgrade, for a stream that is found.
    limits : Limits, optional
    message_ms : int, optional
        Audio a message; None: what the provider prefers (20 ms for most).
    ask : bool
        The configuration comes later: at the start there is a `ConfigWanted`, and `configure` begins the call.

    Attributes
    ----------
    call : CallPipeline or None
        From the start on. It belongs to the thread that runs the session; `speak`, `play`, `checkpoint` and the others are its own.
    start : Start or None
    counters : Counters
    ended : str or None
        Why it is over.
    is_blocked : bool
        Set from outside while what was sent is not read: nothing is sent then, and nothing is lost.
    is_over : bool
        The connection may be closed: a provider that answers a hang-up has been heard out.
    is_ticking : bool
        Frames go out: `next_deadline` only grows from now on.

    Notes
    -----
    Deadlines are absolute and follow the provider's clock. At each, one frame goes out. A server of one call sleeps until
    `next_deadline()` and calls `tick`; one of many calls asks each for `due`, exchanges all of them in one
    `CallGroup.exchange`, and gives each its result by `exchanged`.
    """

    def __init__(
        self,
        config: CallConfig | Configure | None = None,
        stream: Stream | None = None,
        *,
        now: float,
        path: str = "",
        headers: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        message_ms: int | None = None,
        ask: bool = False,
    ) -> None:
        self._ask = ask
        self._configure: Configure = config if callable(config) else lambda _: config or CallConfig()
        self._limits = limits or Limits()
        self._opening = Opening(stream, path, headers, self._limits, now)
        self._stream = stream
        self._message_ms = message_ms
        self._last = now
        self._out: list[str | bytes] = []
        self._events: list[Event | SessionEvent] = []
        self._pcm: list[Samples] = []
        self._intake: Intake | None = None
        self._outlet: Outlet | None = None
        self._grid = Grid(0.02)
        self._frame_s = 0.02
        self._surplus = Surplus(0.02)
        self._heard_any = self._paused = self._clear_wanted = False
        self._given: list[bytes | None] = []  # the frame that is in an exchange
        self._received_ms = 0.0  # stream time of the receive path
        self.is_blocked = self.is_ticking = self._is_parting = False
        self.call: CallPipeline | None = None
        self.start: Start | None = None
        self.counters = Counters()
        self._keys = Keys(self.counters)
        self.ended: str | None = None

    # --- what comes -----------------------------------------------------------------------------------------------------------

    def receive(self, data: str | bytes, now: float) -> None:
        """Take what came: a message of a WebSocket, or any piece of a TCP stream. Never raises for what is in it."""
        if self.ended is not None:
            self._part(data)
            return
        self._last = now
        self.counters.messages += 1
        if len(data) > self._limits.max_message_bytes:
            self._end("a message is too long", now)
            return
        messages = self._opening.read(data)
        if messages is None:
            self.counters.malformed += 1
            messages = self._opening.rest()
        stream = self._stream = self._opening.stream
        self._take_all(messages, now)
        if stream is not None and (answers := stream.data_to_send()):
            self._out += answers

    def _part(self, data: str | bytes) -> None:
        """After our own end: what the other side says to it is answered."""
        if self._is_parting and self._stream is not None:
            messages = self._opening.read(data)
            self._out += self._stream.data_to_send()
            self._is_parting = not any(isinstance(message, Stop) for message in messages or ())

    def closed(self, now: float) -> None:
        """The connection is gone."""
        self._is_parting = False
        self._end("connection closed", now)

    def failed(self, problem: Exception, now: float) -> None:
        """Something raised that should not have: this call ends, and says why."""
        self._end(f"{type(problem).__name__}: {problem}", now)

    def _take_all(self, messages: list[Message], now: float) -> None:
        for message in messages:
            if self.ended is None:
                self._take(message, now)

    def _take(self, message: Message, now: float) -> None:
        if self._opening.is_unsettled and isinstance(message, Media):
            self._settle(now)
        waits = (self._ask and self.start is not None) or self._opening.is_unsettled
        if waits and not isinstance(message, Stop):
            self._opening.hold(message)
            return
        match message:
            case Media():
                self._media(message, now)
            case Start():
                self._start(message, now)
            case Dtmf(digit=digit) if self.call is not None:
                self._key(digit, now)
            case MarkReturned(name=name, cleared=cleared) if self._outlet is not None:
                event = self._outlet.returned(name, cleared)
                if event is not None:
                    self._events.append(event)
            case FlowControl(paused=paused):
                self._paused = paused
            case Failed(code=code, text=text):
                self._events.append(StreamFailed(code, text))
            case Stop(reason=reason):
                self._end(reason or "stop", now)
            case _:
                pass

    def _start(self, start: Start, now: float) -> None:
        assert self._stream is not None
        self.start = self._stream.start or start  # what came in the same piece may have settled it
        if self._stream.is_settled:
            self._open(self.start, now)
        else:
            self._opening.wait_for_wire(now)

    def _settle(self, now: float) -> None:
        """The wire is known now, or will not be."""
        assert self._stream is not None
        self._opening.is_unsettled = False
        self.start = self._stream.start
        if self.start is not None:
            self._open(self.start, now)
        if not self._ask:
            self._take_all(self._opening.held(), now)

    def _open(self, start: Start, now: float) -> None:
        if self._ask:
            self._events.append(ConfigWanted(start))
            return
        try:
            self._begin(start, self._configure(start), now)
        except TalkpathError as error:
            self._end(str(error), now)

    def configure(self, config: CallConfig, now: float) -> None:
        """The answer to `ConfigWanted`: the call begins. What came in the meantime is heard. Nothing where none was asked for."""
        if not self._ask or self.start is None or self.ended is not None:
            return
        self._ask, self._configure = False, lambda _: config
        self._open(self.start, now)
        self._take_all(self._opening.held(), now)

    def _begin(self, start: Start, config: CallConfig, now: float) -> None:
        assert self._stream is not None
        check(start.wire_out)
        config = config.replaced(stream=call_stream(start.wire))
        call = CallPipeline(config)
        self._frame_s = config.frame_ms / 1000
        self._intake = Intake(start.wire, config.stream, self._frame_s, self._limits, self.counters)
        self._outlet = Outlet(self._stream, start, config.stream, self._message_ms)
        self._grid = Grid(self._frame_s)
        self._surplus = Surplus(self._frame_s)
        self._grid.begin(now + MEDIA_WAIT_S * self._stream.is_settled)  # where it is not, that has been waited for
        self.call = call
        self._events.append(Began(start, config.frame_ms, config.audio_rate_hz))

    def _media(self, media: Media, now: float) -> None:
        if self._intake is None:
            return
        try:
            self._intake.put(media, now)
        except TalkpathError:
            self.counters.malformed += 1
            return
        if not self._heard_any:
            self._heard_any = True
            self._grid.begin(now + self._frame_s / 2)  # half a frame of jitter, either way, finds its tick
        self._grid.observe(now, self._intake.audio_s)

    def _key(self, digit: str, now: float) -> None:
        if self._keys.is_new(digit, "message", now):
            assert self.call is not None
            self._events.append(UserDtmf("receive", self._received_ms, digit))

    # --- time -------------------------------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `tick` (or `due`) wants to be called at the latest; None when the session is over."""
        if self.ended is not None:
            return None
        idle = self._last + self._limits.idle_timeout_s
        if self.call is None:
            return min(idle, self._opening.deadline)
        tick = self._grid.deadline
        return idle if tick is None else min(idle, tick)

    def tick(self, now: float) -> None:
        """Time has come to `now`. For a server of one call: `due`, the exchange and `exchanged` in one."""
        due = self.due(now)
        if due is None:
            return
        call, payload = due
        try:
            received: Received | Exception = call.conceal() if payload is None else call.receive(payload)
        except TalkpathError as error:
            received = error
        try:
            transmitted = call.transmit()
        except TalkpathError:
            transmitted = Transmitted(b"", [])
        self.exchanged(received, transmitted, now)

    def due(self, now: float) -> tuple[CallPipeline, bytes | None] | None:
        """Where a frame is due at `now`: the call and the caller's frame (None: conceal it) for `CallGroup.exchange`.

        Returns
        -------
        (CallPipeline, bytes or None) or None
            Then `exchanged` must be called before anything else. None: nothing is due, or all is done: a tick that waits for the
            caller's frame only sends.
        """
        if self.ended is not None:
            return None
        if self.call is None and self._opening.is_late(now):
            self._end("no start" if self.start is None else "no configuration", now)
            return None
        if now >= self._last + self._limits.idle_timeout_s:
            self._end("idle", now)
            return None
        if self.call is None:
            if now >= self._opening.deadline:
                self._settle(now)
            return None
        deadline = self._grid.deadline
        if deadline is None or now < deadline:
            return None
        return self._due(self.call, now)

    def _due(self, call: CallPipeline, now: float) -> tuple[CallPipeline, bytes | None] | None:
        assert self._intake is not None
        assert self._outlet is not None
        assert self._stream is not None
        missed = self._grid.advance(now)
        self._intake.pass_time(now)
        frames = self._intake.tick(missed)
        line_now = self._line_time(now)
        self._events += self._outlet.due(line_now)
        self.is_ticking = True
        is_held = self._paused or self.is_blocked or not (self._stream.ready or self._outlet.is_mute)
        try:
            surplus = not is_held and not missed and self._surplus.is_there(self._outlet.waiting_s(line_now))
            while len(frames) > (0 if is_held or surplus else 1):
                self._heard_frame(call, frames, now)
            if is_held or surplus:
                self.counters.held += (1 + missed) * is_held
                self.counters.skipped += surplus
                self._clear(now)
                return None
            if missed:
                again = min(missed, round(self._limits.catch_up_s / self._frame_s))
                self.counters.skipped += missed - again
                for _ in range(again):
                    self._said(call.transmit(), now)
            if not frames:  # the caller's frame is late: only send
                self._said(call.transmit(), now)
                return None
        except TalkpathError:  # another thread is inside, or the call is over
            self._intake.put_back(frames)
            self._refused(now)
            return None
        self._given = frames
        return call, frames[0]

    def exchanged(self, received: Received | Exception, transmitted: Transmitted, now: float) -> None:
        """What `CallGroup.exchange` gave for it."""
        frames, self._given = self._given, []
        if self.ended is not None:
            return
        if isinstance(received, Exception):
            assert self._intake is not None
            self._intake.put_back(frames)
        else:
            self._heard(received, frames[0], now)
        self._said(transmitted, now)
        if not transmitted.payload:
            self._refused(now)

    def _heard_frame(self, call: CallPipeline, frames: list[bytes | None], now: float) -> None:
        frame = frames[0]
        received = call.conceal() if frame is None else call.receive(frame)
        del frames[0]
        self._heard(received, frame, now)

    def _refused(self, now: float) -> None:
        """The call did not give a frame."""
        self.counters.held += 1
        if self.call is not None and self.call._over:
            self._end("hangup", now)

    # --- what comes of it ---------------------------------------------------------------------------------------------------------

    def _heard(self, received: Received, frame: bytes | None, now: float) -> None:
        self.counters.received += frame is not None
        self._pcm.append(received.pcm)
        self._received_ms += 1000 * self._frame_s
        assert self._outlet is not None
        self._outlet.caller(frame)
        if received.events:
            self._mark(self._report(received.events, now))

    def _said(self, transmitted: Transmitted, now: float) -> None:
        assert self._outlet is not None
        outlet = self._outlet
        marks = self._report(transmitted.events, now) if transmitted.events else []
        payload = transmitted.payload
        if self._clear_wanted:
            self._clear(now)
            payload = outlet.after_clear(payload)
        if payload:
            self._out += outlet.frame(payload, self._line_time(now))
            self.counters.sent += 1
        self._mark(marks)
        if outlet.has_marks:
            self._out += outlet.marks()

    def _mark(self, names: list[str]) -> None:
        """All before these has left the call."""
        assert self._outlet is not None
        for name in names:
            if self._outlet.is_mute:
                self._events.append(MarkCleared(name))
            else:
                self._outlet.mark(name)

    def _report(self, events: list[Event], now: float) -> list[str]:
        """The engine's events go on, each key once; the names of marks that have left."""
        marks: list[str] = []
        for event in events:
            if isinstance(event, UserDtmf):
                if not self._keys.is_new(event.digit, "sound", now):
                    continue
            elif isinstance(event, MarkPlayed):
                marks.append(event.name)
            elif isinstance(event, (AgentSpeechInterrupted, AudioCleared)):
                self._clear_wanted = True
            self._events.append(event)
            if isinstance(event, AgentSpeechInterrupted):
                self._events += [MarkCleared(name) for name in event.dropped_marks]
                if self._outlet is not None:
                    self._outlet.interrupted(event.utterance, 1000 * event.playback_position_s)
        return marks

    def _clear(self, now: float) -> None:
        if self._clear_wanted and self._outlet is not None:
            self._clear_wanted = False
            out, events = self._outlet.clear(self._line_time(now))
            self._out += out
            self._events += events

    @property
    def is_over(self) -> bool:
        """Ended, and nothing more is to be said."""
        return self.ended is not None and not self._is_parting

    @property
    def has_news(self) -> bool:
        """One of `data_to_send`, `events` and `audio` has something to give, or the session is over."""
        return bool(self._out or self._events or self._pcm) or self.ended is not None

    def data_to_send(self) -> list[str | bytes]:
        """What is to be sent now, in order; each is given once. A str is a text message."""
        out, self._out = self._out, []
        return out

    def events(self) -> list[Event | SessionEvent]:
        """What happened, in order; each is given once."""
        events, self._events = self._events, []
        return events

    def audio(self) -> list[Samples]:
        """The caller's audio, cleaned, a frame each; each is given once."""
        pcm, self._pcm = self._pcm, []
        return pcm

    def record(self, now: float) -> None:
        """Record both directions from now on, to the end: `Taped` is among the events. StateError before the start, or a second time."""
        if self._outlet is None or self._intake is None:
            raise StateError("record: not now")
        self._outlet.record(self._line_time(now), self._frame_s, self._intake.waiting_frames)

    def mask(self, on: bool) -> None:
        """Leave both voices out of the recording from now on, or no longer."""
        if self._outlet is not None:
            self._outlet.mask(on)

    def heard_ms(self, now: float) -> float:
        """How much of what was sent, silence included, was played at the other end, by our own clock."""
        return 0.0 if self._outlet is None else self._outlet.heard_ms(self._line_time(now))

    def unheard_ms(self, now: float) -> float:
        """How much of what was sent is still on its way."""
        return 0.0 if self._outlet is None else self._outlet.unheard_ms(self._line_time(now))

    # --- the end ------------------------------------------------------------------------------------------------------------------

    def _line_time(self, now: float) -> float:
        """By the provider's clock, which plays what was sent."""
        return now - self._grid.shift_s

    def hangup(self, now: float, reason: str = "hangup") -> None:
        """End the call from this side; what the dialect says for that is in `data_to_send`."""
        if self.ended is None and self._stream is not None and self.call is not None:
            message = self._stream.hangup()
            self._end(reason, now)
            if message is not None:
                self._out.append(message)
                self._is_parting = self._stream.answers_hangup
        else:
            self._end(reason, now)

    def _end(self, reason: str, now: float) -> None:
        if self.ended is not None:
            return
        self.ended = reason
        call, intake = self.call, self._intake
        if call is not None and intake is not None and self._outlet is not None:
            try:
                for frame in intake.finish():
                    self._heard(call.conceal() if frame is None else call.receive(frame), frame, now)
                self._report(call.hangup(), now)
            except TalkpathError:  # it was hung up by its owner
                pass
            self._events += self._outlet.finish(self._line_time(now))
        self._events.append(Ended(reason, self.counters))
