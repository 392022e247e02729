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
