"""Who hears, answers and speaks for an agent: `stt`, `llm`, `tts`, or `s2s` alone, their fallbacks and tools, with every default spelt out.

A field that is absent here and has no default is the provider's own to choose. What is not known is passed on as it came: providers have
more parameters than we name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from talkpath.agentstack import agent_fields as f
from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools.registry import AGENT_TOOLS, agent_tool

_BASE_URL = f.url("http", "https")
_ZERO_TO_ONE = f.number(0, 1)
_PCM = ("pcm_8000", "pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100")
LOCAL = "local"  # the embedded default, by name


def _endpointing(path: str, value: object) -> int | bool:
    return False if value is False else f.whole(0, 60_000)(path, value)


def _rate(path: str, value: object) -> int:
    rate: int = f.whole(8000, 48_000)(path, value)
    if rate not in (8000, 16000, 22050, 24000, 44100, 48000):
        raise AgentError(path, f"must be 8000, 16000, 22050, 24000, 44100 or 48000 (got {rate})")
    return rate


def _heard_rate(path: str, value: object) -> int:
    rate: int = f.whole(8000, 48_000)(path, value)
    if rate not in (8000, 16000, 24000):
        raise AgentError(path, f"must be 8000, 16000 or 24000 (got {rate})")
    return rate


def _output_format(path: str, value: object) -> str:
    """A caller hears the same from either: what is asked for as MP3 is fetched as PCM."""
    if isinstance(value, str) and re.fullmatch(r"mp3(_[0-9]+){0,2}", value):
        return "pcm_16000"
    return str(f.one_of(*_PCM, "mp3_44100")(path, value))


_ACCESS: dict[str, f.Check] = {"model": f.text, "api_key": f.secret, "base_url": _BASE_URL}
CHECKS: dict[str, dict[str, f.Check]] = {
    "stt": {
        "provider": f.word_of("deepgram", "google", "azure", "assemblyai", "groq", "openai", LOCAL),
        **_ACCESS, "language": f.text, "encoding": f.one_of("linear16"), "sample_rate": _heard_rate, "endpointing": _endpointing,
        **dict.fromkeys(("interim_results", "smart_format", "punctuate", "profanity_filter", "no_delay", "filler_words"), f.flag),
    },
    "llm": {
        "provider": f.word_of("openai", "anthropic", "groq", "google", "azure", "together", "fireworks", "perplexity", "mistral", LOCAL),
        **_ACCESS, "temperature": f.number(0, 2), "max_tokens": f.whole(1, 1_000_000),
        "reasoning_effort": f.one_of("low", "medium", "high"), "script": f.mapping, "system_prompt": f.text,
        "azure_deployment": f.text, "azure_endpoint": _BASE_URL, "api_version": f.text,
    },
    "tts": {
        "provider": f.word_of("elevenlabs", "cartesia", "google", "azure", "openai", "deepgram", LOCAL),
        **_ACCESS, "voice": f.text, "voice_id": f.text, "model_id": f.text, "language": f.text, "region": f.one_of("us", "in"),
        "output_format": _output_format, "sample_rate": _rate, "use_speaker_boost": f.flag, "speed": f.number(0.1, 4),
        **dict.fromkeys(("stability", "similarity_boost", "style"), _ZERO_TO_ONE),
    },
    "s2s": {
        "provider": f.word_of("openai_realtime", "gemini_live", "azure_openai"),
        **_ACCESS, "voice": f.text, "system_prompt": f.text, "speed": f.number(0.25, 1.5),
        "transcriber": f.text, "max_output_tokens": f.whole(1, 4096), "azure_deployment": f.text, "azure_endpoint": _BASE_URL, "api_version": f.text,
    },
}  # fmt: skip
_DEFAULTS: dict[str, dict[str, Any]] = {
    "stt": {
        "provider": "deepgram", "api_key": "", "base_url": "", "language": "en", "encoding": "linear16", "sample_rate": 16000,
        "endpointing": 25, "interim_results": True, "smart_format": False, "punctuate": True, "profanity_filter": False,
        "no_delay": True, "filler_words": True,
    },
    "llm": {"provider": "openai", "api_key": "", "base_url": "", "temperature": 0.2, "system_prompt": "", "tools": ()},
    "tts": {"provider": "elevenlabs", "api_key": "", "base_url": "", "region": "us", "output_format": "pcm_16000"},
    "s2s": {"provider": "openai_realtime", "api_key": "", "base_url": "", "system_prompt": "", "tools": ()},
}  # fmt: skip
_MODELS = {
    ("stt", "deepgram"): "nova-3",
    ("stt", "groq"): "whisper-large-v3",
    ("stt", "openai"): "gpt-4o-transcribe",
    ("llm", "openai"): "gpt-4.1-mini",
    ("llm", "anthropic"): "claude-sonnet-4-20250514",
    ("llm", "groq"): "llama-3.3-70b-versatile",
    ("tts", "elevenlabs"): "eleven_flash_v2_5",
    ("tts", "cartesia"): "sonic-english",
    ("tts", "openai"): "gpt-4o-mini-tts",
    ("tts", "deepgram"): "aura-2-thalia-en",
    ("s2s", "openai_realtime"): "gpt-realtime",
    ("s2s", "azure_openai"): "gpt-realtime",
}
_VOICES = {"elevenlabs": "sarah", "openai": "alloy"}
# "" there counts as absent.
_NOT_EMPTY = ("provider", "model", "model_id", "base_url", "language", "voice", "voice_id", "region", "azure_endpoint")
_REASONING_MODEL = re.compile(r"o[0-9]")


def spec(kind: str, path: str, value: object) -> dict[str, Any]:
    """An agent's "stt", "llm", "tts" or "s2s", checked. Raises `AgentError`."""
    given = {
        key: field
        for key, field in f.mapping(path, value).items()
        if field is not None and not (field == "" and key in _NOT_EMPTY)
    }
    found = {**_DEFAULTS[kind], **given}
    for key, check in CHECKS[kind].items():
        if key in given:
            found[key] = check(f"{path}.{key}", given[key])
    provider = found["provider"]
    if kind == "tts" and "sample_rate" in given and "output_format" not in given:
        found["output_format"] = f"pcm_{found['sample_rate']}"
    if kind == "tts":  # Cartesia's own names for the two
        found.setdefault("voice", found.get("voice_id") or _VOICES.get(provider, ""))
        found.setdefault("model", found.get("model_id") or _MODELS.get((kind, provider), ""))
    found.setdefault("model", _MODELS.get((kind, provider), ""))
    if kind in ("llm", "s2s"):
        if kind == "llm" and _REASONING_MODEL.match(found["model"]):
            found.setdefault("reasoning_effort", "low")
        found["tools"] = tools(f"{path}.tools", found["tools"])
    return found


