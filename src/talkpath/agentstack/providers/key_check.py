"""Is a key refused? One cheap request when an agent is made, so that a wrong key is not first found out by a caller."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 2.0
# Keys may be made for one purpose alone: they may not ask for this, and still may hear or speak.
_NARROW = ("missing_permissions", "insufficient_permissions", "insufficient permissions", "missing scopes")


async def refused_key(
    http: httpx.AsyncClient, provider: str, urls: Sequence[str], headers: Mapping[str, str]
) -> str | None:
    """A sentence if it is; None if not, and also if nobody can be reached or the answer says neither.

    Parameters
    ----------
    urls : sequence of str
        Asked one after the other, until something is found there.
    headers : mapping
        With the key. Empty: there is none.
    """
    import httpx

    try:
        async with asyncio.timeout(TIMEOUT_S):
            for url in urls:
                answer = await http.get(url, headers=dict(headers))
                if answer.status_code in (401, 403):
                    said = answer.text.lower()
                    if any(word in said for word in _NARROW):
                        return None
                    return _sentence(provider, bool(headers), answer.status_code)
                if answer.is_success:
                    return None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError, OSError):
        pass
    return None


def _sentence(provider: str, has_key: bool, status: int) -> str:
    if not has_key:
        return f"{provider} wants a key, and neither the agent nor the server has one"
    return f"{provider} refuses this key (HTTP {status})"
