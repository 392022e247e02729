"""A request whose answer comes in pieces, each with its own time limit. The HTTP is aiohttp's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.providers.faults import of_status, of_transport

if TYPE_CHECKING:
    import aiohttp

    from talkpath.agentstack.providers.http_pool import HttpPool


@dataclass(frozen=True, slots=True)
class HttpTimes:
    """How long what may take."""

    connect_s: float = 3.0
    first_s: float = 8.0  # from the request to the first piece
    between_s: float = 10.0


class HttpStream:
    """The body of an answer."""

    def __init__(self, response: aiohttp.ClientResponse, due_s: float) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._content = response.content
        self._due_s = due_s

    def wait(self, seconds: float) -> None:
        """The next piece may take so long from now on. Not said: the old limit holds."""
        self._due_s = asyncio.get_running_loop().time() + seconds

    async def piece(self) -> bytes | None:
        """The next one; None: that was all. Raises `TimeoutError`."""
        content = self._content
        if here := content.read_nowait():  # no timer for what has come
            return here
        if content.at_eof():
            return None
        async with asyncio.timeout_at(self._due_s):
            return await content.readany() or None


@asynccontextmanager
async def posted(
    http: HttpPool,
    url: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    times: HttpTimes,
    provider: str,
    key: str | None,
) -> AsyncIterator[HttpStream]:
    """Posts JSON and gives the answer's body. Leaving it early cancels the request.

    Raises
    ------
    ProviderError
        A refusal, a line that is cut, a time-out: also for what is raised inside.
    """
    import aiohttp

    response: aiohttp.ClientResponse | None = None
    due_s = asyncio.get_running_loop().time() + times.first_s
    try:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=times.connect_s)
        data = json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        async with asyncio.timeout_at(due_s):
            response = await http.session.post(
                url, data=data, headers={"Content-Type": "application/json", **headers}, timeout=timeout,
                allow_redirects=False, proxy=http.proxy(url),  # no redirects: a key goes where it was meant to go
            )  # fmt: skip
            if response.status != 200:
                raise of_status(response.status, await response.read(), provider, key)
        yield HttpStream(response, due_s)
    except (aiohttp.InvalidURL, ValueError) as problem:
        raise ProviderError(f"{provider}: {type(problem).__name__}: {problem}", "unavailable", provider) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as problem:
        raise of_transport(problem, provider) from None
    finally:
        if response is not None:
            response.close()
