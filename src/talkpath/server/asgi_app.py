"""A media server as a part of a web application: an ASGI app, to mount in FastAPI or Starlette, or to serve alone.

It knows ASGI's messages only; sockets are the ASGI server's. Calls, handlers and their clock run in the application's own loop.
"""

from __future__ import annotations

import asyncio
from typing import Any

from talkpath.call.config import CallConfig
from talkpath.errors import ConfigError
from talkpath.server.asgi_connection import CLOSE_TIMEOUT_S, AsgiConnection, Message, Receive, Send, paths, respond
from talkpath.server.authentication import Authentication
from talkpath.server.counts import Counts
from talkpath.server.door import Answer, Door
from talkpath.server.handlers import Choose, Handler, Handlers, checked
from talkpath.server.lines import Hub, log_unheard
from talkpath.server.results import Limits


class asgi:
    """An ASGI app that answers phone calls: WebSockets on `/{dialect}` and `/`, below where it is mounted; `/healthz`, `/metrics`.

    Parameters
    ----------
    answer : coroutine function
        Is called with a `PhoneCall` for every call; see `MediaServer`.
    config : CallConfig or callable, optional
        Of every call; or what gives it, from `Start` (a coroutine function may).
    authentication : Authentication, optional
        Who may come in; None: everybody.
    max_calls : int
        More are refused with 503, before the upgrade.
    limits : Limits, optional
    drain_s : float
        So long calls may go on when the application shuts down.
    threads : int
        Of the exchange; see `CallGroup`.
    logs : bool
        Calls may be logged; see `MediaServer`.

    Raises
    ------
    ConfigError
        A value out of its range.

    Notes
    -----
    No thread and no process of its own: what blocks the application's loop blocks the audio of all its calls. `MediaServer` keeps
    them apart.

    Examples
    --------
    >>> app = FastAPI()
    >>> app.mount("/calls", asgi(answer, max_calls=20))        # wss://HOST/calls/plivo
    """

    def __init__(
        self,
        answer: Handler,
        *,
        config: CallConfig | Choose | None = None,
        authentication: Authentication | None = None,
        max_calls: int = 500,
        limits: Limits | None = None,
        drain_s: float = 30.0,
        threads: int = 1,
        logs: bool = False,
    ) -> None:
        if max_calls < 1:
            raise ConfigError(f"max_calls must be 1 or more (got {max_calls!r})")
        if drain_s < 0:
            raise ConfigError(f"drain_s must not be below 0 (got {drain_s!r})")
        self._choose = config if callable(config) else None
        self._config = None if callable(config) else checked(config)
        self._answer = answer
        self._authentication = authentication
        self._max_calls, self._limits, self._drain_s = max_calls, limits or Limits(), drain_s
        self._threads, self._logs = threads, bool(logs)
        self._here: _Here | None = None
        self.is_draining = False

    @property
    def calls(self) -> int:
        """How many there are."""
        return 0 if self._here is None else self._here.hub.calls

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        match scope["type"]:
            case "websocket":
                await self._websocket(scope, receive, send)
            case "http":
                await self._http(scope, send)
            case "lifespan":
                await self._lifespan(receive, send)
            case kind:
                raise ValueError(f"a scope of type {kind!r} is not known")

    async def drain(self, drain_s: float | None = None) -> None:
        """Refuse new calls, let the old ones end by themselves for so long, then hang them up.

        An app that is mounted is not told when the application shuts down: call this in the application's own lifespan.
        """
        self.is_draining = True
        here = self._here
        if here is None:
            return
        here.door.is_draining = True
        await here.handlers.drain(self._drain_s if drain_s is None else drain_s)
        here.hub.hang_up_all("the server stops")
        await here.handlers.cancel()
        for _ in range(round(CLOSE_TIMEOUT_S / 0.02)):
            if not here.hub.calls:
                break
            await asyncio.sleep(0.02)
        here.hub.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._here, self.is_draining = None, False
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.drain()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Message, send: Send) -> None:
        path, _ = paths(scope)
        answer: Answer | None = Answer(404, "/healthz, /metrics, and WebSockets\n")
        if scope["method"] not in ("GET", "HEAD"):
            answer = Answer(405, "GET\n", (("Allow", "GET, HEAD"),))
        elif path in ("/healthz", "/metrics"):
            answer = self._opened().door.answer(path, {})
        assert answer is not None
        await respond(answer, "http.response", send, with_body=scope["method"] == "GET")

    async def _websocket(self, scope: Message, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        path, prefix = paths(scope)
        query = scope.get("query_string", b"").decode("latin-1")
        path += f"?{query}" if query else ""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        door = self._opened().door
        answer = door.answer(path, headers, prefix)
        if answer is None:
            subprotocol = next((name for name in scope.get("subprotocols", ()) if name in door.subprotocols), None)
            connection = AsgiConnection(send, subprotocol)
            line = door.enter(connection, path, headers)  # before anything is awaited: the limit of calls holds
            try:
                await connection.carry(line, receive)
            finally:
                line.closed()
                door.left(connection)
        elif "websocket.http.response" in scope.get("extensions", {}):
            await respond(answer, "websocket.http.response", send)
        else:  # the server makes a 403 of it
            await send({"type": "websocket.close", "code": 1008, "reason": answer.body.strip()[:120]})

    def _opened(self) -> _Here:
        """What belongs to the running loop; made anew where it is another than the last time, as in tests."""
        if self._here is None or self._here.loop is not asyncio.get_running_loop():
            self.is_draining = self.is_draining and self._here is None
            self._here = _Here(
                self._answer, self._choose, config=self._config, limits=self._limits, threads=self._threads,
                max_calls=self._max_calls, authentication=self._authentication, logs=self._logs,
            )  # fmt: skip
            self._here.door.is_draining = self.is_draining
        return self._here


class _Here:
    """All that belongs to one loop."""

    def __init__(
        self,
        answer: Handler,
        choose: Choose | None,
        *,
        config: CallConfig | None,
        limits: Limits,
        threads: int,
        max_calls: int,
        authentication: Authentication | None,
        logs: bool,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.handlers = Handlers(answer, choose, self._ask, self._tell)
        self.hub = Hub(self.handlers.news, config=config, limits=limits, threads=threads, logs=logs)
        self.door = Door(self.hub, Counts(1), max_calls=max_calls, authentication=authentication)

    async def _ask(self, number: int, command: str, *args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(0)  # a handler that only gives commands must not keep the loop for itself
        return self.hub.perform(number, command, args, kwargs)

    def _tell(self, number: int, command: str, *args: Any) -> None:
        self.loop.call_soon(self._perform, number, command, args)  # before what is asked for after it

    def _perform(self, number: int, command: str, args: tuple[Any, ...]) -> None:
        try:
            self.hub.perform(number, command, args, {})
        except Exception as problem:
            log_unheard(command, problem)
