"""OpenAI's Realtime protocol, without I/O: a model that hears and speaks. What is sent, what its events mean.

Sources: platform.openai.com, "Realtime API" (client events, server events), the types of PyPI's `openai` (`openai.types.realtime`);
learn.microsoft.com, "Realtime audio" (Azure's addresses). Names of the preview (`response.audio.delta`, …) are taken too. Not verified against the
services themselves.

The engine decides about turns: the service's own detection is off, audio is committed and answers are asked for here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from talkpath.agentstack.plain import whole_text
from talkpath.agentstack.providers.base import (
    Audio,
    ChatMessage,
    Delta,
    Finished,
    ProviderError,
    Spec,
    Text,
    Tool,
    ToolCall,
    Transcript,
)
from talkpath.agentstack.providers.urls import http_base, ws_base

PROVIDER, AZURE = "openai_realtime", "azure_openai"
BASE_URL = "https://api.openai.com/v1"
MODEL, VOICE = "gpt-realtime", "alloy"
RATE_HZ = 24000  # the one rate of its PCM
LEAST_COMMIT_MS = 100  # a shorter piece is refused
TRANSCRIBER = "gpt-4o-mini-transcribe"
AZURE_VERSION = "2024-10-01-preview"


def url_of(spec: Spec, base_url: str | None) -> str:
    """Where to connect."""
    if spec.get("provider") == AZURE:
        where = str(spec.get("azure_endpoint") or base_url or "")
        if not where:
            raise ProviderError("azure_openai needs azure_endpoint", "bad_request", AZURE)
        deployment = spec.get("azure_deployment") or spec.get("model") or MODEL
        query = {"api-version": spec.get("api_version") or AZURE_VERSION, "deployment": deployment}
        return f"{ws_base(where, '').rstrip('/').removesuffix('/openai')}/openai/realtime?{urlencode(query)}"
    base = ws_base(base_url or BASE_URL).removesuffix("/realtime")
    return f"{base}/realtime?{urlencode({'model': spec.get('model') or MODEL})}"


def headers(spec: Spec, key: str | None) -> dict[str, str]:
    """A server of one's own may want no key."""
    if not key:
        return {}
    return {"api-key": key} if spec.get("provider") == AZURE else {"Authorization": f"Bearer {key}"}


def key_requests(spec: Spec, key: str | None, base_url: str | None) -> tuple[list[str], dict[str, str]]:
    """What tells whether a key is good."""
    if spec.get("provider") == AZURE:
        return [], headers(spec, key)
    return [f"{http_base(base_url or BASE_URL).removesuffix('/realtime')}/models"], headers(spec, key)


def session_update(spec: Spec, instructions: str, tools: Sequence[Tool]) -> str:
    """The session as this agent wants it."""
    form = {"type": "audio/pcm", "rate": RATE_HZ}
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": instructions,
        "audio": {
            "input": {"format": form, "turn_detection": None, "transcription": {"model": spec.get("transcriber") or TRANSCRIBER}},
            "output": {"format": form, "voice": spec.get("voice") or VOICE},
        },
        "tools": [{"type": "function", "name": t.name, "description": t.description, "parameters": t.parameters} for t in tools],
        "tool_choice": "auto",
    }  # fmt: skip
    for name in ("speed", "max_output_tokens"):
        if spec.get(name) is not None:
            (session["audio"]["output"] if name == "speed" else session)[name] = spec[name]
    return _event("session.update", session=session)


