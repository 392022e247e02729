"""Chat completions as OpenAI streams them, and as many others do: a row of `VENDORS` each. HTTP by aiohttp."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from talkpath.agentstack.providers.base import ChatMessage, Delta, ProviderError, Spec, Tool, Whole
from talkpath.agentstack.providers.chat_deltas import ChatDeltas
from talkpath.agentstack.providers.http_stream import HttpTimes, posted
from talkpath.agentstack.providers.sse import SseParser
from talkpath.agentstack.providers.urls import http_base

if TYPE_CHECKING:
    from talkpath.agentstack.providers.http_pool import HttpPool


@dataclass(frozen=True, slots=True)
class Vendor:
    """What differs. `has_usage_option`: it takes `stream_options`; the others give their figures anyway, or refuse unknown fields."""

    base_url: str
    model: str
    prefix: str = "/v1"  # where an agent's base_url has no path
    has_usage_option: bool = True


VENDORS: Mapping[str, Vendor] = {
    "openai": Vendor("https://api.openai.com/v1", "gpt-4o"),
    "groq": Vendor("https://api.groq.com/openai/v1", "llama-3.3-70b-versatile", "/openai/v1"),
    "together": Vendor("https://api.together.xyz/v1", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
    "fireworks": Vendor(
        "https://api.fireworks.ai/inference/v1", "accounts/fireworks/models/llama-v3p3-70b-instruct", "/inference/v1"
    ),
    "mistral": Vendor("https://api.mistral.ai/v1", "mistral-small-latest", has_usage_option=False),
    "perplexity": Vendor("https://api.perplexity.ai", "sonar", "", has_usage_option=False),
    "azure": Vendor("", "gpt-4o", ""),
}
AZURE_API_VERSION = "2024-10-21"
FIGURES_S = 1.0  # after the answer's end: figures that do not come by then do not come
END_S = 0.1  # after [DONE]: the response's own end comes with it, or it is not waited for
_REASONS = re.compile(r"^(o\d|gpt-5)")  # models that think first: no temperature, another name for max_tokens


def chat_body(
    provider: str, model: str, spec: Spec, messages: Sequence[ChatMessage], tools: Sequence[Tool]
) -> dict[str, Any]:
    """What is posted."""
    body: dict[str, Any] = {"model": model, "messages": list(messages), "stream": True}
    if VENDORS[provider].has_usage_option:
        body["stream_options"] = {"include_usage": True}
    limit = spec.get("max_tokens")
    if _REASONS.match(model):
        body["reasoning_effort"] = spec.get("reasoning_effort") or "low"
        if limit is not None:
            body["max_completion_tokens"] = limit
    else:
        body["temperature"] = spec["temperature"] if spec.get("temperature") is not None else 0.2
        if limit is not None:
            body["max_tokens"] = limit
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": t.name, "description": t.description, "parameters": dict(t.parameters)},
            }
            for t in tools
        ]
    return body


def chat_url(provider: str, spec: Spec, base_url: str | None) -> str:
    """Where it is posted.

    Raises
    ------
    ProviderError
        Azure without an end point.
    """
    vendor = VENDORS[provider]
    if provider != "azure":
        base = http_base(base_url or vendor.base_url, vendor.prefix).removesuffix("/chat/completions")
        return f"{base}/chat/completions"
    deployment = quote(str(spec.get("azure_deployment") or spec.get("model") or vendor.model), safe="")
    version = quote(str(spec.get("api_version") or AZURE_API_VERSION), safe="")
    return f"{azure_base(spec, base_url)}/openai/deployments/{deployment}/chat/completions?api-version={version}"


def azure_base(spec: Spec, base_url: str | None) -> str:
    """The resource's own address, without `/openai` or `/v1`."""
    endpoint = spec.get("azure_endpoint") or base_url
    if not endpoint:
        raise ProviderError("azure: azure_endpoint is missing", "bad_request", "azure")
    return http_base(str(endpoint), "").removesuffix("/v1").removesuffix("/openai")


def chat_headers(provider: str, key: str | None) -> dict[str, str]:
    """A server of one's own may want no key."""
    if not key:
        return {}
    return {"api-key": key} if provider == "azure" else {"Authorization": f"Bearer {key}"}


def key_requests(spec: Spec, key: str | None, base_url: str | None) -> tuple[list[str], dict[str, str]]:
    """What tells whether a key is good."""
    provider = str(spec.get("provider") or "openai").lower()
    if provider == "azure":
        version = quote(str(spec.get("api_version") or AZURE_API_VERSION), safe="")
        url = f"{azure_base(spec, base_url)}/openai/models?api-version={version}"
    else:
        vendor = VENDORS[provider]
        url = f"{http_base(base_url or vendor.base_url, vendor.prefix).removesuffix('/chat/completions')}/models"
    return [url], chat_headers(provider, key)


class OpenAIChat:
    """A model behind chat completions. See `LanguageModel`.

    Parameters
    ----------
    spec : mapping
        An agent's `llm`.
    http : HttpPool
        Shared by all: its connections are kept.
    key, base_url : str, optional
        None: no key; the vendor's.
    """

    def __init__(
        self,
        spec: Spec,
        http: HttpPool,
        key: str | None = None,
        base_url: str | None = None,
        times: HttpTimes | None = None,
    ) -> None:
        self.provider = str(spec.get("provider") or "openai").lower()
        self.model = str(spec.get("model") or spec.get("azure_deployment") or VENDORS[self.provider].model)
        self._spec, self._http, self._key, self._times = spec, http, key, times or HttpTimes()
        self._url = chat_url(self.provider, spec, base_url)

    async def chat(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> AsyncIterator[Delta]:
        """See `LanguageModel`."""
        times = self._times
        body = chat_body(self.provider, self.model, self._spec, messages, tools)
        headers = {**chat_headers(self.provider, self._key), "Accept": "text/event-stream"}
        async with posted(self._http, self._url, body, headers, times, self.provider, self._key) as stream:
            request_id = stream.headers.get("x-request-id", "")
            answer, parser = ChatDeltas(self.provider, self.model, request_id, self._key), SseParser()
            piece: bytes | None = b""
            is_told = False
            while piece is not None:  # to the very end: a connection that is not read to it is not used again
                try:
                    piece = await stream.piece()
                except TimeoutError:
                    if not (answer.has_reason or answer.is_done):
                        raise
                    break
                for data in parser.end() if piece is None else parser.feed(piece):
                    for delta in answer.receive(data):
                        yield delta
                if answer.has_reason and not is_told:
                    is_told = True
                    yield Whole()
                if answer.is_done:
                    stream.wait(END_S)
                elif answer.has_begun:  # what is no piece of the answer, a comment perhaps, is no sign of life
                    stream.wait(FIGURES_S if answer.has_reason else times.between_s)
            for delta in answer.finish():
                yield delta
