"""A request whose answer comes in pieces, each with its own time limit. The HTTP is httpx's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.providers.faults import of_status, of_transport

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True)
class HttpTimes:
    """How long what may take."""

    connect_s: float = 3.0
    first_s: float = 8.0  # from the request to the first piece
    between_s: float = 10.0


class HttpStream:
    """The body of an answer."""

    def __init__(self, response: httpx.Response, due_s: float) -> None:
        self.headers: Mapping[str, str] = response.headers
        self._pieces = response.aiter_bytes().__aiter__()
        self._due_s = due_s

    def wait(self, seconds: float) -> None:
        """The next piece may take so long from now on. Not said: the old limit holds."""
        self._due_s = asyncio.get_running_loop().time() + seconds

    async def piece(self) -> bytes | None:
        """The next one; None: that was all. Raises `TimeoutError`."""
        async with asyncio.timeout_at(self._due_s):
            return await anext(self._pieces, None)


@asynccontextmanager
async def posted(
    http: httpx.AsyncClient,
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
    import httpx

    response: httpx.Response | None = None
    due_s = asyncio.get_running_loop().time() + times.first_s
    try:
        timeout = httpx.Timeout(None, connect=times.connect_s)
        request = http.build_request("POST", url, json=dict(body), headers=dict(headers), timeout=timeout)
        async with asyncio.timeout_at(due_s):
            response = await http.send(request, stream=True)
            if response.status_code != 200:
                raise of_status(response.status_code, await response.aread(), provider, key)
        yield HttpStream(response, due_s)
    except (httpx.HTTPError, TimeoutError, OSError) as problem:
        raise of_transport(problem, provider) from None
    except (httpx.InvalidURL, ValueError) as problem:
        raise ProviderError(f"{provider}: {type(problem).__name__}: {problem}", "unavailable", provider) from None
    finally:
        if response is not None:
            await response.aclose()
