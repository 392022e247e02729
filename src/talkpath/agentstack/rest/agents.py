"""R1 to R5: agents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from talkpath.agentstack.agent import Agent
from talkpath.agentstack.agent_body import agent_from_body, masked, merged
from talkpath.agentstack.agent_mode import mode_of
from talkpath.agentstack.providers.base import ProviderError
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.pages import filter_of, listing_of
from talkpath.agentstack.rest.replies import RestError, body_of, reply
from talkpath.agentstack.store.queries import AGENT_ORDER, StoredAgent

CHECK_S = 3.0  # so long providers may take to say that a key is none
_CHANGE_TRIES = 5
# What a reply says of an agent besides its body: ignored where it comes back.
_OURS = (
    "api_id", "message", "agent_uuid", "agent_mode", "byok", "created_at", "updated_at", "numbers", "plivo_number",
)  # fmt: skip


async def create(context: Context, request: Request) -> Response:
    """R1."""
    body = _asked(await body_of(request))
    agent = agent_from_body(body, context.new_uuid(), context.now())
    await _check_keys(context, agent)
    stored = StoredAgent(agent.agent_uuid, agent.created_at, body)
    answer = reply(
        {**_shown(stored), "message": "agent created"}, 201
    )  # whole before it exists: never a 5xx after that
    await context.store.add_agent(agent)
    return answer


async def get(context: Context, request: Request) -> Response:
    """R2."""
    return reply(_shown(await context.known(request.path_params["agent_uuid"])))


async def get_all(context: Context, request: Request) -> Response:
    """R3."""
    listing = listing_of(request, AGENT_ORDER)
    which = filter_of(request, {"agent_mode": "agent_mode", "participant_mode": "participant_mode"})
    total, found = await context.store.agents(which, listing.page)
    return reply(listing.answer(request, [_shown(stored) for stored in found], total))


async def change(context: Context, request: Request) -> Response:
    """R4. Objects merge, lists replace, masked keys that come back are ignored; calls that run keep what they began with."""
    patch = _asked(await body_of(request))
    for _ in range(_CHANGE_TRIES):
        old = await context.known(request.path_params["agent_uuid"])
        body = merged(old.body, patch)
        agent = agent_from_body(body, old.agent_uuid, old.created_at)
        await _check_keys(context, agent, old.body)
        answer = reply(_shown(StoredAgent(old.agent_uuid, old.created_at, body, old.numbers)))
        if await context.store.change_agent(agent, old.body):
            return answer
    raise RestError(409, "the agent is being changed by others; try again")


async def delete(context: Context, request: Request) -> Response:
    """R5. Its numbers are free again; calls that run go on."""
    if not await context.store.delete_agent(request.path_params["agent_uuid"]):
        raise RestError(404, "agent not found")
    return Response(status_code=204)


def _asked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in _OURS}


def _shown(stored: StoredAgent) -> dict[str, Any]:
    """An agent as replies have it: its body without keys, and what follows from it."""
    body = stored.body
    specs = [body.get(kind) for kind in ("stt", "llm", "tts", "s2s")]
    greeting = body.get("welcome_greeting") or ""
    return {
        "s2s": None,
        **masked(body),
        "agent_uuid": stored.agent_uuid,
        "agent_mode": mode_of({name: value for name, value in body.items() if value is not None}),
        "participant_mode": body.get("participant_mode") or "dual",
        "created_at": stored.created_at,
        "byok": any(isinstance(spec, dict) and bool(spec.get("api_key")) for spec in specs),
        "welcome_greeting": greeting,
        "speaks_first": body.get("speaks_first") or ("agent" if greeting else "user"),
        "detection_method": body.get("detection_method") or "disabled",
        "plivo_number": stored.numbers[0] if stored.numbers else None,
        "numbers": list(stored.numbers),
    }


async def _check_keys(context: Context, agent: Agent, old: Mapping[str, Any] | None = None) -> None:
    """Ask the providers of what is new whether they take the keys. One that cannot be reached, or takes too long, refuses nobody."""
    asked: list[tuple[str, str, Mapping[str, Any]]] = []
    for kind in ("stt", "llm", "tts", "s2s"):
        for name, specs in (
            (kind, (getattr(agent, kind),) if agent.has(kind) else ()),
            (f"{kind}_fallback", getattr(agent, f"{kind}_fallback", ())),
        ):
            if old is None or old.get(name) != agent.body.get(name):
                is_list = name != kind
                asked += [(f"{name}[{i}]" if is_list else name, kind, spec) for i, spec in enumerate(specs)]
    answers = await asyncio.gather(*(_check(context, kind, spec) for _, kind, spec in asked))
    for (path, _, _), problem in zip(asked, answers, strict=True):
        if problem:
            raise RestError(400, f"{path}.{'api_key' if 'key' in problem else 'provider'} {problem}")


async def _check(context: Context, kind: str, spec: Mapping[str, Any]) -> str | None:
    try:
        async with asyncio.timeout(CHECK_S):
            return await context.providers.check(kind, spec)
    except TimeoutError:
        return None
    except ProviderError as problem:
        return str(problem) if problem.kind in ("rejected_key", "bad_request") else None
