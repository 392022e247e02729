"""The only place with sockets and a clock: WebSocket by `websockets`, AudioSocket over TCP. All of it runs on the audio's loop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.events import Event
from talkpath.server.admission import Refusal, may_enter, stream_for
from talkpath.server.pacer import Pacer
from talkpath.server.results import Limits, SessionEvent
from talkpath.server.session import Configure, Session
from talkpath.streams import DIALECTS, AudioSocket

if TYPE_CHECKING:
    from talkpath.server.phone_call import PhoneCall

log = logging.getLogger("talkpath.server")

_SUBPROTOCOLS = {name for cls in DIALECTS.values() for name in cls.subprotocols}
MAX_WAITING = 100  # messages that a client has not read: 2 s of audio; then it is hung up
PIECE_BYTES = 65536


class Line:
    """One connection and its session."""

    def __init__(self, session: Session, send: Callable[[str | bytes], Awaitable[None]], edge: Edge) -> None:
        self.session = session
        self.phone_call: PhoneCall | None = None
        self._send = send
        self._edge = edge
        self._waiting: deque[str | bytes] = deque()
        self._news = asyncio.Event()
        self._events: list[Event | SessionEvent] = []
        self._audio: list[Samples] = []
        self.is_begun = False

    def post(self, work: Callable[[], None]) -> None:
        """From any thread: do it on the audio's, between two frames."""

        def run() -> None:
            work()
            self._edge.settle([self])

        self._edge.loop.call_soon_threadsafe(run)

    def gather(self, now: float) -> bool:
        """What the session has to send and to say; True where there are news."""
        self._waiting += self.session.data_to_send()
        self._events += self.session.events()
        self._audio += self.session.audio()
        if len(self._waiting) > MAX_WAITING and self.session.ended is None:
            self._waiting.clear()
            self.session.hangup(now, "the client does not read")
            self._events += self.session.events()
        if self._waiting or self.session.ended is not None:
            self._news.set()
        return bool(self._events or self._audio)

    def take(self) -> tuple[list[Event | SessionEvent], list[Samples]]:
        """All news."""
        found = self._events, self._audio
        self._events, self._audio = [], []
        return found

    async def write(self) -> None:
        """Sends what there is, to the end of the call."""
        while True:
            while self._waiting:
                await self._send(self._waiting.popleft())
            if self.session.ended is not None:
                return
            self._news.clear()
            await self._news.wait()


