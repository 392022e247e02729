"""From an agent's dict to an `Agent`: what REST takes at creation, and what changes during a call. Every error names the field's path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from talkpath.agentstack import agent_fields as f
from talkpath.agentstack.agent import Agent, AgentError, Callback, IdleTimeout
from talkpath.agentstack.agent_changes import KINDS, masked, merged
from talkpath.agentstack.agent_mode import check_for, mode_of
from talkpath.agentstack.agent_specs import agent_tools, fallbacks, spec
from talkpath.ambience import NAMES as SOUNDS
from talkpath.call.config import CallConfig
from talkpath.errors import ConfigError

__all__ = ["agent_from_body", "masked", "merged", "updated"]

CALLBACKS = ("hangup", "recording", "ring", "stream_status")
EVENTS = {"metrics_events": False, "vad_events": False, "turn_events": False, "state_events": True}
EXTRA_HEADERS_BYTES = 512
# The engine's fields, and what `CallConfig.from_agent` reads besides. Keys of providers are not among them.
_CALL = (
    *(one.name for one in fields(CallConfig)), "welcome_greeting", "interruption_enabled", "vad", "turn_detector",
)  # fmt: skip
# A call keeps these as it began; the socket is open, the stream runs.
_FIXED = (
    "agent_name", "websocket_url", "agent_tools", "mcp_servers", "participant_mode", "stream", "audio_format", "audio_channels",
    "frame_ms", "detection_method", "greeting_interrupt_duration", "seed",
)  # fmt: skip


def agent_from_body(body: Mapping[str, Any], agent_uuid: str, created_at: str) -> Agent:
    """Check an agent's dict and spell out its defaults.

    Parameters
    ----------
    body : mapping
        Parsed JSON, as REST got it.
    agent_uuid, created_at : str
        What the platform calls it, and when it was made (ISO 8601).

    Raises
    ------
    AgentError
        With the field's path.
    """
    problem = f.unfit(body) if isinstance(body, dict) else None
    if problem:
        raise AgentError("agent", problem)
    given = {name: value for name, value in f.mapping("agent", body).items() if value is not None}
    agent_name = _required(given, "agent_name", f.name)
    websocket_url = _required(given, "websocket_url", f.url("ws", "wss"))
    mode = mode_of(given)
    check_for(mode, given)
    if given.get("participant_mode", "dual") != "dual":
        f.one_of("dual", "multi")("participant_mode", given["participant_mode"])
        raise AgentError("participant_mode", "multi is not served yet")
    if f.listing("mcp_servers", given.get("mcp_servers", ())):
        raise AgentError("mcp_servers", "is not served yet")
    if "background_audio" in given:
        sound = f.mapping("background_audio", given["background_audio"]).get("sound")
        f.one_of(*SOUNDS)("background_audio.sound", sound)  # a name: never a file of the server's
    f.whole(1, 1)("audio_channels", given.get("audio_channels", 1))
    specs = {kind: spec(kind, kind, given[kind]) if kind in given else {} for kind in KINDS}
    if specs["s2s"]:
        specs["llm"] = {name: specs["s2s"][name] for name in ("system_prompt", "tools")}
    call = {name: given[name] for name in _CALL if name in given}
    config = _call_config(call)
    return Agent(
        agent_uuid=agent_uuid,
        agent_name=agent_name,
        websocket_url=websocket_url,
        mode=mode,
        stt=specs["stt"],
        llm=specs["llm"],
        tts=specs["tts"],
        s2s=specs["s2s"],
        stt_fallback=fallbacks("stt", given.get("stt_fallback", ()), specs["stt"]),
        llm_fallback=fallbacks("llm", given.get("llm_fallback", ()), specs["llm"]),
        tts_fallback=fallbacks("tts", given.get("tts_fallback", ()), specs["tts"]),
        agent_tools=agent_tools(given.get("agent_tools", ()), specs["llm"].get("tools", ())),
        mcp_servers=(),
        welcome_greeting=f.text("welcome_greeting", given.get("welcome_greeting", "")),
        speaks_first=config.speaks_first,
        wait_for_user_timeout_s=config.wait_for_user_timeout_s,
        idle_timeout=_idle(given.get("idle_timeout")),
        prefill_cache=f.flag("prefill_cache", given.get("prefill_cache", True)),
        send_on=f.one_of("turn_end", "speaking_stop")("send_on", given.get("send_on", "turn_end")),
        detection_method=config.detection_method,
        tool_call_timeout_s=f.number(1, 300)("tool_call_timeout_s", given.get("tool_call_timeout_s", 30)),
        callbacks=_callbacks(given.get("callbacks", {})),
        events=_events(given.get("events", {})),
        extra_headers={**_extra_headers(given.get("stream")), "agentUuid": agent_uuid},
        call=call,
        body=dict(body),
        created_at=created_at,
    )


def updated(agent: Agent, changes: Mapping[str, Any]) -> Agent:
    """The agent of a call after `agent_session.update`: `changes` lie beside the message's `type`, and merge.

    `system_prompt` and `tools` at the top level are the model's; `tools` replaces the list. An empty `semantic_vad` changes nothing.

    Raises
    ------
    AgentError
        A field is wrong, or is one that a call keeps as it began. Nothing is changed then.
    """
    patch = {name: value for name, value in changes.items() if name != "type" and value is not None}
    for name in _FIXED:
        if name in patch:
            raise AgentError(name, "is fixed during a call")
    problem = f.unfit(patch)
    if problem:
        raise AgentError("agent_session.update", problem)
    if patch.get("semantic_vad") == {}:
        del patch["semantic_vad"]
    model = {name: patch.pop(name) for name in ("system_prompt", "tools") if name in patch}
    if model:
        for name, check in (("system_prompt", f.text), ("tools", f.listing)):
            if name in model:
                check(name, model[name])
        kind = "s2s" if agent.has("s2s") else "llm"
        patch[kind] = {**f.mapping(kind, patch.get(kind, {})), **model}
    new = agent_from_body(merged(agent.body, patch), agent.agent_uuid, agent.created_at)
    if new.mode != agent.mode:
        kind = next(kind for kind in KINDS if new.has(kind) != agent.has(kind))
        raise AgentError(kind, f"cannot come or go during a call (its mode is {agent.mode})")
    return new


# --- parts --------------------------------------------------------------------------------------------------------------


def _required(given: Mapping[str, Any], name: str, check: f.Check) -> str:
    if name not in given:
        raise AgentError(name, "is missing")
    return str(check(name, given[name]))


def _call_config(call: Mapping[str, Any]) -> CallConfig:
    try:
        return CallConfig.from_agent(call)
    except ConfigError as problem:
        path, _, what = str(problem).partition(" ")
        raise AgentError(path, what) from None


def _idle(value: object) -> IdleTimeout | None:
    if value is None:
        return None
    found = {}
    for name in ("reminder_message", "hangup_message"):
        said = f.mapping("idle_timeout", value).get(name)
        found[name] = f.text(f"idle_timeout.{name}", said) or None if said is not None else None
    return IdleTimeout(**found)


def _callbacks(value: object) -> dict[str, Callback]:
    found = {}
    for name, one in f.mapping("callbacks", value).items():
        path = f"callbacks.{name}"
        if name not in CALLBACKS:
            raise AgentError(path, f"is not known; there are {', '.join(CALLBACKS)}")
        if one is None:
            continue
        given = f.mapping(path, one)
        url = f.url("http", "https")(f"{path}.url", given.get("url"))
        method = f.word_of("post", "get")(f"{path}.method", given.get("method") or "POST").upper()
        found[name] = Callback(url, method)
    return found


def _events(value: object) -> dict[str, bool]:
    given = f.mapping("events", value)
    return {
        name: f.flag(f"events.{name}", given[name]) if given.get(name) is not None else default
        for name, default in EVENTS.items()
    }


def _extra_headers(stream: object) -> dict[str, str]:
    """Node turns their names to snake_case, so an underscore is taken, too."""
    if not isinstance(stream, Mapping):
        return {}
    if stream.get("stream_timeout") is not None:
        f.whole(1, 86_400)("stream.stream_timeout", stream["stream_timeout"])
    found = {}
    given = stream.get("extra_headers")
    for name, value in f.mapping("stream.extra_headers", {} if given is None else given).items():
        path = f"stream.extra_headers.{name[:32]}"
        plain = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for what, one in (("name", name), ("value", plain)):
            if not isinstance(one, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", one):
                raise AgentError(path, f"must have a {what} of letters and digits (got {f.shown(one)})")
        found[name] = str(plain)
    if sum(len(name) + len(value) for name, value in found.items()) > EXTRA_HEADERS_BYTES:
        raise AgentError("stream.extra_headers", f"must not hold more than {EXTRA_HEADERS_BYTES} bytes")
    return found
