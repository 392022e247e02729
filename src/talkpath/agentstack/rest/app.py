"""REST as an ASGI app: who may come in, which route, what an error looks like."""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from talkpath import __version__
from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.control import ControlError
from talkpath.agentstack.rest.openapi import openapi
from talkpath.agentstack.rest.replies import RestError, error_reply, reply
from talkpath.agentstack.rest.routes import OPERATIONS, PREFIX, Handler
from talkpath.agentstack.settings import Settings
from talkpath.agentstack.store.database import StoreError

_log = logging.getLogger("talkpath.agentstack")


def rest_app(context: Context, more: Sequence[BaseRoute] = ()) -> Starlette:
    """REST.

    Parameters
    ----------
    context : Context
        What the routes work with.
    more : sequence of routes
        Served besides, without credentials: recordings, a carrier's reports. Their paths are not below `/v1`.
    """
    routes: dict[str, dict[str, Handler]] = {}
    for operation in OPERATIONS:
        routes.setdefault(PREFIX + operation.path, {})[operation.method] = operation.handler
    found: list[BaseRoute] = [
        Route(path, _by_method(context, handlers), methods=list(handlers)) for path, handlers in routes.items()
    ]
    app = Starlette(
        routes=[*found, Route("/healthz", _healthz), Route("/openapi.json", _openapi), *more],
        middleware=[Middleware(_Door, settings=context.settings)],
        exception_handlers={HTTPException: _of_starlette},
    )
    app.router.redirect_slashes = False  # clients do not follow
    return app


def _by_method(context: Context, handlers: dict[str, Handler]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    async def endpoint(request: Request) -> Response:
        handler = handlers["GET" if request.method == "HEAD" else request.method]
        try:
            return await handler(context, request)
        except RestError as error:
            return error_reply(error.status, error.message, error.headers)
        except AgentError as error:
            return error_reply(400, str(error))
        except ControlError as error:
            return error_reply(error.status, str(error))
        except StoreError as error:
            _log.warning("%s", error)
            what = "the server cannot read or write its data now; nothing was done"
            return error_reply(503, what, {"Retry-After": "1"})
        except ClientDisconnect:  # in the middle of its body; nobody reads this
            return error_reply(400, "the body ended too early")
        except Exception:
            _log.exception("%s %s", request.method, request.url.path)
            return error_reply(500, "internal error")

    return endpoint


async def _healthz(_: Request) -> Response:
    return reply({"status": "ok"})


async def _openapi(_: Request) -> Response:
    return reply(openapi(__version__))


async def _of_starlette(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = {404: "there is no such route", 405: "the route has no such method"}.get(error.status_code, error.detail)
    return error_reply(error.status_code, what, error.headers)


class _Door:
    """Basic credentials on everything below `/v1`, whether there is a route or not. A slash at the end of a path is none."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._auth_id = settings.auth_id
        self._expected = f"{settings.auth_id}:{settings.auth_token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if len(path) > 1 and path.endswith("/"):
                scope = {**scope, "path": path.rstrip("/") or "/"}
            refused = self._refused(scope) if path == "/v1" or path.startswith("/v1/") else None
            if refused is not None:
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        if not hmac.compare_digest(_credentials(scope), self._expected):
            headers = {"WWW-Authenticate": 'Basic realm="talkpath"'}
            return error_reply(401, "the account's id and token are wanted (HTTP Basic)", headers)
        parts = scope["path"].split("/")
        if parts[2:3] == ["Account"] and "".join(parts[3:4]) != self._auth_id:
            return error_reply(403, "the path names another account than the credentials")
        return None


def _credentials(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, given = value.strip().partition(b" ")
            if scheme.lower() == b"basic":
                try:
                    return base64.b64decode(given.strip(), validate=True)
                except binascii.Error:
                    return b""
    return b""
