"""A call that is not over: who it is, and who is on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.leg import Leg
from talkpath.agentstack.records import CallRecord
from talkpath.agentstack.session import Party
from talkpath.server import PhoneCall


class AgentOnCall(Protocol):
    """An agent's session, as a call sees it."""

    id: str
    record_url: str | None  # where the recording will be, set before `run`
    has_failed: bool  # the call ends for a fault of ours, or of the app

    async def run(self) -> None:
        """Until the call is over."""
        ...

    def hand_over(self, leg: Leg, person: PhoneCall) -> None:
        """Somebody who was rung for the call (R8) is here: the agent leaves, as after a transfer, and `run` lets the two talk."""
        ...

    def leave(self, reason: str) -> None:
        """The agent leaves now, and the call ends."""
        ...


class LiveCall:
    """A call that is not over."""

    def __init__(self, call_uuid: str, direction: str, from_number: str, to_number: str, agent: Agent | None) -> None:
        self.call_uuid, self.direction = call_uuid, direction
        self.from_number, self.to_number = from_number, to_number
        self.agent = agent
        self.detection_method = "disabled"
        self.call: PhoneCall | None = None
        self.leg: Leg | None = None
        self.session: AgentOnCall | None = None
        self.person: PhoneCall | None = None  # who was rung for a call without an agent
        self.is_dialling = self.is_handed_over = self.has_rung = False
        self.news = asyncio.Event()  # an agent, or a person, for a call that has none
        self.work: asyncio.Task[None] | None = None

    def callback(self, kind: str) -> Mapping[str, str] | None:
        """Where the agent wants to be told of it."""
        found = None if self.agent is None else self.agent.callbacks.get(kind)
        return None if found is None else {"url": found.url, "method": found.method}

    def record(self, created_at: str) -> CallRecord:
        """What is kept of it from the beginning."""
        agent = self.agent
        callbacks = {} if agent is None else {kind: self.callback(kind) or {} for kind in agent.callbacks}
        return CallRecord(
            self.call_uuid, self.direction, self.from_number, self.to_number,
            None if agent is None else agent.agent_uuid, created_at, callbacks,
            created_at if self.direction == "inbound" else None,
        )  # fmt: skip

    @property
    def who(self) -> dict[str, Any]:
        """In every callback."""
        return {"call_uuid": self.call_uuid, "from": self.from_number, "to": self.to_number}

    @property
    def party(self) -> Party:
        """Who talks with the agent."""
        return Party(
            self.call_uuid, self.from_number, self.to_number, self.direction == "outbound", self.detection_method
        )