class Edge:
    """Listens, reads, writes, and keeps time. See `MediaServer` for the parameters."""

    def __init__(
        self,
        begun: Callable[[Line], None],
        news: Callable[[list[Line]], None],
        *,
        config: CallConfig | Configure | None,
        host: str,
        port: int,
        audiosocket_port: int | None,
        max_calls: int,
        token: str | None,
        limits: Limits,
        threads: int,
    ) -> None:
        self._begun, self._tell = begun, news
        self._config, self._limits, self._token = config, limits, token
        self._host, self.port, self.audiosocket_port = host, port, audiosocket_port
        self._max_calls = max_calls
        self._pacer = Pacer(threads)
        self._by_session: dict[int, Line] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False
        self._server: Server | None = None
        self._tcp: asyncio.Server | None = None
        self.loop: asyncio.AbstractEventLoop

    @property
    def calls(self) -> int:
        """Connections."""
        return len(self._by_session)

    async def open(self) -> None:
        """Listen."""
        self.loop = asyncio.get_running_loop()
        self._server = await serve(
            self._websocket, self._host, self.port, process_request=self._request, select_subprotocol=_subprotocol,
            compression=None, max_size=self._limits.max_message_bytes, open_timeout=10, close_timeout=2, server_header=None,
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        if self.audiosocket_port is not None:
            self._tcp = await asyncio.start_server(self._audiosocket, self._host, self.audiosocket_port)
            self.audiosocket_port = self._tcp.sockets[0].getsockname()[1]

    async def drain(self) -> None:
        """Refuse new calls."""
        self._draining = True

    async def close(self) -> None:
        """Hang up what there is, and stop listening."""
        now = self.loop.time()
        for line in list(self._by_session.values()):
            line.session.hangup(now, "the server stops")
        self.settle(list(self._by_session.values()))
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._tcp is not None:
            self._tcp.close()
        for _ in range(100):
            if not self._by_session:
                break
            await asyncio.sleep(0.02)
        if self._timer is not None:
            self._timer.cancel()
        self._pacer.close()

    # --- who may come in ------------------------------------------------------------------------------------------------------

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path.partition("?")[0] == "/healthz":
            state = {
                "status": "draining" if self._draining else "ok",
                "calls": self.calls,
                "max_calls": self._max_calls,
            }
            return connection.respond(
                HTTPStatus.SERVICE_UNAVAILABLE if self._draining else HTTPStatus.OK, json.dumps(state) + "\n"
            )
        if not may_enter(self._token, request.path, request.headers.get("Authorization", "")):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "a token is needed\n")
        stream = stream_for(request.path, {})
        if isinstance(stream, Refusal):
            return connection.respond(HTTPStatus(stream.status), stream.text + "\n")
        if self._full():
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, f"{self._full()}\n")
        return None

    def _full(self) -> str:
        if self._draining:
            return "the server stops"
        return "all lines are taken" if self.calls >= self._max_calls else ""

    # --- connections ------------------------------------------------------------------------------------------------------------

    async def _websocket(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        headers = dict(request.headers.raw_items())
        stream = stream_for(request.path, headers)
        if self._full() or isinstance(stream, Refusal):  # taken between the request and now
            await connection.close(1013, self._full())
            return
        session = Session(
            self._config, stream, now=self.loop.time(), path=request.path, headers=headers, limits=self._limits
        )
        line = Line(session, connection.send, self)

        async def read() -> None:
            with contextlib.suppress(ConnectionClosed):
                async for message in connection:
                    self._receive(line, message)

        await self._serve(line, read)
        await connection.close()

    async def _audiosocket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._full():
            writer.close()
            return
        session = Session(self._config, AudioSocket(), now=self.loop.time(), limits=self._limits)

        async def send(data: str | bytes) -> None:
            assert isinstance(data, bytes)
            writer.write(data)
            await writer.drain()

        line = Line(session, send, self)

        async def read() -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(PIECE_BYTES):
                    self._receive(line, data)

        await self._serve(line, read)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _serve(self, line: Line, read: Callable[[], Awaitable[None]]) -> None:
        """One connection, to its end."""
        session = line.session
        self._by_session[id(session)] = line
        self._pacer.add(session)
        self._arm(session.next_deadline())
        reads = asyncio.ensure_future(read())
        writes = asyncio.ensure_future(self._write(line))
        try:
            await asyncio.wait({reads, writes}, return_when=asyncio.FIRST_COMPLETED)
            session.closed(self.loop.time())
            self.settle([line])
            await asyncio.wait({writes}, timeout=1)  # the last words
        finally:
            reads.cancel()
            writes.cancel()
            session.closed(self.loop.time())
            self.settle([line])
            self._pacer.remove(session)
            del self._by_session[id(session)]
        for task in (reads, writes):
            if task.done() and not task.cancelled() and task.exception() is not None:
                log.error("a connection failed", exc_info=task.exception())

    @staticmethod
    async def _write(line: Line) -> None:
        with contextlib.suppress(ConnectionClosed, OSError):
            await line.write()

    def _receive(self, line: Line, data: str | bytes) -> None:
        session = line.session
        session.receive(data, self.loop.time())
        if session.call is not None and not line.is_begun:
            line.is_begun = True
            self._begun(line)
        self._arm(session.next_deadline())
        self.settle([line])

    # --- time -------------------------------------------------------------------------------------------------------------------

    def settle(self, lines: list[Line]) -> None:
        """Carry what they have to send and to say."""
        now = self.loop.time()
        told = [line for line in lines if line.gather(now) and line.is_begun]
        if told:
            self._tell(told)

    def _arm(self, at: float | None) -> None:
        if at is None or (self._timer is not None and self._timer.when() <= at):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(at, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self.loop.time()
        try:
            self.settle([self._by_session[id(session)] for session in self._pacer.tick(now)])
        finally:
            deadline = self._pacer.next_deadline()
            # What is due within the next 2 ms goes together.
            self._arm(None if deadline is None else max(deadline, now + 0.002))


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((name for name in offered if name in _SUBPROTOCOLS), None)
