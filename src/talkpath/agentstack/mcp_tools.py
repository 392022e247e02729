"""Tools of MCP servers: found at a session's start, called by the platform, never by the app. By the official package (extra `mcp`).

Source: modelcontextprotocol.io, "Tools", "Transports". `reference/agentstack.md` of the design, section 3 (`mcp_servers`) and 15.14.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from talkpath.agentstack.conversation.app_tools import Outcome
from talkpath.agentstack.providers.base import Tool, ToolCall

log = logging.getLogger("talkpath.agentstack")

CONNECT_S = 5.0  # where a server names no time of its own
MOST_CHARS = 20_000  # of a result: a model reads no more in the time of a call
MOST_TOOLS = 128


class McpTools:
    """Of one session.

    Parameters
    ----------
    servers : sequence of mapping
        The agent's `mcp_servers`, checked.
    names : callable
        Gives the names that other tools have already.
    on_problem : callable
        (code, message).
    allows_stdio : bool
        Servers may be programs that are started on this machine.
    """

    def __init__(
        self,
        servers: Sequence[Mapping[str, Any]],
        names: Callable[[], Collection[str]],
        on_problem: Callable[[str, str], None],
        allows_stdio: bool,
    ) -> None:
        self._servers, self._names, self._on_problem, self._allows_stdio = servers, names, on_problem, allows_stdio
        self.tools: tuple[Tool, ...] = ()
        self._at: dict[str, tuple[Any, str]] = {}  # whose it is, and its name there

    async def run(self) -> None:
        """Connect to all of them, and hold the connections until cancelled."""
        await asyncio.gather(*(self._serve(server) for server in self._servers))

    def has(self, name: str) -> bool:
        """It is one of theirs."""
        return name in self._at

    async def call(self, call: ToolCall, timeout_s: float) -> Outcome:
        """Have it run."""
        session, name = self._at[call.name]
        try:
            async with asyncio.timeout(timeout_s):
                result = await session.call_tool(name, dict(call.arguments))
        except TimeoutError:
            return Outcome({"error": f"the tool gave no answer within {timeout_s:g} s"}, True, True)
        except Exception as problem:  # whatever its server, or its transport, does: the talk goes on
            return Outcome({"error": f"the tool failed: {_said(problem)}"}, True)
        text = _text_of(result)
        return Outcome({"error": text}, True) if result.is_error else Outcome(text)

    async def _serve(self, server: Mapping[str, Any]) -> None:
        what, session = server.get("url") or server.get("command"), None
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(float(server.get("timeout") or CONNECT_S)):
                    session = await self._connect(stack, server)
                    listed = await session.list_tools()
                self._take(server, session, listed.tools)
                await asyncio.Event().wait()
        except ImportError:
            self._on_problem("mcp_error", "mcp_servers need the extra: pip install 'talkpath[mcp]'")
        except Exception as problem:
            self._on_problem("mcp_error", f"{what}: {_said(problem)}; its tools are left out")
        finally:
            gone = {name for name, (owner, _) in self._at.items() if owner is session}
            self._at = {name: at for name, at in self._at.items() if name not in gone}
            self.tools = tuple(tool for tool in self.tools if tool.name not in gone)

    async def _connect(self, stack: AsyncExitStack, server: Mapping[str, Any]) -> Any:
        if server["type"] == "stdio":
            if not self._allows_stdio:
                raise PermissionError("programs are not started here (TALKPATH_MCP_STDIO)")
            return await stack.enter_async_context(_program(server))
        wanted = server.get("transport_type")
        if wanted != "sse":
            try:
                return await stack.enter_async_context(_streamable(server))
            except Exception:
                if wanted == "streamable_http":
                    raise
        return await stack.enter_async_context(_sse(server))

    def _take(self, server: Mapping[str, Any], session: Any, tools: Sequence[Any]) -> None:
        allowed = server.get("allowed_tools")
        taken = {*self._names(), *self._at}
        found = []
        for tool in tools:
            if allowed is not None and tool.name not in allowed:
                continue
            name = re.sub(r"[^A-Za-z0-9_-]", "_", tool.name)[:64]
            if name in taken or len(self._at) >= MOST_TOOLS:
                self._on_problem(
                    "mcp_error", f"{tool.name}: another tool has this name, or there are too many; it is left out"
                )
                continue
            taken.add(name)
            self._at[name] = session, tool.name
            schema = tool.input_schema if isinstance(tool.input_schema, Mapping) else {}
            found.append(Tool(name, str(tool.description or "")[:1024], {"type": "object", "properties": {}, **schema}))
        self.tools += tuple(found)


# Each transport has a group of tasks inside: it ends as it began, in one task and one `async with`, or a fault of one would cancel the others.


@asynccontextmanager
async def _streamable(server: Mapping[str, Any]) -> AsyncIterator[Any]:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    async with (
        create_mcp_http_client(dict(server.get("headers") or {})) as client,
        streamable_http_client(server["url"], http_client=client) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def _sse(server: Mapping[str, Any]) -> AsyncIterator[Any]:
    from mcp import ClientSession
    from mcp.client.sse import sse_client

    async with (
        sse_client(server["url"], dict(server.get("headers") or {})) as streams,
        ClientSession(*streams) as session,
    ):
        await session.initialize()
        yield session


@asynccontextmanager
async def _program(server: Mapping[str, Any]) -> AsyncIterator[Any]:
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(
        command=server["command"], args=list(server["args"]), env=server["env"], cwd=server["cwd"]
    )
    with open(os.devnull, "w") as quiet:  # what it writes there is nobody's
        async with stdio_client(parameters, quiet) as streams, ClientSession(*streams) as session:
            await session.initialize()
            yield session


def _text_of(result: Any) -> str:
    """What a tool gave, as a model reads it."""
    parts = [
        part.text if getattr(part, "type", "") == "text" else f"({getattr(part, 'type', 'something')})"
        for part in result.content or ()
    ]
    return "\n".join(parts)[:MOST_CHARS]


def _said(problem: BaseException) -> str:
    """The innermost of what went wrong: transports wrap it."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return f"{type(problem).__name__}: {problem}"[:200] if str(problem) else type(problem).__name__
