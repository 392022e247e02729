"""HTTP connections to providers, kept between requests. aiohttp's: its parser is C, and a turn has two requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from talkpath.agentstack.providers.dialling import KEPT_S, LOOPBACK, http_tls

if TYPE_CHECKING:
    import aiohttp


class HttpPool:
    """One for all providers of a server. Its session is made at the first request: it belongs to a loop."""

    def __init__(self) -> None:
        import aiohttp  # noqa: F401  (now: to load it takes as long as several frames)

        self._tls = http_tls()
        self._session: aiohttp.ClientSession | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}

    @property
    def session(self) -> aiohttp.ClientSession:
        """Of the running loop. No cookies; nothing of the environment but `proxy`."""
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT_S, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    def proxy(self, url: str) -> str | None:
        """The environment's, for the world; none for this machine."""
        parts = urlsplit(url)
        where = parts.scheme, parts.hostname or ""
        if where not in self._proxies:
            self._proxies[where] = _proxy(*where)
        return self._proxies[where]

    async def aclose(self) -> None:
        """Closes all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _proxy(scheme: str, host: str) -> str | None:
    if host in LOOPBACK or proxy_bypass(host):
        return None
    proxies = getproxies()
    found = proxies.get(scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"
