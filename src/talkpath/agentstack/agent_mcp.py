"""`mcp_servers` of an agent, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkpath.agentstack import agent_fields as f
from talkpath.agentstack.agent import AgentError

MOST_SERVERS = 16


def mcp_servers(value: object) -> tuple[dict[str, Any], ...]:
    """`type` "http" with `url`, or "stdio" with `command`. Raises `AgentError`."""
    return tuple(
        _server(f"mcp_servers[{i}]", one) for i, one in enumerate(f.listing("mcp_servers", value, MOST_SERVERS))
    )


def _server(path: str, value: object) -> dict[str, Any]:
    given = {name: found for name, found in f.mapping(path, value).items() if found is not None}
    kind = f.one_of("http", "stdio")(f"{path}.type", given.get("type"))
    found: dict[str, Any] = {"type": kind, "timeout": f.number(0.1, 60)(f"{path}.timeout", given.get("timeout", 5.0))}
    if "allowed_tools" in given:
        found["allowed_tools"] = _texts(f"{path}.allowed_tools", given["allowed_tools"])
    if kind == "http":
        found["url"] = f.url("http", "https")(f"{path}.url", given.get("url"))
        found["headers"] = _named(f"{path}.headers", given.get("headers", {}))
        if "transport_type" in given:
            found["transport_type"] = f.one_of("sse", "streamable_http")(
                f"{path}.transport_type", given["transport_type"]
            )
        return found
    found["command"] = f.name(f"{path}.command", given.get("command"))
    found["args"] = _texts(f"{path}.args", given.get("args", []))
    found["env"] = _named(f"{path}.env", given["env"]) if "env" in given else None
    found["cwd"] = f.text(f"{path}.cwd", given["cwd"]) if "cwd" in given else None
    return found


def _texts(path: str, value: object) -> list[str]:
    return [str(f.text(f"{path}[{i}]", one)) for i, one in enumerate(f.listing(path, value))]


def _named(path: str, value: object) -> dict[str, str]:
    found = {}
    for name, one in f.mapping(path, value).items():
        text = f.text(f"{path}.{name[:32]}", one)
        if any(ord(c) < 32 for c in name + text):
            raise AgentError(f"{path}.{name[:32]}", "must have no control characters")
        found[name] = text
    return found


def starts_programs(servers: tuple[Mapping[str, Any], ...]) -> bool:
    """One of them is a program of this machine."""
    return any(server["type"] == "stdio" for server in servers)
