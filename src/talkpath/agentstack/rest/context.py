"""What the routes work with."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from talkpath.agentstack.providers.base import ProviderSet
from talkpath.agentstack.rest.control import CallControl
from talkpath.agentstack.rest.replies import RestError
from talkpath.agentstack.settings import Settings
from talkpath.agentstack.store.queries import StoredAgent
from talkpath.agentstack.store.store import Store
from talkpath.agentstack.times import now_iso


def _uuid() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Context:
    """Parts of the server that REST needs; time and ids are given in tests."""

    settings: Settings
    store: Store
    providers: ProviderSet
    control: CallControl
    now: Callable[[], str] = now_iso
    new_uuid: Callable[[], str] = _uuid

    async def known(self, agent_uuid: str) -> StoredAgent:
        """An agent of the path. Raises `RestError`."""
        stored = await self.store.stored_agent(agent_uuid)
        if stored is None:
            raise RestError(404, "agent not found")
        return stored
