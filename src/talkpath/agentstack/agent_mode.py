"""What an agent does follows from what its dict has. There is no field for it.

Source: `reference/agentstack.md` of the design, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkpath.agentstack import agent_fields as f
from talkpath.agentstack.agent import PARTS, AgentError
from talkpath.agentstack.agent_changes import KINDS


def mode_of(given: Mapping[str, Any]) -> str:
    """The mode of an agent's dict without its nulls.

    Raises
    ------
    AgentError
        What is there fits no mode, or is not served.
    """
    present = tuple(kind for kind in KINDS if kind in given)
    for kind in present:
        f.mapping(kind, given[kind])
    for kind in ("stt", "llm", "tts"):
        if f"{kind}_fallback" in given and kind not in present:
            raise AgentError(f"{kind}_fallback", f"needs {kind}")
    if "s2s" in present:
        others = present[:-1]
        if others:
            raise AgentError("s2s", f"excludes {' and '.join(others)}")
    for mode, parts in PARTS.items():
        if parts == present:
            return mode
    missing = "stt" if "stt" not in present else "tts"
    raise AgentError(missing, "is missing: llm needs stt and tts")


def check_for(mode: str, given: Mapping[str, Any]) -> None:
    """What an agent of that mode cannot do, though its dict asks for it. Raises `AgentError`."""
    parts = PARTS[mode]
    speaks, thinks = "tts" in parts or "s2s" in parts, "llm" in parts or "s2s" in parts
    if given.get("welcome_greeting") and not speaks:
        raise AgentError("welcome_greeting", "needs tts")
    if given.get("agent_tools") and "llm" not in parts:
        raise AgentError("agent_tools", "needs llm: it is the platform's model that asks")
    if given.get("detection_method") == "llm" and "llm" not in parts:
        raise AgentError("detection_method", "llm needs stt, llm and tts; audio needs none")
    idle = given.get("idle_timeout")
    if isinstance(idle, Mapping):
        if mode == "raw":
            raise AgentError("idle_timeout", "needs stt, tts or s2s: nothing is known of turns in raw audio")
        if speaks and not thinks and not idle.get("reminder_message"):
            raise AgentError("idle_timeout.reminder_message", "is missing: without llm nobody words it")
        for name in ("reminder_message", "hangup_message"):
            if idle.get(name) and not speaks:
                raise AgentError(f"idle_timeout.{name}", "needs tts")
