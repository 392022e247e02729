"""What a model is told and may call: the agent's prompt and tools, or a sub-agent's while one collects something."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from talkpath.agentstack.agent_tools.base import AgentTool, AgentToolRun
from talkpath.agentstack.mcp_tools import McpTools
from talkpath.agentstack.providers.base import Tool, ToolCall

EXTEND_WAIT = Tool(
    "extend_wait",
    "The caller asked for more time, or to hold on: wait longer before asking whether they are still there.",
)


@dataclass
class SubAgent:
    """An agent tool at work."""

    tool: AgentTool
    run: AgentToolRun
    call: ToolCall  # the parent's
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


def tools_of(llm: Mapping[str, Any]) -> tuple[Tool, ...]:
    """`llm.tools`, in the platform's flat form."""
    return tuple(
        Tool(t["name"], t.get("description") or "", t.get("parameters") or {"type": "object", "properties": {}})
        for t in llm.get("tools") or ()
    )


class Mind:
    """Of one call."""

    def __init__(
        self, system_prompt: str, tools: Sequence[Tool], agent_tools: Sequence[AgentTool], may_wait: bool
    ) -> None:
        self.system_prompt, self.app_tools, self.may_wait = system_prompt, tuple(tools), may_wait
        self._agent_tools = {found.tool.name: found for found in agent_tools}
        self.sub: SubAgent | None = None
        self.mcp: McpTools | None = None

    @property
    def prompt(self) -> str:
        """The system text of now."""
        return self.system_prompt if self.sub is None else self.sub.run.system_prompt

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the model may call now."""
        if self.sub is not None:
            return tuple(self.sub.run.tools)
        own = tuple(found.tool for found in self._agent_tools.values())
        theirs = self.mcp.tools if self.mcp is not None else ()
        return self.app_tools + own + theirs + ((EXTEND_WAIT,) if self.may_wait else ())

    def is_mcp(self, name: str) -> bool:
        """An MCP server's, and no other's."""
        return self.mcp is not None and self.mcp.has(name) and not any(tool.name == name for tool in self.app_tools)

    def own_names(self) -> set[str]:
        """Names that are taken."""
        return {*(tool.name for tool in self.app_tools), *self._agent_tools, EXTEND_WAIT.name}

    def agent_tool(self, name: str) -> AgentTool | None:
        """The sub-agent of that name, where no other is at work."""
        return self._agent_tools.get(name) if self.sub is None else None

    def is_agent_tool(self, name: str) -> bool:
        """A sub-agent has that name, whether it can begin now or not."""
        return name in self._agent_tools

    def is_sub_tool(self, name: str) -> bool:
        """A tool of the sub-agent at work."""
        return self.sub is not None and any(tool.name == name for tool in self.sub.run.tools)
