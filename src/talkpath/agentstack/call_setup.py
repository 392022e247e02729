"""An agent as the engine's configuration of one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from talkpath.agentstack.agent import Agent
from talkpath.call.config import CallConfig

AHEAD_MS = 20_000  # of speech that waits in a call: what a voice has made in vain when it is interrupted
_FORMATS = {8000: "pcm_8k", 16000: "pcm_16k", 24000: "pcm_24k"}
# Raw audio: what the app gives is heard as it is, and it decides who speaks.
_UNTOUCHED: dict[str, Any] = {
    "allow_interruptions": False, "echo_control": False, "normalize_level": False, "idle_timeout": None, "speaks_first": "agent",
}  # fmt: skip
_IN_CALL = (  # what an update may change
    "noise_cancellation", "noise_cancellation_level", "semantic_vad", "allow_interruptions", "comfort_noise_enabled", "cng_divisor",
    "plc_enabled", "background_audio", "idle_timeout",
)  # fmt: skip


def call_config(agent: Agent, detection_method: str = "disabled") -> CallConfig:
    """For a call of the agent's.

    Parameters
    ----------
    agent : Agent
    detection_method : {"disabled", "audio", "llm"}
        Of an outbound call. Then nobody is idle before it is known who answered.
    """
    config = CallConfig.from_agent(agent.call)
    fields: dict[str, Any] = {"detection_method": detection_method, "max_queued_ms": AHEAD_MS}
    if detection_method != "disabled":
        fields |= {"idle_timeout": None, "speaks_first": "agent"}
    if agent.mode == "raw":
        return config.replaced(**{**fields, **_UNTOUCHED})
    if agent.has("s2s"):
        fields["audio_format"] = "pcm_24k"
    if not agent.has("stt"):  # nobody gives words that could decide
        return config.replaced(semantic_vad={"min_interruption_words": 0}, **fields)
    words = max(
        1, config.turns.min_interruption_words
    )  # the words decide together with the engine: a nod never interrupts
    return config.replaced(
        audio_format=_FORMATS.get(int(agent.stt.get("sample_rate") or 16000), "pcm_16k"),
        semantic_vad={"min_interruption_words": words},
        **fields,
    )


def changed(old: Agent, new: Agent) -> dict[str, Any]:
    """What `call.update` is to be given."""
    before, after = call_config(old).to_dict(), call_config(new).to_dict()
    return {name: _plain(after[name]) for name in _IN_CALL if before[name] != after[name]}


def without_talk(llm: Mapping[str, Any]) -> dict[str, Any]:
    """What of an agent's `llm` is its provider's."""
    return {name: value for name, value in llm.items() if name not in ("system_prompt", "tools")}


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value