def fallbacks(kind: str, value: object, primary: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """`stt_fallback`, `llm_fallback` or `tts_fallback`; models inherit prompt and tools."""
    path = f"{kind}_fallback"
    found = [spec(kind, f"{path}[{i}]", one) for i, one in enumerate(f.listing(path, value, 8))]
    if kind == "llm":
        for one, asked in zip(found, value, strict=True):  # type: ignore[call-overload]
            if not asked.get("system_prompt"):
                one["system_prompt"] = primary["system_prompt"]
            if not asked.get("tools"):
                one["tools"] = primary["tools"]
    return tuple(found)


def tools(path: str, value: object) -> tuple[dict[str, Any], ...]:
    """`llm.tools`: name, description and JSON schema, flat."""
    found: list[dict[str, Any]] = []
    names: set[str] = set()
    for i, one in enumerate(f.listing(path, value)):
        at = f"{path}[{i}]"
        given = f.mapping(at, one)
        name = _tool_name(f"{at}.name", given.get("name"))
        if name in names:
            raise AgentError(f"{at}.name", f"is there twice ({name!r})")
        names.add(name)
        description = f.text(f"{at}.description", given.get("description") or "")
        schema = f.mapping(f"{at}.parameters", given.get("parameters") or {})
        if schema.get("type", "object") != "object":
            raise AgentError(f"{at}.parameters.type", f"must be object (got {f.shown(schema['type'])})")
        f.mapping(f"{at}.parameters.properties", schema.get("properties", {}))
        for j, required in enumerate(f.listing(f"{at}.parameters.required", schema.get("required") or [])):
            f.text(f"{at}.parameters.required[{j}]", required)
        parameters = {"type": "object", "properties": {}, **schema}
        found.append({"name": name, "description": description, "parameters": parameters})
    return tuple(found)


def _tool_name(path: str, value: object) -> str:
    if value is None:
        raise AgentError(path, "is missing")
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value):
        raise AgentError(path, f"must be 1 to 64 letters, digits, _ or - (got {f.shown(value)})")
    return value


# --- agent tools --------------------------------------------------------------------------------------------------------

_TOOL_CHECKS: dict[str, f.Check] = {
    "tool_name": _tool_name, "tool_description": f.text, "require_confirmation": f.flag, "timeout_s": f.number(1, 3600),
    "on_enter_message": f.text, "instructions": f.text,
}  # fmt: skip


def agent_tools(value: object, others: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """`agent_tools`: {type, config} with defaults. `others`: the tools of `llm`, which share their names' space."""
    names = {tool["name"] for tool in others}
    found = []
    for i, one in enumerate(f.listing("agent_tools", value, 32)):
        path = f"agent_tools[{i}]"
        given = f.mapping(path, one)
        kind = f.one_of(*AGENT_TOOLS)(f"{path}.type", given.get("type"))
        raw = f.mapping(f"{path}.config", given.get("config") or {})
        config = {key: field for key, field in raw.items() if field is not None}
        for key, check in _TOOL_CHECKS.items():
            if key in config:
                config[key] = check(f"{path}.config.{key}", config[key])
        try:
            made = agent_tool({"type": kind, "config": config})
        except AgentError as problem:
            raise AgentError(f"{path}.{problem.path}", str(problem).removeprefix(f"{problem.path} ")) from None
        config |= {"tool_name": made.tool.name, "tool_description": made.tool.description, "timeout_s": made.timeout_s}
        if config["tool_name"] in names:
            raise AgentError(f"{path}.config.tool_name", f"is another tool's name, too ({config['tool_name']!r})")
        names.add(config["tool_name"])
        found.append({"type": kind, "config": config})
    return tuple(found)
