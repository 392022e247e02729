"""REST without a network: the app behind httpx, a store in a folder, providers and the phone side as they are told to be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.recordings import Recordings, recording_route
from talkpath.agentstack.rest.app import rest_app
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.control import ControlError, DialMore, NewCall
from talkpath.agentstack.settings import Settings
from talkpath.agentstack.store.store import Store

WHO = ("MATEST", "tok")
BASE = "http://rest.example/v1/Account/MATEST"


class Providers:
    """What `check` says: by provider a sentence, an exception, or an event to be waited for."""

    def __init__(self) -> None:
        self.says: dict[str, str | Exception | asyncio.Event] = {}
        self.asked: list[tuple[str, str, str]] = []

    async def check(self, kind: str, spec: Mapping[str, Any]) -> str | None:
        self.asked.append((kind, spec["provider"], spec["api_key"]))
        said = self.says.get(spec["provider"])
        if isinstance(said, asyncio.Event):
            await said.wait()
            return None
        if isinstance(said, Exception):
            raise said
        return said

    def stt(self, spec: Any, fallback: Sequence[Any] = ()) -> Any:
        raise AssertionError("REST opens no stream")

    def llm(self, spec: Any, fallback: Sequence[Any] = (), on_availability: Any = None) -> Any:
        raise AssertionError("REST asks no model")

    tts = stt

    async def aclose(self) -> None:
        """Nothing to close."""


class Control:
    """Keeps what it was asked; `error` is raised instead."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: Exception | None = None

    async def initiate(self, call: NewCall) -> str:
        return self._take(call, "call-1")

    async def connect(self, call_uuid: str, agent: Agent) -> str:
        return self._take((call_uuid, agent.agent_uuid), "session-1")

    async def dial(self, call_uuid: str, more: DialMore) -> None:
        self._take((call_uuid, more), "")

    def _take(self, what: Any, answer: str) -> str:
        if self.error is not None:
            raise self.error
        self.asked.append(what)
        return answer


class World:
    """A server and its client."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder)
        self.providers, self.control = Providers(), Control()
        settings = Settings.load(
            None, {"PLIVO_AUTH_ID": WHO[0], "PLIVO_AUTH_TOKEN": WHO[1], "TALKPATH_DATA": str(folder)}
        )
        recordings = Recordings(folder / "recordings", settings.public_base_url)
        context = Context(settings, self.store, self.providers, self.control)
        self.app = rest_app(context, [recording_route(recordings)])
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), auth=WHO, base_url="http://rest.example"
        )

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> dict[str, Any]:
        """The reply's object; a path that begins with http is whole."""
        response = await self.client.request(method, path if path.startswith("http") else BASE + path, **options)
        assert response.status_code == status, (response.status_code, response.text)
        if status == 204:
            assert response.content == b""
            return {}
        found = response.json()
        assert isinstance(found, dict)
        assert found["api_id"]
        assert ("error" in found and isinstance(found["error"], str)) or status < 400
        return found


def run(folder: Path, use: Callable[[World], Awaitable[Any]]) -> Any:
    """Open a world, use it, close it."""

    async def main() -> Any:
        world = World(folder)
        try:
            return await use(world)
        finally:
            await world.client.aclose()
            await asyncio.to_thread(world.store.close)

    return asyncio.run(main())


__all__ = ["BASE", "WHO", "ControlError", "World", "run"]
