"""MCP servers: real ones on this machine, by three transports; what fails is left out."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")
pytest.importorskip("uvicorn", reason="the extra `agentstack` is not installed")

import uvicorn
from mcp.server import MCPServer

from talkpath.agentstack.agent_changes import masked, merged
from talkpath.agentstack.agent_mcp import mcp_servers, starts_programs
from talkpath.agentstack.mcp_tools import McpTools
from talkpath.agentstack.providers.base import ToolCall

pytestmark = pytest.mark.realtime

PROGRAM = """
from mcp.server import MCPServer
server = MCPServer("stock")
@server.tool()
def in_stock(item: str) -> str:
    "Whether there is some."
    return f"{item}: 3"
server.run("stdio")
"""


def shop() -> MCPServer:
    server = MCPServer("shop")

    @server.tool(name="look.up")
    def look_up(order_id: str) -> str:
        """Finds an order."""
        return f"{order_id} was shipped"

    @server.tool()
    def fails() -> str:
        """Never works."""
        raise ValueError("out of order")

    @server.tool()
    async def sleeps() -> str:
        """Takes its time."""
        await asyncio.sleep(30)
        return "late"

    return server


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """A URL where it answers."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    work = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await work


class World:
    """Tools of some servers, and what was said of them."""

    def __init__(self, *servers: dict[str, Any], allows_stdio: bool = False, names: tuple[str, ...] = ()) -> None:
        self.problems: list[str] = []
        self.tools = McpTools(
            mcp_servers(list(servers)),
            lambda: names,
            lambda code, text: self.problems.append(f"{code}: {text}"),
            allows_stdio,
        )

    async def __aenter__(self) -> "World":
        self._work = asyncio.create_task(self.tools.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._work.cancel()
        await asyncio.wait({self._work}, timeout=10)

    async def found(self, count: int) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.tools.tools) < count:
                await asyncio.sleep(0.02)
        return [tool.name for tool in self.tools.tools]

    async def call(self, name: str, timeout_s: float = 10.0, **arguments: Any) -> Any:
        return await self.tools.call(ToolCall("c", name, arguments, ""), timeout_s)


@pytest.mark.parametrize(
    ("way", "wanted"), [("streamable", None), ("streamable", "streamable_http"), ("sse", None), ("sse", "sse")]
)
def test_over_http(way: str, wanted: str | None) -> None:
    async def main() -> None:
        app = shop().streamable_http_app() if way == "streamable" else shop().sse_app()
        async with served(app) as url:
            server = {
                "type": "http",
                "url": f"{url}/{'mcp' if way == 'streamable' else 'sse'}",
                "transport_type": wanted,
            }
            async with World(server) as world:
                assert await world.found(3) == ["look_up", "fails", "sleeps"]  # a name that a model can write
                assert "order_id" in world.tools.tools[0].parameters["properties"]
                assert await world.call("look_up", order_id="A1") == ("A1 was shipped", False, False)
                failed = await world.call("fails")
                assert failed.is_error
                assert "out of order" in str(failed.result) or "fails" in str(failed.result)
                late = await world.call("sleeps", 0.3)
                assert (late.is_error, late.is_late) == (True, True)
                assert world.problems == []

    asyncio.run(main())


def test_a_program(tmp_path: Path) -> None:
    program = tmp_path / "stock.py"
    program.write_text(PROGRAM)
    server = {"type": "stdio", "command": sys.executable, "args": [str(program)], "timeout": 20}

    async def main() -> None:
        async with World(server, allows_stdio=True) as world:
            assert await world.found(1) == ["in_stock"]
            assert (await world.call("in_stock", item="tea")).result == "tea: 3"
        async with World(server) as world:
            await asyncio.sleep(0.2)
            assert world.tools.tools == ()
            assert "TALKPATH_MCP_STDIO" in world.problems[0]

    asyncio.run(main())
    assert starts_programs(mcp_servers([server]))


def test_what_fails_is_left_out_and_the_rest_stays() -> None:
    async def main() -> None:
        async with served(shop().streamable_http_app()) as url:
            servers = [
                {"type": "http", "url": "http://127.0.0.1:9/mcp", "timeout": 2},
                {"type": "http", "url": f"{url}/mcp", "allowed_tools": ["look.up", "fails"]},
            ]
            async with World(*servers, names=("fails",)) as world:
                assert await world.found(1) == ["look_up"]
                async with asyncio.timeout(10):
                    while len(world.problems) < 2:
                        await asyncio.sleep(0.02)
                assert sorted(one.split(":")[0] for one in world.problems) == ["mcp_error", "mcp_error"]
                assert any("127.0.0.1:9" in one for one in world.problems)
                assert any("another tool" in one for one in world.problems)

    asyncio.run(main())


def test_values_of_headers_are_shown_to_nobody() -> None:
    body = {
        "mcp_servers": [{"type": "http", "url": "http://x", "headers": {"Authorization": "Bearer 0123456789abcdef"}}]
    }
    shown = masked(body)["mcp_servers"][0]
    assert shown["headers"] == {"Authorization": "****cdef"}
    assert merged(body, {"mcp_servers": [shown]}) == body
    moved = merged(body, {"mcp_servers": [{**shown, "url": "http://elsewhere"}]})
    assert moved["mcp_servers"][0]["headers"] == {"Authorization": ""}  # what was one server's goes to no other
