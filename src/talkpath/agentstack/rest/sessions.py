"""R12 to R15: sessions, as Python's SDK asks for them (of an agent) and as Node's does (of the account)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from talkpath.agentstack.agent import PARTS
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.pages import filter_of, listing_of, seconds_of, time_of
from talkpath.agentstack.rest.replies import RestError, reply
from talkpath.agentstack.store.queries import SESSION_ORDER

_EQUAL = {
    "agent_mode": "agent_mode",
    "participant_mode": "participant_mode",
    "agent_id": "agent_uuid",
    "call_uuid": "call_uuid",
}
_BOUNDS = {
    "created_at": ("created_at", time_of),
    "ended_at": ("ended_at", time_of),
    "duration": ("duration_seconds", seconds_of),
}


async def of_agent(context: Context, request: Request) -> Response:
    """R12."""
    agent = await context.known(request.path_params["agent_uuid"])
    listing = listing_of(request, SESSION_ORDER)
    which = filter_of(request, _EQUAL, _BOUNDS)
    total, rows = await context.store.sessions(
        replace(which, equal={**which.equal, "agent_uuid": agent.agent_uuid}), listing.page
    )
    return reply(listing.answer(request, [_shown(context, row) for row in rows], total))


async def one_of_agent(context: Context, request: Request) -> Response:
    """R13."""
    return reply(_whole(context, await _row(context, request, request.path_params["agent_uuid"])))


async def get_all(context: Context, request: Request) -> Response:
    """R14."""
    listing = listing_of(request, SESSION_ORDER)
    total, rows = await context.store.sessions(filter_of(request, _EQUAL, _BOUNDS), listing.page)
    return reply(listing.answer(request, [_shown(context, row) for row in rows], total))


async def get(context: Context, request: Request) -> Response:
    """R15."""
    return reply(_whole(context, await _row(context, request)))


async def _row(context: Context, request: Request, agent_uuid: str | None = None) -> dict[str, Any]:
    row = await context.store.session(request.path_params["session_id"])
    if row is None or (agent_uuid is not None and row["agent_uuid"] != agent_uuid):
        raise RestError(404, "session not found")
    return row


def _shown(context: Context, row: Mapping[str, Any]) -> dict[str, Any]:
    """A session in a list."""
    has = PARTS.get(row["agent_mode"], ())
    return {
        "agent_session_id": row["agent_session_id"],
        "agent_session_uuid": row["agent_session_id"],
        "agent_uuid": row["agent_uuid"],
        "agent_name": row["agent_name"],
        "plivo_auth_id": context.settings.auth_id,
        "call_uuid": row["call_uuid"],
        "primary_call_uuid": row["call_uuid"],
        "agent_mode": row["agent_mode"],
        "participant_mode": row["participant_mode"],
        "state": row["state"],
        "created_at": row["created_at"],
        "ended_at": row["ended_at"],
        "duration_seconds": row["duration_seconds"],
        "turn_count": row["turn_count"],
        **{f"has_{kind}": kind in has for kind in ("stt", "llm", "tts", "s2s")},
        "total_cost": 0,  # nobody is billed here
        "from_number": row["from_number"],
        "to_number": row["to_number"],
        "call_legs": [
            {"call_uuid": row["call_uuid"], "from_number": row["from_number"], "to_number": row["to_number"]}
        ],
        "record_url": row["record_url"],
        "reason": row["reason"],
        "error": row["error"],
    }


def _whole(context: Context, row: Mapping[str, Any]) -> dict[str, Any]:
    """A session alone."""
    return {**_shown(context, row), "transcript": row["transcript"], "usage": row["usage"]}
