"""Base URLs: `http(s)://…/v1` in settings and in agents, whatever the provider speaks."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

_TO_HTTP = {"ws": "http", "wss": "https"}
_TO_WS = {"http": "ws", "https": "wss"}


def http_base(url: str, prefix: str = "/v1") -> str:
    """A base URL in its one form: http(s), no slash at the end, `prefix` where there is no path at all.

    Examples
    --------
    >>> http_base("wss://api.deepgram.com/")
    'https://api.deepgram.com/v1'
    >>> http_base("http://127.0.0.1:9100/v1/")
    'http://127.0.0.1:9100/v1'
    >>> http_base("https://proxy.example/groq/openai/v1")
    'https://proxy.example/groq/openai/v1'
    """
    parts = urlsplit(url.strip())
    scheme = parts.scheme.lower()
    return urlunsplit((_TO_HTTP.get(scheme, scheme), parts.netloc, parts.path.rstrip("/") or prefix, "", ""))


def ws_base(url: str, prefix: str = "/v1") -> str:
    """The same end point for a WebSocket.

    Examples
    --------
    >>> ws_base("https://api.deepgram.com/v1")
    'wss://api.deepgram.com/v1'
    """
    scheme, rest = http_base(url, prefix).split("://", 1)
    return f"{_TO_WS.get(scheme, scheme)}://{rest}"


def same_base(one: str, other: str, prefix: str = "/v1") -> bool:
    """Whether both are one end point. What cannot be read is not.

    Examples
    --------
    >>> same_base("wss://API.deepgram.com/v1/", "https://api.deepgram.com")
    True
    >>> same_base("https://api.deepgram.com.evil.example/v1", "https://api.deepgram.com/v1")
    False
    """
    try:
        return _parts(one, prefix) == _parts(other, prefix)
    except ValueError:  # a port that is no number, half a bracket
        return False


def _parts(url: str, prefix: str) -> tuple[object, ...]:
    """What decides where a request goes. A user in the address is compared too: it may be all that differs."""
    parts = urlsplit(http_base(url, prefix))
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.username, parts.password, parts.hostname, port, parts.path
