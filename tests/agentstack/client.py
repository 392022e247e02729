"""A customer's program: REST by httpx, and the server that the platform dials for each call. Ours, since the SDK is in no registry.

app = App()
app.on["tool.called"] = lambda session, event: session.tool_result(event["id"], {"status": "shipped"})
url = await app.start()
agent = await rest.post("Agent", {..., "websocket_url": url})
session = await app.session()                   # of the next call
await session.wait_for("session.ended")
"""

import asyncio
import base64
import contextlib
import inspect
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Event = dict[str, Any]
Handler = Callable[["AppSession", Event], Any]


class RestError(AssertionError):
    """The platform said no."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Rest:
    """The platform's REST, as an account sees it."""

    def __init__(self, base_url: str, auth_id: str, auth_token: str) -> None:
        self.auth_id, self.auth_token = auth_id, auth_token
        self._client = httpx.AsyncClient(base_url=base_url, auth=(auth_id, auth_token), timeout=30.0)

    async def request(self, method: str, path: str, body: Event | None = None, **params: Any) -> Any:
        """What a 2xx holds; RestError for others."""
        answer = await self._client.request(method, f"/v1/Account/{self.auth_id}/{path}", json=body, params=params)
        if answer.status_code == 204:
            assert answer.content == b""
            return None
        found = answer.json()
        if not 200 <= answer.status_code < 300:
            raise RestError(answer.status_code, found)
        assert isinstance(found, dict), "an object is what the SDK reads"
        assert isinstance(found.get("api_id"), str)
        return found

    async def get(self, path: str, **params: Any) -> Any:
        """GET."""
        return await self.request("GET", path, **params)

    async def post(self, path: str, body: Event) -> Any:
        """POST."""
        return await self.request("POST", path, body)

    async def patch(self, path: str, body: Event) -> Any:
        """PATCH."""
        return await self.request("PATCH", path, body)

    async def delete(self, path: str) -> Any:
        """DELETE."""
        return await self.request("DELETE", path)

    async def aclose(self) -> None:
        """No more."""
        await self._client.aclose()


