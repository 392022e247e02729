"""An agent: what its dict says, checked and with every default spelt out. Filled by `agent_body.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# A mode, and whose work the platform does in it.
PARTS = {
    "full": ("stt", "llm", "tts"),
    "customer_llm": ("stt", "tts"),  # the app's own model: it gets the words, and streams the answer
    "stt": ("stt",),  # the app gets the words, and answers with sounds
    "tts": ("tts",),  # the app gives the words; keys come back
    "raw": (),  # the app gets the sound, and gives it
    "s2s": ("s2s",),
}


class AgentError(ValueError):
    """A field of an agent is wrong. `path` names it ("llm.tools[2].name")."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path} {problem}")
        self.path = path


@dataclass(frozen=True, slots=True)
class Callback:
    """Where an HTTP callback goes."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """`idle_timeout`: the engine keeps its clocks, the conversation says its words."""

    reminder_message: str | None  # None: the model words it
    hangup_message: str | None


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent, as a call uses it. A call keeps the one that it began with.

    Attributes
    ----------
    mode : {"full", "customer_llm", "stt", "tts", "raw", "s2s"}
        What of the work is the platform's (`PARTS`); see `agent_mode`.
    stt, llm, tts : mapping
        With their defaults, keys as the agent gave them ("" and absent: the server's). Empty: the mode has none.
        Of a model that hears and speaks (`s2s`) `llm` holds what it is told: prompt and tools.
    call : mapping
        The agent's body as `CallConfig.from_agent` takes it.
    body : mapping
        What was asked for, as REST gives it back (keys not masked yet).
    """

    agent_uuid: str
    agent_name: str
    websocket_url: str
    mode: str
    stt: Mapping[str, Any]
    llm: Mapping[str, Any]
    tts: Mapping[str, Any]
    s2s: Mapping[str, Any]
    stt_fallback: tuple[Mapping[str, Any], ...]
    llm_fallback: tuple[Mapping[str, Any], ...]
    tts_fallback: tuple[Mapping[str, Any], ...]
    agent_tools: tuple[Mapping[str, Any], ...]  # {type, config} with defaults
    mcp_servers: tuple[Mapping[str, Any], ...]
    welcome_greeting: str
    speaks_first: str  # "agent" | "user"
    wait_for_user_timeout_s: float
    idle_timeout: IdleTimeout | None
    prefill_cache: bool
    send_on: str  # "turn_end" | "speaking_stop"
    detection_method: str  # "disabled" | "audio" | "llm"
    tool_call_timeout_s: float
    callbacks: Mapping[str, Callback]  # "hangup", "recording", "ring", "stream_status"
    events: Mapping[str, bool]  # metrics_events, vad_events, turn_events, state_events
    extra_headers: Mapping[str, str]
    call: Mapping[str, Any]
    body: Mapping[str, Any]
    created_at: str  # ISO 8601

    def has(self, kind: str) -> bool:
        """Whether the platform does the work of "stt", "llm", "tts" or "s2s"."""
        return kind in PARTS[self.mode]

    @property
    def speaks(self) -> bool:
        """The platform can say words that it is given."""
        return self.has("tts") or self.has("s2s")

    @property
    def thinks(self) -> bool:
        """The platform has a model for it."""
        return self.has("llm") or self.has("s2s")