def append(pcm: bytes) -> str:
    """The caller's sound: int16, `RATE_HZ`."""
    return _event("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())


COMMIT = '{"type": "input_audio_buffer.commit"}'
CLEAR = '{"type": "input_audio_buffer.clear"}'


def respond(instructions: str | None = None) -> str:
    """Answer now; `instructions` for this answer alone."""
    return _event("response.create", **({} if instructions is None else {"response": {"instructions": instructions}}))


def cancel(response_id: str) -> str:
    """Nobody wants the rest."""
    return _event("response.cancel", **({"response_id": response_id} if response_id else {}))


def truncate(item_id: str, audio_ms: int) -> str:
    """So much of it was heard: the model forgets the rest."""
    return _event("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=audio_ms)


def tool_output(call_id: str, output: str) -> str:
    """What a tool gave."""
    return _event(
        "conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": output}
    )


def message(role: str, text: str) -> str:
    """Words that the model should know: "user", "assistant" or "system"."""
    kind = "output_text" if role == "assistant" else "input_text"
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return _event("conversation.item.create", item=item)


def replayed(messages: Sequence[ChatMessage]) -> list[str]:
    """A talk so far, for a new connection: words alone, for a call without its sound is no longer one."""
    said = (
        (str(m["role"]), m.get("content")) for m in messages[1:] if m.get("role") in ("user", "assistant", "system")
    )
    return [message(role, text) for role, text in said if isinstance(text, str) and text]


@dataclass(frozen=True, slots=True)
class Responding:
    """An answer begins."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Answered:
    """Something of an answer; `Finished` is its last."""

    response_id: str
    delta: Delta
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The service does not do what it was asked."""

    code: str
    text: str


News = Responding | Answered | Refused | Transcript


def read(data: str | bytes, provider: str, model: str) -> Iterator[News]:
    """What an event means; unknown ones mean nothing."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(event, dict):
        return
    response_id, item_id = str(event.get("response_id") or ""), str(event.get("item_id") or "")
    match event.get("type"):
        case "response.created":
            yield Responding(str(_of(event, "response").get("id") or ""))
        case "response.output_audio.delta" | "response.audio.delta":
            pcm = _decoded(event.get("delta"))
            if pcm:
                yield Answered(response_id, Audio(pcm), item_id)
        case "response.output_audio_transcript.delta" | "response.audio_transcript.delta":
            if isinstance(event.get("delta"), str):
                yield Answered(response_id, Text(whole_text(event["delta"])), item_id)
        case "response.done":
            yield from _done(_of(event, "response"), provider, model)
        case "conversation.item.input_audio_transcription.completed":
            text = event.get("transcript")
            yield Transcript(
                whole_text(text).strip() if isinstance(text, str) else "", is_final=True, is_speech_end=True
            )
        case "error":
            error = _of(event, "error")
            yield Refused(str(error.get("code") or error.get("type") or ""), str(error.get("message") or "")[:200])


def _done(response: Mapping[str, Any], provider: str, model: str) -> Iterator[News]:
    response_id = str(response.get("id") or "")
    for item in response.get("output") or ():
        if isinstance(item, dict) and item.get("type") == "function_call" and response.get("status") == "completed":
            yield Answered(response_id, _call(item))
    if response.get("status") == "failed":
        error = _of(_of(response, "status_details"), "error")
        yield Refused(
            str(error.get("code") or error.get("type") or "failed"),
            str(error.get("message") or "the answer failed")[:200],
        )
    usage = _of(response, "usage")
    cached = _count(_of(usage, "input_token_details").get("cached_tokens"))
    yield Answered(
        response_id,
        Finished(
            str(response.get("status") or "completed"), _count(usage.get("input_tokens")), cached,
            _count(usage.get("output_tokens")), provider, model, response_id,
        ),
    )  # fmt: skip


def _call(item: Mapping[str, Any]) -> ToolCall:
    raw = item.get("arguments")
    raw = raw if isinstance(raw, str) else ""
    try:
        arguments = json.loads(raw or "{}")
    except (ValueError, RecursionError):
        arguments = {}
    return ToolCall(
        str(item.get("call_id") or ""),
        str(item.get("name") or ""),
        arguments if isinstance(arguments, dict) else {},
        raw,
    )


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)


def _of(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else 0


def _decoded(text: object) -> bytes:
    try:
        pcm = base64.b64decode(text, validate=True) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        return b""
    return pcm[: len(pcm) // 2 * 2]
