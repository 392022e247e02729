"""All calls of one loop: sessions, their time, their news, and the commands for them. Connections are an edge's; the loop's clock is read here."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from copy import copy
from itertools import count
from time import monotonic as clock
from typing import Any, Protocol, TypeAlias

from talkpath.call.config import CallConfig
from talkpath.call.events import Event, UserDtmf, UserSpeechStarted, UserSpeechStopped
from talkpath.errors import StateError
from talkpath.server.call_log import CallLog
from talkpath.server.joint import Joint
from talkpath.server.pacer import Pacer
from talkpath.server.results import Limits, SessionEvent
from talkpath.server.session import Session
from talkpath.streams import Stream

News: TypeAlias = tuple[int, list[Event | SessionEvent], list[bytes]]  # a line's number, its events, the caller's audio

log = logging.getLogger("talkpath.server")

WINDOW_S = 0.001  # what is due within it goes through one exchange
AUDIO_WAIT_S = 0.01  # so long the caller's audio may wait for that of other calls, so that the handlers are woken less often; events never
QUIET_WAIT_S = 0.1  # and that of one who is silent, where his handler wants it in larger pieces
PART_S = 2.0  # so long a provider may take for its goodbye
MAX_EVENTS = 4096
MAX_AUDIO_FRAMES = 1000

# What a handler may have done on its call: `CallPipeline`'s own.
COMMANDS = frozenset(
    (
        "speak", "play", "send_dtmf", "checkpoint", "interrupt", "clear_audio", "pause", "resume", "transcript",
        "turn_probability", "extend_wait", "listen_for_beep", "play_background", "stop_background", "update",
    )
)  # fmt: skip


class CallEnded(StateError):
    """The line is gone.

    `heard_ms`: of a `say`, how much of it was heard until then; None where it was not being said.
    """

    heard_ms: float | None = None


def log_unheard(command: str, problem: Exception) -> None:
    """What a command raised whose answer nobody waits for. The end of the call is nothing new."""
    if not isinstance(problem, CallEnded):
        log.warning("%s: %s: %s", command, type(problem).__name__, problem)


class Connection(Protocol):
    """What carries a line."""

    def send(self, data: str | bytes) -> None:
        """A message (or, over TCP, bytes); never waits."""

    def finish(self, reason: str) -> None:
        """Close, after what was sent. Then the edge calls `Line.closed`."""

    @property
    def unsent_bytes(self) -> int:
        """What waits because the client does not read."""


class Line:
    """One connection and its session."""

    def __init__(self, number: int, session: Session, connection: Connection, hub: Hub) -> None:
        self.number = number
        self.session = session
        self._connection = connection
        self._hub = hub
        self._limits = hub.limits
        self._events: deque[Event | SessionEvent] = deque(maxlen=MAX_EVENTS)
        self._audio: deque[bytes] = deque(maxlen=MAX_AUDIO_FRAMES)
        self.joint: Joint | None = None  # another line hears the caller
        self.log = CallLog() if hub.logs else None
        self._chunk_frames = 0  # so many frames of the caller are told together; 0: nobody listens
        self._quiet_frames = 0  # and so many while he says nothing; 0: no difference is made
        self._caller_speaks = False
        self._sent_bytes = 0
        self._is_begun = self._is_parting = False
        self._blocked_since: float | None = None
        self._is_finished = False

    # --- from the edge --------------------------------------------------------------------------------------------------------

    def receive(self, data: str | bytes) -> None:
        """What came."""
        self._hub.receive(self, data)

    def closed(self) -> None:
        """The connection is gone."""
        self._hub.closed(self)

    # --- for the hub ------------------------------------------------------------------------------------------------------------

    def settle(self, now: float) -> bool:
        """Send what there is; True where there are news."""
        session = self.session
        if not session.has_news and not session.is_blocked:
            return False
        connection = self._connection
        for data in session.data_to_send():
            self._sent_bytes += len(data)
            connection.send(data)
        if session.is_blocked or connection.unsent_bytes:
            self._watch_unsent(now)
        events = session.events()
        if events:
            self._events += events
            for event in events:
                if isinstance(event, UserSpeechStarted | UserSpeechStopped):
                    self._caller_speaks = isinstance(event, UserSpeechStarted)
            if session.call is not None and not self._is_begun:
                self._is_begun = True
                if self.log is not None:  # Began is told as soon as there is a call: nothing has happened on it
                    with suppress(StateError):  # but its end
                        self.log.begin(session.call)
                self._hub.observe_begin(session.start.dialect if session.start is not None else "")
        joint = self.joint
        for pcm in session.audio():
            if joint is None:
                self._audio.append(pcm.tobytes())
            else:
                joint.heard(pcm)
        if joint is not None and events:
            for event in events:
                if isinstance(event, UserDtmf):
                    joint.key(event.digit)
        if session.ended is not None and not self._is_finished:
            self._finish(session)
        if self._events:
            self._hub.is_urgent = True
            return True
        has_audio = self._has_audio()
        if has_audio and (self._caller_speaks or not self._quiet_frames):
            self._hub.is_prompt = True
        return has_audio

    def _finish(self, session: Session) -> None:
        """The session has ended: close, but hear a provider out that answers a hang-up."""
        if session.is_over:
            self._is_finished = True
            self._connection.finish(session.ended or "")
        elif not self._is_parting:
            self._is_parting = True
            self._hub.part(self)

    def take(self) -> News:
        """All news."""
        events = list(self._events)
        self._events.clear()
        audio: list[bytes] = []
        if self._has_audio() or (self._quiet_frames and events):  # what waits from before an event goes with it
            audio += self._audio
            self._audio.clear()
        return self.number, events, audio

    def listen(self, chunk_frames: int, quiet_frames: int = 0) -> None:
        """The caller's audio is wanted from now on, what was kept first."""
        self._chunk_frames, self._quiet_frames = chunk_frames, quiet_frames

    def _has_audio(self) -> bool:
        waiting = len(self._audio)
        if not waiting or not self._chunk_frames:
            return False
        least = self._chunk_frames if self._caller_speaks else self._quiet_frames or self._chunk_frames
        return waiting >= least or self.session.ended is not None

    @property
    def unsent_s(self) -> float:
        """Audio that waits because the client does not read."""
        bytes_per_s = self._sent_bytes / max(0.02 * self.session.counters.sent, 0.02)
        return self._connection.unsent_bytes / max(bytes_per_s, 1.0)

    def _watch_unsent(self, now: float) -> None:
        """Nothing more is sent while too much waits; a client that never reads is hung up."""
        session = self.session
        unsent_s = self.unsent_s
        if unsent_s < self._limits.max_unsent_s / 2:
            session.is_blocked, self._blocked_since = False, None
        elif unsent_s >= self._limits.max_unsent_s and not session.is_blocked:
            session.is_blocked, self._blocked_since = True, now
        if self._blocked_since is not None and now - self._blocked_since >= self._limits.unread_timeout_s:
            session.hangup(now, "the client does not read")


