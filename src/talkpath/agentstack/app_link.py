"""The socket to the customer's program: dialled once a call, and once more when it drops. The edge: sockets and the clock are here."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from talkpath.agentstack.app_messages import MAX_MESSAGE_BYTES
from talkpath.agentstack.plain import plain
from talkpath.agentstack.sockets import Socket

log = logging.getLogger("talkpath.agentstack")

DIAL_S = 10.0  # so long the first dial is tried again
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 1.0
_CLOSE_S = 1.0  # after the last message the app closes; then we do
_DRAIN_S = 5.0  # so long a slow app may take to read what is left
MAX_SENT_BYTES = 1024 * 1024  # more than this would close an app's socket
_MAX_WAITING = 20_000  # messages
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str).encode  # `json.dumps` makes one each time
_MOST_TOGETHER = 16  # messages in one write


class AppGone(Exception):
    """The app cannot be reached."""


class AppLink:
    """Messages to and from the app of one call. `send` never waits; what comes is given to `on_message`, in order.

    Parameters
    ----------
    url : str
    headers : mapping
        Of the handshake.
    on_message : callable
        Takes the text or bytes of each.
    greet : callable
        Gives the first message of every connection.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        on_message: Callable[[str | bytes], None],
        greet: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._url, self._headers, self._on_message, self._greet = url, dict(headers), on_message, greet
        self._waiting: deque[str] = deque()
        self._has_more = asyncio.Event()
        self._socket: Socket | None = None  # while it is served
        self._is_flushing = False  # at the end of this round of the loop
        self._is_last = False
        self.dropped = 0

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue it."""
        if self._is_last:
            return
        if len(self._waiting) >= _MAX_WAITING:  # an app that has not read for minutes
            self._waiting.popleft()
            self.dropped += 1
        try:
            text = _json(plain(message))
        except (ValueError, RecursionError) as problem:  # nothing that is to be said may end a call
            log.warning(
                json.dumps(
                    {
                        "event": "message_not_sent",
                        "type": str(message.get("type", message.get("event"))),
                        "problem": str(problem),
                    }
                )
            )
            self.dropped += 1
            return
        if len(text) > MAX_SENT_BYTES and len(text.encode()) > MAX_SENT_BYTES:
            log.warning(
                json.dumps(
                    {
                        "event": "message_too_long",
                        "type": str(message.get("type", message.get("event"))),
                        "chars": len(text),
                    }
                )
            )
            self.dropped += 1
            return
        self._waiting.append(text)
        if self._socket is not None and not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def send_last(self, message: Mapping[str, Any]) -> None:
        """The app reads nothing after it."""
        if len(json.dumps(message, default=str).encode()) > MAX_SENT_BYTES:
            message = {
                **message,
                "transcript": None,
            }  # of a very long call: without it an app would never hear of the end
        self.send(message)
        self._is_last = True
        self._has_more.set()

    async def run(self) -> None:
        """Until the last message was read, or the app is gone for good.

        Raises
        ------
        AppGone
            It could not be reached, or has dropped the connection twice.
        """
        try:
            for attempt in range(2):
                connection = await self._dial()
                try:
                    async with connection:
                        await self._serve(connection)
                except (ConnectionClosed, OSError):
                    pass
                if self._is_last and not self._waiting:
                    return
                log.warning(json.dumps({"event": "app_socket_dropped", "attempt": attempt, "url": self._url}))
            raise AppGone("the app has dropped its socket twice")
        except AppGone as problem:
            log.warning(json.dumps({"event": "app_gone", "url": self._url, "problem": str(problem)}))
            raise
        except Exception as problem:  # a fault of ours: the call must hear of it
            log.error("an app's socket failed", exc_info=problem)
            raise AppGone(f"{type(problem).__name__}: {problem}") from None

    async def _dial(self) -> Socket:
        loop = asyncio.get_running_loop()
        until, wait_s, problem = loop.time() + DIAL_S, _FIRST_RETRY_S, ""
        while loop.time() < until:
            try:
                connection = await connect(
                    self._url, create_connection=Socket, additional_headers=self._headers, max_size=MAX_MESSAGE_BYTES, compression=None, proxy=None,
                    ping_interval=20, ping_timeout=None,  # who reads slowly answers no pings, and is not dropped for it
                    open_timeout=max(0.1, until - loop.time()), close_timeout=_CLOSE_S,
                )  # fmt: skip
                assert isinstance(connection, Socket)
                return connection
            except (InvalidURI, ValueError) as wrong:  # ValueError: a host that can be no name
                raise AppGone(f"{self._url} is no address ({wrong})") from None
            except (OSError, InvalidHandshake, TimeoutError, EOFError) as wrong:
                problem = f"{type(wrong).__name__}: {wrong}"
            if self._is_last:  # the call is over: nobody waits for an app that is not there
                break
            await asyncio.sleep(wait_s)
            wait_s = min(_LAST_RETRY_S, 2 * wait_s)
        raise AppGone(f"the app cannot be reached at {self._url} ({problem})")

    def _flush(self) -> None:
        """What waits, as far as the app reads: many in one write, and no task for each."""
        self._is_flushing = False
        waiting, socket = self._waiting, self._socket
        while waiting and socket is not None and not socket.is_full:
            batch = list(islice(waiting, _MOST_TOGETHER))
            if not socket.put(batch):
                return
            for _ in batch:
                waiting.popleft()
        if waiting:
            self._has_more.set()  # `_serve` waits for room

    async def _serve(self, socket: Socket) -> None:
        socket.put([json.dumps(self._greet(), ensure_ascii=False)])
        reading = asyncio.create_task(self._read(socket))
        self._socket = socket
        try:
            while True:
                self._has_more.clear()
                self._flush()
                if self._waiting and socket.is_full:
                    room = asyncio.ensure_future(socket.drain())
                    done, _ = await asyncio.wait(
                        {room, reading},
                        timeout=_DRAIN_S if self._is_last else None,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if room not in done:
                        room.cancel()
                        return
                    room.result()
                    continue
                if self._is_last or self._waiting:
                    await asyncio.wait({reading}, timeout=_CLOSE_S)
                    return
                more = asyncio.ensure_future(self._has_more.wait())
                await asyncio.wait({more, reading}, return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
                if reading.done():
                    return
        finally:
            self._socket = None
            reading.cancel()
            await asyncio.wait({reading})
            if not reading.cancelled() and (problem := reading.exception()) is not None:
                log.info(json.dumps({"event": "app_socket_lost", "problem": f"{type(problem).__name__}: {problem}"}))

    async def _read(self, connection: Socket) -> None:
        async for message in connection:
            self._on_message(message)
            await asyncio.sleep(0)  # a flood of them is no reason for other calls to wait
