"""A streamed chat completion, without I/O: each event's data → pieces of text, complete tool calls, and at the end `Finished`.

Sources: platform.openai.com, "Chat Completions" (streaming events). Servers that speak "OpenAI compatible" differ in small things, which are borne:
no index or no id in tool calls, usage in every chunk, `choices: null`, content as a list, no `[DONE]`. Not verified against the services themselves.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from talkpath.agentstack.plain import plain, whole_text
from talkpath.agentstack.providers.base import Delta, Finished, ProviderError, Text, ToolCall
from talkpath.agentstack.providers.faults import kind_of_status, without_key

MOST_CALLS = 128  # of one answer
MOST_ARGUMENTS_CHARS = 256 * 1024  # of one call


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str = ""
    name: str = ""
    raw: str = ""


class ChatDeltas:
    """One answer. `has_begun`: a piece of it came. `has_reason`: the model has said why it stopped. `is_done`: nothing more comes."""

    def __init__(self, provider: str, model: str, request_id: str = "", key: str | None = None) -> None:
        self._provider, self._model, self._request_id, self._key = provider, model, request_id, key
        self._calls: list[_Call] = []
        self._given = 0  # calls
        self._reason = ""
        self._usage: Mapping[str, Any] = {}
        self.has_begun = self.is_done = False

    @property
    def has_reason(self) -> bool:
        """The model has said why it stopped: only figures can follow."""
        return bool(self._reason)

    def receive(self, data: str) -> list[Delta]:
        """One event's data.

        Raises
        ------
        ProviderError
            The provider says that something went wrong, or this is no JSON.
        """
        if data.strip() == "[DONE]":
            self.is_done = True
            return []
        if self.is_done or not data.strip():
            return []
        try:
            chunk = json.loads(data)
        except (ValueError, RecursionError):
            raise ProviderError(f"{self._provider} sends no JSON", "unavailable", self._provider) from None
        if not isinstance(chunk, dict):
            return []
        if chunk.get("error"):
            raise self._fault(chunk["error"])
        self._request_id = self._request_id or _text(chunk.get("id"))
        self._model = _text(chunk.get("model")) or self._model
        self._usage = _dict(chunk.get("usage")) or _dict(_dict(chunk.get("x_groq")).get("usage")) or self._usage
        choices = chunk.get("choices")
        choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
        deltas = self._delta(_dict(choice.get("delta")))
        if reason := _text(choice.get("finish_reason")):
            self._reason, self.has_begun = reason, True
            deltas += self._complete()
        return deltas

    def finish(self) -> list[Delta]:
        """The stream has ended.

        Raises
        ------
        ProviderError
            In the middle of the answer.
        """
        if not (self.is_done or self._reason):
            raise ProviderError(f"{self._provider}: the answer was cut off", "unavailable", self._provider)
        calls = self._complete()
        reason = self._reason or ("tool_calls" if self._calls else "stop")
        details = _dict(self._usage.get("prompt_tokens_details"))
        return [
            *calls,
            Finished(
                reason,
                input_tokens=_count(self._usage.get("prompt_tokens")),
                cached_tokens=_count(details.get("cached_tokens"))
                or _count(self._usage.get("prompt_cache_hit_tokens")),
                output_tokens=_count(self._usage.get("completion_tokens")),
                provider=self._provider,
                model=self._model,
                request_id=self._request_id,
            ),
        ]

    def _delta(self, delta: Mapping[str, Any]) -> list[Delta]:
        text = _content(delta.get("content")) + _text(delta.get("refusal"))
        pieces = delta.get("tool_calls")
        for piece in pieces if isinstance(pieces, list) else []:
            self._gather(_dict(piece))
        if text or pieces:
            self.has_begun = True
        return [Text(text)] if text else []

    def _gather(self, piece: Mapping[str, Any]) -> None:
        function = _dict(piece.get("function"))
        index, call_id, name = piece.get("index"), _text(piece.get("id")), _text(function.get("name"))
        index = index if isinstance(index, int) else None
        open_calls = self._calls[self._given :]
        if index is None:
            found = next((c for c in open_calls if call_id and c.id == call_id), None)
            found = found or (open_calls[-1] if open_calls and not call_id and not name else None)
        else:
            # Some give the index 0 to all calls of a turn: another id with another name is another call.
            found = next((c for c in reversed(open_calls) if c.index == index), None)
            if found and call_id and found.id and call_id != found.id and name:
                found = None
        if found is None:
            found = _Call(index)
            self._calls.append(found)
        found.id = found.id or call_id
        found.name = found.name or name
        arguments = function.get("arguments")
        found.raw += arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        if len(self._calls) > MOST_CALLS or len(found.raw) > MOST_ARGUMENTS_CHARS:
            raise ProviderError(f"{self._provider}: the tool calls have no end", "unavailable", self._provider)

    def _complete(self) -> list[Delta]:
        calls = self._calls[self._given :]
        self._given = len(self._calls)
        return [
            ToolCall(call.id or f"call_{uuid.uuid4().hex[:24]}", call.name, _arguments(call.raw), call.raw)
            for call in calls
            if call.name
        ]

    def _fault(self, error: Any) -> ProviderError:
        said = _dict(error)
        text = _text(said.get("message")) or (error if isinstance(error, str) else "an error")
        code = said.get("code")
        kind = kind_of_status(code) if isinstance(code, int) and code >= 400 else "unavailable"
        kind = "bad_request" if said.get("type") == "invalid_request_error" else kind
        return ProviderError(f"{self._provider}: {without_key(text, self._key)[:200]}", kind, self._provider)


def _arguments(raw: str) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
        return _dict(plain(json.loads(found) if isinstance(found, str) else found))  # some write JSON in JSON
    except (ValueError, RecursionError):
        return {}


def _content(value: Any) -> str:
    if isinstance(value, list):
        return "".join(_text(_dict(part).get("text")) for part in value)
    return _text(value)


def _text(value: Any) -> str:
    return whole_text(value) if isinstance(value, str) else ""


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
