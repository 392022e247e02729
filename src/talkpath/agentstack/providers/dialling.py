"""Connections to providers: one TLS context for all sockets, proxies of the environment for the world and none for this machine."""

from __future__ import annotations

import inspect
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.providers.faults import of_status, of_transport
from talkpath.agentstack.sockets import DirectSocket

if TYPE_CHECKING:
    import httpx

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECTIONS = 1000  # idle ones are kept for a minute: a handshake would be heard as a pause
KEPT_S = 60.0
MOST_BYTES = 1 << 20  # of one message

_log = logging.getLogger("talkpath.agentstack.providers.socket")
_log.setLevel(logging.WARNING)  # at DEBUG it would write the key
_takes_proxy = "proxy" in inspect.signature(connect.__init__).parameters  # websockets 15


class _Straight(connect):
    """Follows no redirect: a key goes where it was meant to go."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@dataclass(frozen=True, slots=True)
class SocketTimes:
    """How long what may take."""

    connect_s: float = 3.0
    ping_s: float = 5.0  # between pings, and as long for each one's answer
    close_s: float = 1.0


async def dial(
    url: str, headers: Mapping[str, str], times: SocketTimes, provider: str, key: str | None
) -> DirectSocket:
    """A WebSocket.

    Raises
    ------
    ProviderError
        Nobody is there, or it is refused.
    """
    more: dict[str, Any] = {"proxy": None} if _takes_proxy and urlsplit(url).hostname in LOOPBACK else {}
    try:
        connection = await _Straight(
            url,
            create_connection=DirectSocket,
            ssl=_tls() if url.startswith("wss:") else None,
            additional_headers=dict(headers),
            open_timeout=times.connect_s,
            ping_interval=times.ping_s,
            ping_timeout=times.ping_s,
            close_timeout=times.close_s,
            compression=None,
            max_size=MOST_BYTES,
            logger=_log,
            **more,
        )
        assert isinstance(connection, DirectSocket)
        return connection
    except InvalidStatus as refused:
        body = bytes(refused.response.body or b"")
        raise of_status(refused.response.status_code, body, provider, key) from None
    except InvalidURI:
        raise ProviderError(f"{provider}: base_url is no URL", "bad_request", provider) from None
    except (OSError, TimeoutError, InvalidHandshake, WebSocketException) as problem:
        raise of_transport(problem, provider) from None


@cache
def http_tls() -> ssl.SSLContext:
    """As httpx has it: the authorities of certifi, unless the environment names others."""
    import httpx

    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@cache
def _tls() -> ssl.SSLContext:
    """To read the certificates takes as long as several audio frames."""
    return ssl.create_default_context()


def http_client(connect_s: float = 3.0) -> httpx.AsyncClient:
    """For key checks: one for all providers of a server. Redirects are not followed: a key goes where it was meant to go."""
    import httpx

    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=CONNECTIONS, keepalive_expiry=KEPT_S),
        timeout=httpx.Timeout(None, connect=connect_s),
        mounts={f"all://{f'[{host}]' if ':' in host else host}": None for host in LOOPBACK},
    )
