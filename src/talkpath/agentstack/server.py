"""The platform: REST, phone side, conversations and carriers in one process. All of it is put together here."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import secrets
import signal
import socket
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import uvicorn

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.call_logs import FOLDER, CallLogs
from talkpath.agentstack.call_setup import call_config
from talkpath.agentstack.callback_signature import signature
from talkpath.agentstack.callbacks import HttpCallbacks
from talkpath.agentstack.calls import Calls
from talkpath.agentstack.carriers.http import status_route
from talkpath.agentstack.carriers.registry import carrier_of
from talkpath.agentstack.legs import Legs
from talkpath.agentstack.providers.registry import Providers
from talkpath.agentstack.recordings import Recordings, recording_route
from talkpath.agentstack.rest.app import rest_app
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.session import AgentSession, Services
from talkpath.agentstack.settings import Settings
from talkpath.agentstack.store.store import Store
from talkpath.call.config import CallConfig
from talkpath.server import MediaServer, PhoneCall
from talkpath.server.loops import fastest_loop
from talkpath.streams import Start

log = logging.getLogger("talkpath.agentstack")


class AgentServer:
    """Everything of `talkpath agents`.

    Parameters
    ----------
    settings : Settings

    Attributes
    ----------
    port, phone_port : int
        Of REST and of the phone side, when it has started.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.port, self.phone_port = settings.port, settings.phone_port
        self._stack = AsyncExitStack()
        self._rest: tuple[uvicorn.Server, asyncio.Task[None]] | None = None

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain."""
        with asyncio.Runner(loop_factory=fastest_loop()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        async with self:
            gc.collect()
            gc.freeze()  # a full collection then looks at what calls have made, and takes a frame's time no more
            log.info(json.dumps({"event": "listening", "port": self.port, "phone_port": self.phone_port}))
            await stopped.wait()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        """In the order of what needs what; the end is the other way round."""
        settings, stack = self._settings, self._stack
        listener = socket.create_server((settings.host, settings.port), backlog=1024)
        stack.callback(listener.close)
        self.port = int(listener.getsockname()[1])
        store = self._store = Store(settings.data)
        stack.callback(store.close)
        callbacks = HttpCallbacks(store, settings.auth_token)
        stack.push_async_callback(callbacks.aclose)
        providers = Providers(settings)
        stack.push_async_callback(providers.aclose)
        client = httpx.AsyncClient(trust_env=False)
        anyio.get_cancelled_exc_class()  # httpx's; what it loads at its first use takes as long as two frames
        stack.push_async_callback(client.aclose)
        media = MediaServer(
            self._answer, config=self._config, host=settings.phone_host, port=settings.phone_port, workers=settings.workers,
            max_calls=settings.max_calls, drain_s=settings.drain_s, transport=settings.transport, token=settings.phone_token or None, logs=settings.logs,
        )  # fmt: skip
        await media.start()
        stack.push_async_callback(media.stop, 0.0)  # where the start fails; else it has stopped before
        self.phone_port = media.port
        here = replace(settings, port=self.port, phone_port=self.phone_port)
        query = f"?token={settings.phone_token}" if settings.phone_token else ""
        self._legs = Legs(
            carrier_of(settings.carrier or "simulated", client),
            stream_base=here.phone_base_url + query,
            status_base=here.public_base_url,
        )
        services = Services(
            store, providers, self._legs, asyncio.get_running_loop().time,
            lambda url: _signed(settings.auth_token, url),
        )  # fmt: skip
        recordings = Recordings(settings.data / "recordings", here.public_base_url)
        self._calls = Calls(
            self._legs, store, callbacks, recordings, lambda call, agent, party: AgentSession(call, agent, party, services),
            max_calls=settings.max_calls, logs=CallLogs(settings.data / FOLDER) if settings.logs else None,
        )  # fmt: skip
        stack.push_async_callback(self._stop_rest)  # draining calls need it: carriers report there
        stack.push_async_callback(self._calls.aclose)
        stack.push_async_callback(media.stop)  # drains: before its calls are ended
        stack.callback(self._calls.refuse)
        for record in await store.end_unfinished():
            log.warning(json.dumps({"event": "call_lost", "call_uuid": record.call_uuid}))
        await callbacks.start()
        context = Context(here, store, providers, self._calls)
        app = rest_app(context, [status_route(self._legs), recording_route(recordings)])
        await self._serve_rest(listener, app)

    async def _serve_rest(self, listener: socket.socket, app: Any) -> None:
        server = _Rest(
            uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        )
        task = asyncio.create_task(server.serve([listener]))
        self._rest = server, task
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        if task.done():
            task.result()

    async def _stop_rest(self) -> None:
        if self._rest is not None:
            server, task = self._rest
            server.should_exit = True
            await asyncio.wait({task}, timeout=5)
            task.cancel()

    # --- calls that come in ------------------------------------------------------------------------------------------------------

    async def _agent_of(self, start: Start) -> tuple[Agent | None, str, str]:
        """Who answers, and who calls whom: `/{dialect}/{agent_uuid}`, or by the called number."""
        parts = urlsplit(start.path)
        query = parse_qs(parts.query)
        caller = (query.get("from") or [start.from_number or start.headers.get("from") or ""])[0]
        callee = (query.get("to") or [start.to_number or start.headers.get("to") or ""])[0]
        if (named := _named_agent(parts.path)) is not None:
            return await self._store.agent(named), caller, callee
        agent = await self._store.agent_of_number(callee) if callee else None
        return agent, caller, callee

    async def _config(self, start: Start) -> CallConfig:
        if self._legs.is_leg(start):
            return self._legs.config(start)
        agent, _, _ = await self._agent_of(start)
        return CallConfig(idle_timeout=None) if agent is None else call_config(agent)

    async def _answer(self, call: PhoneCall) -> None:
        if self._legs.is_leg(call.start):
            if self._legs.claim(call):
                await call.wait_ended()
            return
        agent, caller, callee = await self._agent_of(call.start)
        path = urlsplit(call.start.path).path
        if agent is None:
            log.warning(json.dumps({"event": "no_agent", "path": path[:200], "to": callee}))
            if _named_agent(path) is not None:  # and there is no such agent
                return
        await self._calls.inbound(call, agent, caller, callee)  # without one: it waits for `connect` (R7), not for long


def _named_agent(path: str) -> str | None:
    """The agent of `/{dialect}/{agent_uuid}`; None: the called number says who answers."""
    segments = [segment for segment in path.split("/") if segment]
    return segments[1] if len(segments) >= 2 else None


class _Rest(uvicorn.Server):
    """Signals are ours: the phone side drains by them."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


def _signed(auth_token: str, url: str) -> dict[str, str]:
    """Headers that prove to an app, or a proxy before it, who dials."""
    nonce = secrets.token_hex(16)
    http_url = "http" + url.removeprefix("ws")
    return {
        "X-Plivo-Signature-V3": signature(auth_token, "GET", http_url, nonce, {}),
        "X-Plivo-Signature-V3-Nonce": nonce,
    }
