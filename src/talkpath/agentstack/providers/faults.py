"""What goes wrong with a provider, in the words of `ProviderError`. No key comes into a message."""

from __future__ import annotations

import json
from typing import Any

from talkpath.agentstack.providers.base import ProviderError

MESSAGE_CHARACTERS = 200


def kind_of_status(status: int) -> str:
    """Of an HTTP status that is no success: a try later helps with 408, 429 and 5xx only."""
    if status in (401, 403):
        return "rejected_key"
    if status == 408:
        return "timeout"
    return "bad_request" if 400 <= status < 500 and status != 429 else "unavailable"


def of_status(status: int, body: bytes | str, provider: str, key: str | None = None) -> ProviderError:
    """A request that was refused. What the provider says of a rejected key is left out: some repeat the key."""
    kind = kind_of_status(status)
    if kind == "rejected_key":
        return ProviderError(f"{provider} refuses the key (HTTP {status})", kind, provider)
    said = without_key(message_of(body), key)
    return ProviderError(f"{provider}: HTTP {status}{': ' + said if said else ''}", kind, provider)


def of_transport(problem: Exception, provider: str) -> ProviderError:
    """A connection that failed, was cut or was too slow (aiohttp's `ClientError`, `OSError`, `TimeoutError`)."""
    name = type(problem).__name__
    kind = "timeout" if isinstance(problem, TimeoutError) or name.endswith("Timeout") else "unavailable"
    return ProviderError(f"{provider}: {name}{': ' + str(problem) if str(problem) else ''}", kind, provider)


def message_of(body: bytes | str) -> str:
    """The sentence in an error's body: each provider has a place of its own for it."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    try:
        said = json.loads(text)
    except ValueError:
        return text.strip()[:MESSAGE_CHARACTERS]
    for name in ("error", "detail", "message", "err_msg", "description"):
        inner: Any = said.get(name) if isinstance(said, dict) else None
        if isinstance(inner, dict):
            inner = inner.get("message")
        if isinstance(inner, str) and inner:
            return inner[:MESSAGE_CHARACTERS]
    return text.strip()[:MESSAGE_CHARACTERS]


def without_key(text: str, key: str | None) -> str:
    """`text` where the key cannot be read."""
    return text.replace(key, "***") if key else text
