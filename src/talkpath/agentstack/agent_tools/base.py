"""Server-side sub-agents: what one run of an agent tool asks, checks and gives. No I/O: the conversation runs it with the agent's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from talkpath.agentstack.providers.base import Tool


@dataclass(frozen=True, slots=True)
class Step:
    """What follows a tool call of the sub-agent's model.

    Attributes
    ----------
    reply : mapping
        Given to the model as the tool's result.
    result : mapping or None
        The run is over: `agent_tool.completed` with it (`declined`, `decline_reason`, `timed_out` among its keys where so).
    failed : str or None
        The run is over: `agent_tool.failed`.
    """

    reply: Mapping[str, Any]
    result: Mapping[str, Any] | None = None
    failed: str | None = None


class AgentToolRun(Protocol):
    """One run, from the parent's call to its result. Its tools are `submit`, `confirm` {}, `decline` {reason}."""

    system_prompt: str
    tools: Sequence[Tool]

    def called(self, name: str, arguments: Mapping[str, Any]) -> Step:
        """The sub-agent's model called a tool of `tools` (or one that there is not)."""
        ...

    def timed_out(self) -> Step:
        """`timeout_s` is over."""
        ...

    def key(self, digit: str) -> Step | None:
        """The caller pressed a key. None: nothing comes of it yet."""
        ...

    def keys_end(self) -> Step | None:
        """He has pressed none for a while."""
        ...


class AgentTool(Protocol):
    """One entry of `agent_tools`."""

    type: str
    tool: Tool  # as the parent's model sees it
    timeout_s: float
    is_private: bool  # what is said meanwhile is kept out of events, the store and recordings

    def begin(self) -> AgentToolRun: ...
