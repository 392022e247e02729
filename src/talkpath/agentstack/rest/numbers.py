"""R9 to R11: which numbers an agent answers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from talkpath.agentstack.agent_fields import phone_number
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.replies import RestError, body_of, reply


async def assign(context: Context, request: Request) -> Response:
    """R9. Twice is once; a number of another agent's stays there."""
    agent_uuid = request.path_params["agent_uuid"]
    body = await body_of(request)
    given = body.get("number")
    number = phone_number("number", given.strip() if isinstance(given, str) else given)
    owner = await context.store.add_number(agent_uuid, number)
    if owner is None:
        raise RestError(404, "agent not found")
    if owner != agent_uuid:
        raise RestError(409, f"number {number} is assigned to agent {owner}")
    return reply({"message": "number assigned", "agent_uuid": agent_uuid, "number": number}, 201)


async def get_all(context: Context, request: Request) -> Response:
    """R10."""
    agent_uuid = request.path_params["agent_uuid"]
    found = await context.store.numbers(agent_uuid)
    if found is None:
        raise RestError(404, "agent not found")
    return reply({"agent_uuid": agent_uuid, "numbers": found})


async def unassign(context: Context, request: Request) -> Response:
    """R11. The path's plus is a plus, escaped or not."""
    agent_uuid = request.path_params["agent_uuid"]
    if not await context.store.delete_number(agent_uuid, request.path_params["number"]):
        await context.known(agent_uuid)
        raise RestError(404, "number not found")
    return Response(status_code=204)
