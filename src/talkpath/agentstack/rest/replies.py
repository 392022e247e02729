"""Requests in, replies out: JSON objects with an `api_id`, errors with a sentence."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from talkpath.agentstack.agent_fields import unfit

MAX_BODY_BYTES = 1 << 20


class RestError(Exception):
    """An answer that is no success. `message` names the field where one is to blame."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


def reply(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object. ASCII only, so that nothing in it can fail to be encoded."""
    text = json.dumps({"api_id": str(uuid.uuid4()), **content})
    return Response(text, status, dict(headers or {}), "application/json")


def error_reply(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """`{"api_id", "error"}`, as both SDKs read it."""
    return reply({"error": message}, status, headers)


async def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON object.

    Raises
    ------
    RestError
        400: no JSON, no object, or one that nobody can keep. 413: longer than `MAX_BODY_BYTES`.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise RestError(413, f"the body must not be longer than {MAX_BODY_BYTES} bytes", {"Connection": "close"})
    try:
        found = json.loads(bytes(data))
    except (ValueError, RecursionError):
        raise RestError(400, "the body is no JSON") from None
    if not isinstance(found, dict):
        raise RestError(400, "the body must be a JSON object")
    problem = unfit(found)
    if problem:
        raise RestError(400, f"the body {problem}")
    return found