class Hub:
    """All lines of a loop.

    Parameters
    ----------
    tell : callable
        Gets the news of all lines that have some; not while `is_congested` (`resume` says when again).
    config : CallConfig or None
        Of every call; None: each is asked for (`ConfigWanted`), and comes with the command `configure`.
    limits : Limits
    threads : int
        Of the exchange.
    logs : bool
        A log of each call is kept ready for the command `log`.
    """

    def __init__(
        self,
        tell: Callable[[list[News]], None],
        *,
        config: CallConfig | None,
        limits: Limits,
        threads: int = 1,
        logs: bool = False,
    ) -> None:
        self._tell = tell
        self._config = config
        self.limits, self.logs = limits, logs
        self._pacer = Pacer(threads)
        self._lines: dict[int, Line] = {}
        self._by_session: dict[Session, Line] = {}
        self._fresh: dict[Line, None] = {}  # have news
        self._numbers = count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._audio_timer: asyncio.TimerHandle | None = None
        self.is_urgent = self.is_prompt = False  # news have events; have audio of one who speaks
        self._loop = asyncio.get_running_loop()
        self.is_congested = False
        self.observe_tick: Callable[[float, int], None] = lambda lateness_s, calls: None
        self.observe_begin: Callable[[str], None] = lambda dialect: None
        self.observe_end: Callable[[Session], None] = lambda session: None

    @property
    def calls(self) -> int:
        """Connections."""
        return len(self._lines)

    @property
    def lines(self) -> Iterable[Line]:
        """All of them."""
        return self._lines.values()

    @property
    def observe_exchange(self) -> Callable[[float], None]:
        """Gets how long each exchange took."""
        return self._pacer.observe_exchange

    @observe_exchange.setter
    def observe_exchange(self, observe: Callable[[float], None]) -> None:
        self._pacer.observe_exchange = observe

    # --- connections ----------------------------------------------------------------------------------------------------------

    def connect(
        self, connection: Connection, stream: Stream | None, path: str = "", headers: Mapping[str, str] | None = None
    ) -> Line:
        """A client is here. `stream`: None where it is to be found out."""
        session = Session(
            self._config, stream, now=clock(), path=path, headers=headers, limits=self.limits,
            ask=self._config is None,
        )  # fmt: skip
        line = Line(next(self._numbers), session, connection, self)
        self._lines[line.number] = self._by_session[session] = line
        self._pacer.add(session)
        self._arm()
        return line

    def receive(self, line: Line, data: str | bytes) -> None:
        """Something came on a line."""
        session = line.session
        now = clock()
        session.receive(data, now)
        if not session.is_ticking:
            self._pacer.touch(session)
            self._arm()
        if line.settle(now):
            self._fresh[line] = None
            self.flush()

    def closed(self, line: Line) -> None:
        """Its connection is gone."""
        if self._lines.pop(line.number, None) is None:
            return
        now = clock()
        line.session.closed(now)
        line.settle(now)
        self._fresh[line] = None
        self._pacer.remove(line.session)
        del self._by_session[line.session]
        self.observe_end(line.session)
        self.flush()

    def part(self, line: Line) -> None:
        """It was hung up, and the other side may say goodbye."""

        def too_long() -> None:
            line.session.closed(clock())
            line.settle(clock())

        self._loop.call_later(PART_S, too_long)

    def hang_up_all(self, reason: str) -> None:
        """The end of every call."""
        now = clock()
        for line in list(self._lines.values()):
            line.session.hangup(now, reason)
            line.settle(now)
            self._fresh[line] = None
        self.flush()

    def close(self) -> None:
        """Time stops."""
        for timer in (self._timer, self._audio_timer):
            if timer is not None:
                timer.cancel()
        self._pacer.close()

    # --- handlers -----------------------------------------------------------------------------------------------------------------

    def perform(self, number: int, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        """Do a command on a call, between two frames.

        Raises
        ------
        CallEnded
            The line is gone.
        """
        line = self._lines.get(number)
        if line is None or line.session.ended is not None:
            raise CallEnded("the line is gone" if line is None else line.session.ended)
        now = clock()
        try:
            if name == "join":
                self._join(line, *args)
                return None
            return self._perform(line, now, name, args, kwargs)
        finally:
            if not line.session.is_ticking:
                self._pacer.touch(line.session)
                self._arm()
            if line.settle(now):
                self._fresh[line] = None
                self.flush()

    def _join(self, line: Line, number: int, rate_hz: int) -> None:
        """The caller of this line is heard on that one."""
        other = self._lines.get(number)
        if other is None or other.session.ended is not None:
            raise CallEnded("the other line is gone")
        if line.session.call is None or other.session.call is None:
            raise StateError("join: not now")
        line.joint = Joint(line.session, other.session, rate_hz)

    @staticmethod
    def _perform(line: Line, now: float, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
        session = line.session
        match name:
            case "configure":
                session.configure(args[0], now)
            case "fail":
                session.hangup(now, *args)
            case "hangup":
                session.hangup(now)
            case "listen":
                line.listen(*args)
            case "record":
                session.record(now)
            case "mask":
                session.mask(*args)
            case "log":
                if line.log is None:
                    raise StateError("log: the server keeps none; MediaServer(logs=True) does")
                line.log.open(*args)
            case "counters":
                return copy(session.counters)
            case _:
                if session.call is None or name not in COMMANDS:
                    raise StateError(f"{name}: not now")
                found = getattr(session.call, name)(*args, **kwargs)
                return found if isinstance(found, (int, float, bool)) else None
        return None

    def resume(self) -> None:
        """News can be told again."""
        self.is_congested = False
        self._flush()

    def flush(self) -> None:
        """Tell what there is: events now, audio alone a little later."""
        if self.is_urgent:
            self._flush()
        elif self._fresh:
            at = self._loop.time() + (AUDIO_WAIT_S if self.is_prompt else QUIET_WAIT_S)
            if self._audio_timer is not None and at < self._audio_timer.when():
                self._audio_timer.cancel()
                self._audio_timer = None
            if self._audio_timer is None:
                self._audio_timer = self._loop.call_at(at, self._flush)

    def _flush(self) -> None:
        if self._audio_timer is not None:
            self._audio_timer.cancel()
            self._audio_timer = None
        self.is_urgent = self.is_prompt = False
        if self._fresh and not self.is_congested:
            news = [line.take() for line in self._fresh]
            self._fresh.clear()
            self._tell(news)

    # --- time -------------------------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        at = self._pacer.next_deadline()
        if at is None or (self._timer is not None and self._timer_at <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._set_timer(at, clock())

    def _set_timer(self, at: float, now: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_later(max(at - now, 0.0), self._tick, at)

    def _tick(self, at: float) -> None:
        self._timer = None
        now = clock()
        try:
            due = self._pacer.tick(now)
            for session in due:
                line = self._by_session[session]
                if line.settle(now):
                    self._fresh[line] = None
            self.observe_tick(now - at, len(due))
            self.flush()
        finally:
            deadline = self._pacer.next_deadline()
            if deadline is not None:
                self._set_timer(max(deadline, now + WINDOW_S), clock())
