"""Is a key refused? One cheap request when an agent is made, so that a wrong key is not first found out by a caller."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from talkpath.agentstack.providers import deepgram, elevenlabs
from talkpath.agentstack.providers.base import ProviderError, Spec
from talkpath.agentstack.providers.openai_chat import AZURE_API_VERSION, VENDORS, azure_base, chat_headers
from talkpath.agentstack.providers.urls import http_base

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 2.0
# Keys may be made for one purpose alone: they may not ask for this, and still may hear or speak.
_NARROW = ("missing_permissions", "insufficient_permissions", "insufficient permissions", "missing scopes")


async def refused_key(
    http: httpx.AsyncClient, provider: str, spec: Spec, key: str | None, base_url: str | None
) -> str | None:
    """A sentence if it is; None if not, and also if nobody can be reached or the answer says neither."""
    import httpx

    try:
        urls, headers = _requests(provider, spec, key, base_url)
    except ProviderError as problem:
        return str(problem)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for url in urls:
                answer = await http.get(url, headers=headers)
                if answer.status_code in (401, 403):
                    said = answer.text.lower()
                    if any(word in said for word in _NARROW):
                        return None
                    return _sentence(provider, key, answer.status_code)
                if answer.is_success:
                    return None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError, OSError):
        pass
    return None


def _requests(provider: str, spec: Spec, key: str | None, base_url: str | None) -> tuple[list[str], dict[str, str]]:
    """What to ask for, one after the other until something is found, and how to say who asks."""
    if provider == deepgram.PROVIDER:
        base = http_base(base_url or deepgram.BASE_URL).removesuffix("/listen")
        return [f"{base}/auth/token", f"{base}/projects"], deepgram.headers(key)
    if provider == elevenlabs.PROVIDER:
        return [f"{elevenlabs.base_of(spec, base_url)}/user"], {"xi-api-key": key} if key else {}
    headers = chat_headers(provider, key)
    if provider == "azure":
        version = spec.get("api_version") or AZURE_API_VERSION
        return [f"{azure_base(spec, base_url)}/openai/models?api-version={version}"], headers
    vendor = VENDORS[provider]
    return [f"{http_base(base_url or vendor.base_url, vendor.prefix)}/models"], headers


def _sentence(provider: str, key: str | None, status: int) -> str:
    if not key:
        return f"{provider} wants a key, and neither the agent nor the server has one"
    return f"{provider} refuses this key (HTTP {status})"
