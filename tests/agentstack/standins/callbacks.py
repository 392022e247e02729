"""The customer's HTTP server: takes callbacks, and checks their signatures as the SDK does."""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from standins.http import Request, Response, serve


@dataclass
class Callback:
    """One that came."""

    at: float
    kind: str  # the last part of the path
    key: str  # the one before it: whose it is
    body: dict[str, Any]
    is_signed: bool
    content_type: str


class CallbackServer:
    """Takes callbacks at {url}/{key}/{kind}.

    Attributes
    ----------
    received : list of Callback
    answers : dict
        Status for a key and kind, from the number of the attempt; 200 otherwise.
    """

    def __init__(self, auth_token: str) -> None:
        self._token = auth_token
        self.received: list[Callback] = []
        self.answers: dict[tuple[str, str], Callable[[int], int]] = {}
        self.url = ""
        self._server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> str:
        """Listen."""
        self._server = await serve(self._handle, port=port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self.url

    def of(self, key: str, kind: str) -> list[Callback]:
        """Those of a key."""
        return [callback for callback in self.received if (callback.key, callback.kind) == (key, kind)]

    async def wait_for(self, key: str, kind: str, timeout_s: float = 10.0) -> Callback:
        """The first of a key."""
        until = time.monotonic() + timeout_s
        while not self.of(key, kind):
            assert time.monotonic() < until, f"no callback {kind} came"
            await asyncio.sleep(0.02)
        return self.of(key, kind)[0]

    async def aclose(self) -> None:
        """No more."""
        if self._server is not None:
            self._server.close()

    async def _handle(self, request: Request) -> Response:
        _, key, kind = request.path.rsplit("/", 2)
        body = request.json()
        signed = signature(
            self.url + request.url, request.headers.get("x-plivo-signature-v3-nonce", ""), self._token, body
        )
        shown = request.headers.get("x-plivo-signature-v3", "").split(",")
        self.received.append(
            Callback(time.monotonic(), kind, key, body, signed in shown, request.headers.get("content-type", ""))
        )
        answer = self.answers.get((key, kind), lambda attempt: 200)
        return Response(answer(len(self.of(key, kind))), b'{"status": "ok"}')


def signature(url: str, nonce: str, token: str, params: dict[str, Any]) -> str:
    """Of a POST, as the Python SDK computes it."""
    text = f"{url}.{urlencode(sorted(params.items()))}" if params else url
    return base64.b64encode(hmac.new(token.encode(), f"{text}.{nonce}".encode(), hashlib.sha256).digest()).decode()