class AppSession:
    """One connection of the platform's: what came, and what is sent.

    Attributes
    ----------
    events : list of (float, dict)
        Everything that came, with its time of the monotonic clock.
    closed_at : float or None
    close_code : int or None
    """

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.events: list[tuple[float, Event]] = []
        self.sent: list[tuple[float, Event]] = []
        self.closed_at: float | None = None
        self.close_code: int | None = None
        self.handler_errors: list[BaseException] = []
        self._outbox: asyncio.Queue[Event] = asyncio.Queue()
        self._news = asyncio.Event()

    # --- what came ------------------------------------------------------------------------------------------------------------

    def of(self, kind: str) -> list[Event]:
        """All events of a type."""
        return [event for _, event in self.events if (event.get("type") or event.get("event")) == kind]

    def times(self, kind: str) -> list[float]:
        """When they came."""
        return [at for at, event in self.events if (event.get("type") or event.get("event")) == kind]

    def kinds(self) -> list[str]:
        """Types in the order of their coming."""
        return [str(event.get("type") or event.get("event")) for _, event in self.events]

    async def wait_for(
        self, kind: str, count: int = 1, timeout_s: float = 15.0, where: Callable[[Event], bool] | None = None
    ) -> Event:
        """The `count`-th event of a type (that `where` holds for)."""
        until = time.monotonic() + timeout_s
        while True:
            found = [event for event in self.of(kind) if where is None or where(event)]
            if len(found) >= count:
                return found[count - 1]
            self._news.clear()
            left_s = until - time.monotonic()
            if left_s <= 0 or self.closed_at is not None:
                raise AssertionError(f"{len(found)} of {count} {kind} came; {self.kinds()}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left_s)

    @property
    def call_uuid(self) -> str:
        """Of the call."""
        return str(self.events[0][1]["call_id"])

    # --- what is sent ---------------------------------------------------------------------------------------------------------

    def send(self, message: Event) -> None:
        """Anything, in order."""
        self._outbox.put_nowait(message)

    def tool_result(self, call_id: str, result: Any) -> None:
        """tool.result"""
        self.send({"type": "tool.result", "id": call_id, "result": result})

    def tool_error(self, call_id: str, error: str) -> None:
        """tool.error"""
        self.send({"type": "tool.error", "id": call_id, "error": error})

    def speak(self, text: str) -> None:
        """agent_session.speak"""
        self.send({"type": "agent_session.speak", "text": text})

    def play(self, wav: bytes, *, allow_interruption: bool = True) -> None:
        """agent_session.play: a WAV file; the flag is sent only when it is false, as the SDK does."""
        message: Event = {"type": "agent_session.play", "audio_data": base64.b64encode(wav).decode()}
        self.send(message if allow_interruption else {**message, "allow_interruption": False})

    def transfer(self, destination: list[str], dial_mode: str = "parallel", timeout: int = 30) -> None:
        """agent_session.transfer"""
        self.send({"type": "agent_session.transfer", "destination": destination, "dial_mode": dial_mode,
                   "timeout": timeout})  # fmt: skip

    def update(self, **fields: Any) -> None:
        """agent_session.update"""
        self.send({"type": "agent_session.update", **fields})

    def inject(self, content: str) -> None:
        """agent_session.inject"""
        self.send({"type": "agent_session.inject", "content": content})

    def send_dtmf(self, digits: str) -> None:
        """agent_session.send_dtmf"""
        self.send({"type": "agent_session.send_dtmf", "digits": digits})

    def hangup(self) -> None:
        """agent_session.hangup"""
        self.send({"type": "agent_session.hangup"})

    # --- the connection -------------------------------------------------------------------------------------------------------

    async def run(self, app: "App") -> None:
        """Take messages one after the other, as the SDK does; return after the last."""
        sender = asyncio.create_task(self._send())
        try:
            async for raw in self.connection:
                event = json.loads(raw)
                assert isinstance(event, dict), "a message is a JSON object"
                self.events.append((time.monotonic(), event))
                self._news.set()
                kind = str(event.get("type") or event.get("event"))
                for handler in (app.on.get("*"), app.on.get(kind)):
                    if handler is not None:
                        await self._handle(handler, event)
                if kind in ("session.ended", "stop"):
                    break
        except ConnectionClosed:
            pass
        finally:
            sender.cancel()
            await self.connection.close()
            self.closed_at, self.close_code = time.monotonic(), self.connection.close_code
            self._news.set()

    async def _handle(self, handler: Handler, event: Event) -> None:
        try:
            answer = handler(self, event)
            if inspect.isawaitable(answer):
                await answer
        except Exception as problem:
            self.handler_errors.append(problem)

    async def _send(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while True:
                message = await self._outbox.get()
                await self.connection.send(json.dumps(message))
                self.sent.append((time.monotonic(), message))


class App:
    """A server for event sockets.

    Attributes
    ----------
    on : dict
        Handlers by event type; "*": of all events. They may be coroutines: the next event waits for them.
    sessions : list of AppSession
    headers : list of dict
        Of the upgrades.
    """

    def __init__(self) -> None:
        self.on: dict[str, Handler] = {}
        self.sessions: list[AppSession] = []
        self.headers: list[dict[str, str]] = []
        self._server: Server | None = None
        self._news = asyncio.Event()
        self._taken = 0

    async def start(self, port: int = 0) -> str:
        """Listen; gives the address."""
        # As the SDK's: 1 MiB a message, pings every 20 s.
        self._server = await serve(self._connected, "127.0.0.1", port)
        return f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}/ws"

    async def _connected(self, connection: ServerConnection) -> None:
        session = AppSession(connection)
        self.sessions.append(session)
        assert connection.request is not None
        self.headers.append(dict(connection.request.headers.raw_items()))
        self._news.set()
        await session.run(self)

    async def session(self, timeout_s: float = 10.0) -> AppSession:
        """The next session that has begun and was not given yet."""
        until = time.monotonic() + timeout_s
        while len(self.sessions) <= self._taken or not self.sessions[self._taken].events:
            if time.monotonic() > until:
                raise AssertionError("the platform did not dial the app")
            await asyncio.sleep(0.01)
        self._taken += 1
        return self.sessions[self._taken - 1]

    async def aclose(self) -> None:
        """No more connections."""
        if self._server is not None:
            self._server.close()
