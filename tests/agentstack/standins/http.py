"""A small HTTP/1.1 server by h11: its answers may wait, hang, or break off in the middle, which frameworks forbid."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11

MAX_BYTES = 64 * 1024


@dataclass
class Request:
    """What came. `gone`: is set when the client is."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    url: str
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> str:
        """Of `Authorization: Bearer …`, `Token …`, or `xi-api-key`."""
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key if scheme.lower() in ("bearer", "token") else self.headers.get("xi-api-key", "")

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


@dataclass
class Response:
    """What goes back: a body, or chunks as they are made. A chunk of None breaks the connection."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    chunks: AsyncIterator[bytes | None] | None = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


async def serve(handler: Handler, host: str = "127.0.0.1", port: int = 0) -> asyncio.Server:
    """A server on a port of its own."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, h11.RemoteProtocolError):
            await _connection(handler, reader, writer)
        writer.close()

    return await asyncio.start_server(connected, host, port)


async def _connection(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    http = h11.Connection(h11.SERVER)
    while True:
        head: h11.Request | None = None
        body = b""
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await reader.read(MAX_BYTES))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:  # it is gone
                return
        assert head is not None
        target = head.target.decode()
        url = urlsplit(target)
        headers = {name.decode(): value.decode() for name, value in head.headers}
        request = Request(head.method.decode(), url.path, dict(parse_qsl(url.query)), headers, body, target)
        watch = asyncio.create_task(_watch(reader, request))
        answer = asyncio.create_task(_answer(handler, request, http, writer))
        gone = asyncio.create_task(request.gone.wait())
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() or not answer.result():
                return
        finally:
            for task in (watch, answer, gone):
                task.cancel()
            await asyncio.gather(watch, answer, gone, return_exceptions=True)
        if http.our_state is not h11.DONE or http.their_state is not h11.DONE:
            return
        http.start_next_cycle()


async def _watch(reader: asyncio.StreamReader, request: Request) -> None:
    """A client that goes while it is answered cancels. (None of ours pipelines.)"""
    while not reader.at_eof() and reader.exception() is None:
        await asyncio.sleep(0.01)
    request.gone.set()


async def _answer(handler: Handler, request: Request, http: h11.Connection, writer: asyncio.StreamWriter) -> bool:
    response = await handler(request)
    headers = {"content-type": response.content_type, **response.headers}
    if response.chunks is None:
        headers["content-length"] = str(len(response.body))
    else:
        headers["transfer-encoding"] = "chunked"
    writer.write(http.send(h11.Response(status_code=response.status, headers=list(headers.items()))) or b"")
    if response.chunks is None:
        writer.write(http.send(h11.Data(data=response.body)) or b"")
    else:
        async for chunk in response.chunks:
            if chunk is None:
                writer.transport.abort()
                return False
            writer.write(http.send(h11.Data(data=chunk)) or b"")
            await writer.drain()
    writer.write(http.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    return True
