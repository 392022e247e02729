"""What is kept of calls and sessions: rows of the store, and what its users see of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from talkpath.agentstack.agent import Agent


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One leg of a call: of the phone side. `direction`: "inbound" | "outbound". Times are ISO 8601."""

    call_uuid: str
    direction: str
    from_number: str
    to_number: str
    agent_uuid: str | None
    created_at: str
    callbacks: Mapping[
        str, Mapping[str, str]
    ]  # {"hangup": {"url", "method"}, …}: a server that starts again sends what a dead one owed
    answered_at: str | None = None


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """An agent on a call."""

    agent_session_id: str
    agent_uuid: str
    agent_name: str
    call_uuid: str
    from_number: str
    to_number: str
    agent_mode: str
    participant_mode: str
    created_at: str


class Sessions(Protocol):
    """What a live call needs of the store. Writes are queued and done in order; what is said to be durable is, when it returns."""

    async def agent(self, agent_uuid: str) -> Agent | None: ...

    async def agent_of_number(self, number: str) -> Agent | None: ...

    async def call_began(self, record: CallRecord) -> None:
        """Durable."""
        ...

    async def call_answered(self, call_uuid: str, answered_at: str) -> None: ...

    async def call_ended(self, call_uuid: str, ended_at: str, duration_s: int, cause: str) -> None:
        """Durable; what is owed to callbacks is the outbox's."""
        ...

    async def session_began(self, record: SessionRecord) -> None: ...

    def session_events(self, agent_session_id: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Kept for reports; never waits, never raises."""
        ...

    async def session_ended(
        self, agent_session_id: str, ended_at: str, summary: Mapping[str, Any], usage: Sequence[Mapping[str, Any]]
    ) -> None:
        """`summary`: duration_seconds, turn_count, reason, error, transcript, record_url."""
        ...


class Callbacks(Protocol):
    """HTTP to the customer's server, signed, three tries of 5 s; an outbox in the store, so that a crash loses none."""

    def send(self, call_uuid: str, kind: str, body: Mapping[str, Any], callback: Mapping[str, str] | None) -> None:
        """`callback` {url, method}; None: nobody asked. Never waits, never raises. Values are strings and integers."""
        ...
