"""Connections of the phone: WebSocket by `websockets` or `picows`, AudioSocket over TCP. All behind one small interface."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from talkpath.errors import ConfigError

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
MAX_WAITING_BYTES = 4 * 1024 * 1024  # a server that does not read: minutes of audio
TRANSPORTS = ("auto", "websockets", "picows")

OnMessage = Callable[[str | bytes], None]
OnClose = Callable[[str], None]


class Refused(Exception):
    """There is no connection; the message says why, for a person."""


class Link(Protocol):
    """A connection that is open."""

    def send(self, data: str | bytes) -> None:
        """Send a message, or a piece; never blocks, never raises."""

    def close(self) -> None:
        """What was sent still goes out."""


_STATUS = {
    401: "a token or signature is missing or wrong",
    403: "this is not allowed",
    404: "there is nothing at this address",
    426: "the server wants no WebSocket here",
    429: "too many calls",
    503: "the server takes no more calls",
}


def refusal(status: int, body: str = "") -> Refused:
    """What an HTTP status in place of the upgrade means."""
    said = " ".join(body.split())[:120]
    meaning = _STATUS.get(status, "")
    return Refused(f"refused with {status}" + (f": {said or meaning}" if said or meaning else ""))


def choose_transport(name: str) -> str:
    """`picows` where it is installed, for "auto"; ConfigError where what is asked for is not."""
    if name not in TRANSPORTS:
        raise ConfigError(f"transport: one of {', '.join(TRANSPORTS)} is expected (got {name!r})")
    for module in ("picows", "websockets") if name == "auto" else (name,):
        with contextlib.suppress(ImportError):
            __import__(module)
            return module
    extra = "fast" if name == "picows" else "phone"
    raise ConfigError(f"transport: {name} is not installed: pip install 'talkpath[{extra}]'")


async def connect(
    url: str,
    on_message: OnMessage,
    on_close: OnClose,
    *,
    transport: str,
    headers: Mapping[str, str],
    subprotocols: Sequence[str] = (),
    timeout_s: float = 10.0,
) -> Link:
    """Open a connection; `audiosocket://HOST:PORT` is TCP. Raises Refused."""
    try:
        async with asyncio.timeout(timeout_s):
            if urlsplit(url).scheme in ("audiosocket", "tcp"):
                return await _connect_tcp(url, on_message, on_close)
            if transport == "picows":
                from talkpath.phone.links_picows import connect_picows

                return await connect_picows(url, on_message, on_close, headers, subprotocols)
            return await _connect_websockets(url, on_message, on_close, headers, subprotocols)
    except TimeoutError:
        raise Refused(f"no connection within {timeout_s:g} s") from None
    except ssl.SSLError as problem:
        raise Refused(f"no TLS connection: {problem.reason or problem}") from None
    except OSError as problem:
        raise Refused(f"no connection: {problem.strerror or problem}") from None


# --- websockets -----------------------------------------------------------------------------------------------------------------


class _WebSocketsLink:
    def __init__(self, connection: Any, on_message: OnMessage, on_close: OnClose) -> None:
        self._connection, self._on_message, self._on_close = connection, on_message, on_close
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._closing = False
        self._tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write())]

    def send(self, data: str | bytes) -> None:
        self._bytes += len(data)
        if self._bytes > MAX_WAITING_BYTES:
            self._bytes -= len(data)
            return
        self._waiting.append(data)
        self._news.set()

    def close(self) -> None:
        self._closing = True
        self._news.set()

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                self._on_message(await self._connection.recv())
        except ConnectionClosed as problem:
            frame = problem.rcvd
            code, text = (frame.code, frame.reason) if frame is not None else (1006, "")
            self._closing = True
            self._news.set()
            self._on_close(closed_by_server(code, text))

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        with contextlib.suppress(ConnectionClosed, OSError):
            while True:
                while self._waiting:
                    data = self._waiting.popleft()
                    self._bytes -= len(data)
                    await self._connection.send(data)
                if self._closing:
                    break
                self._news.clear()
                await self._news.wait()
        await self._connection.close()


async def _connect_websockets(
    url: str, on_message: OnMessage, on_close: OnClose, headers: Mapping[str, str], subprotocols: Sequence[str]
) -> Link:
    from websockets.asyncio.client import connect as ws_connect
    from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
    from websockets.typing import Subprotocol

    try:
        connection = await ws_connect(
            url, additional_headers=dict(headers), subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            compression=None, max_size=MAX_MESSAGE_BYTES, open_timeout=None, close_timeout=2, ping_interval=None, proxy=None,
            user_agent_header="talkpath",
        )  # fmt: skip
    except InvalidStatus as problem:
        body = (problem.response.body or b"").decode("utf-8", "replace")
        raise refusal(problem.response.status_code, body) from None
    except InvalidURI:
        raise Refused(f"{url!r} is no address of a WebSocket") from None
    except (InvalidHandshake, EOFError) as problem:
        raise Refused(f"no WebSocket: {problem}") from None
    return _WebSocketsLink(connection, on_message, on_close)


def closed_by_server(code: int, text: str) -> str:
    if code == 1006:
        return "the connection broke"
    if code == 1005:  # it did not say
        return "the server closed"
    return f"the server closed ({code}{f', {text}' if text else ''})"


# --- TCP ------------------------------------------------------------------------------------------------------------------------


class _TcpLink(asyncio.Protocol):
    def __init__(self, on_message: OnMessage, on_close: OnClose) -> None:
        self._on_message, self._on_close = on_message, on_close
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._on_message(data)

    def connection_lost(self, problem: Exception | None) -> None:
        self._on_close("the server closed" if problem is None else "the connection broke")

    def send(self, data: str | bytes) -> None:
        if self._transport.get_write_buffer_size() < MAX_WAITING_BYTES:
            self._transport.write(data if isinstance(data, bytes) else data.encode())

    def close(self) -> None:
        self._transport.close()


async def _connect_tcp(url: str, on_message: OnMessage, on_close: OnClose) -> Link:
    parts = urlsplit(url)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise Refused(f"{url!r}: audiosocket://HOST:PORT is expected")
    _, link = await asyncio.get_running_loop().create_connection(lambda: _TcpLink(on_message, on_close), host, port)
    return link
