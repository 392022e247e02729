"""The one table of routes: what is served, what it takes and gives. The app and its OpenAPI are both made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from talkpath.agentstack.rest import agents, calls, numbers, sessions
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.pages import MAX_LIMIT
from talkpath.agentstack.store.queries import AGENT_ORDER, SESSION_ORDER

Handler: TypeAlias = Callable[[Context, Request], Awaitable[Response]]
PREFIX = "/v1/Account/{auth_id}"
Schema: TypeAlias = Mapping[str, Any]

_STRING: Schema = {"type": "string"}
_OBJECT: Schema = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes
    ----------
    method, path, name : str
        `path` without `PREFIX`.
    handler : coroutine function
    summary : str
    status : int
        Of success; 204 has no body.
    errors : tuple of int
        Besides 401, 403 and 503, which all have.
    query : mapping
        Parameter to schema.
    body : mapping or None
        Schema of the request's body.
    reply : mapping
        Properties of the reply besides `api_id`.
    is_list : bool
    """

    method: str
    path: str
    name: str
    handler: Handler
    summary: str
    status: int = 200
    errors: tuple[int, ...] = ()
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    reply: Mapping[str, Schema] = field(default_factory=dict)
    is_list: bool = False


def _fields(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "required": list(required), "properties": dict(properties)}


def _listing(orders: tuple[str, ...], *more: str) -> dict[str, Schema]:
    count: Schema = {"type": "integer", "minimum": 0}
    return {
        "limit": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20},
        "offset": count,
        "sort_by": {"type": "string", "enum": list(orders), "default": "created_at"},
        "sort_order": {"type": "string", "enum": ["asc", "desc"], "default": "desc"},
        "page": {"type": "integer", "minimum": 1},
        "per_page": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        **dict.fromkeys(("agent_mode", "participant_mode", *more), _STRING),
    }


_RANGES = tuple(f"{name}__{edge}" for name in ("created_at", "ended_at", "duration") for edge in ("gte", "lte"))
_AGENT_BODY = _fields(
    "agent_name", "websocket_url", "stt", "llm", "tts",
    agent_name=_STRING, websocket_url={"type": "string", "format": "uri"}, stt=_OBJECT, llm=_OBJECT, tts=_OBJECT,
    welcome_greeting=_STRING, speaks_first={"type": "string", "enum": ["agent", "user"]}, callbacks=_OBJECT, events=_OBJECT,
    semantic_vad={"oneOf": [_STRING, _OBJECT]}, idle_timeout=_OBJECT, agent_tools={"type": "array", "items": _OBJECT},
)  # fmt: skip
_AGENT: dict[str, Schema] = {
    **_AGENT_BODY["properties"], "agent_uuid": _STRING, "agent_mode": _STRING, "created_at": _STRING, "byok": {"type": "boolean"},
    "participant_mode": _STRING, "detection_method": _STRING, "numbers": {"type": "array", "items": _STRING},
}  # fmt: skip
_WHOLE: Schema = {"type": "integer"}
_SESSION: dict[str, Schema] = {
    **dict.fromkeys(("agent_session_id", "agent_session_uuid", "agent_uuid", "agent_name", "call_uuid", "primary_call_uuid", "state",
                     "created_at", "from_number", "to_number", "agent_mode", "participant_mode"), _STRING),
    **dict.fromkeys(("duration_seconds", "turn_count"), _WHOLE),
}  # fmt: skip
_NUMBERS: Schema = {"type": "array", "items": _STRING}
_SECONDS: Schema = {"type": "number"}
_MODE: Schema = {"type": "string", "enum": ["parallel", "sequential"], "default": "parallel"}
_CALL_BODY = _fields(
    "agent_id", "from", "to",
    **{"from": _STRING}, agent_id=_STRING, to={"oneOf": [_STRING, _NUMBERS]}, voicemail_detect={"type": "boolean"}, ring_timeout=_SECONDS,
    dial_mode=_MODE, caller_name=_STRING, time_limit=_SECONDS, machine_detection=_STRING, send_digits=_STRING,
)  # fmt: skip
_DIAL_BODY = _fields(
    "targets", targets={"type": "array", "items": _fields("number", number=_STRING, send_digits=_STRING)}, dial_mode=_MODE,
    caller_id=_STRING, timeout=_SECONDS, time_limit=_SECONDS,
)  # fmt: skip

OPERATIONS = (
    Operation("POST", "/Agent", "createAgent", agents.create, "Make an agent", 201, (400, 413), body=_AGENT_BODY, reply=_AGENT),
    Operation("GET", "/Agent", "listAgents", agents.get_all, "All agents", 200, (400,), _listing(AGENT_ORDER), reply=_AGENT, is_list=True),
    Operation("GET", "/Agent/{agent_uuid}", "getAgent", agents.get, "An agent", 200, (404,), reply=_AGENT),
    Operation("PATCH", "/Agent/{agent_uuid}", "updateAgent", agents.change, "Change an agent", 200, (400, 404, 409, 413),
              body={**_AGENT_BODY, "required": []}, reply=_AGENT),
    Operation("DELETE", "/Agent/{agent_uuid}", "deleteAgent", agents.delete, "Delete an agent", 204, (404,)),
    Operation("POST", "/AgentCall", "initiateCall", calls.initiate, "Call somebody", 201, (400, 404, 413), body=_CALL_BODY,
              reply={"call_uuid": _STRING, "status": _STRING, "agent_id": _STRING, "from": _STRING, "to": _NUMBERS}),
    Operation("POST", "/AgentCall/{call_uuid}/connect", "connectAgent", calls.connect, "Put an agent on a call", 201, (400, 404, 409, 413),
              body=_fields("agent_id", agent_id=_STRING), reply={"agent_session_id": _STRING, "status": _STRING}),
    Operation("POST", "/AgentCall/{call_uuid}/dial", "dialMore", calls.dial, "Ring more people for a call", 200, (400, 404, 409, 413),
              body=_DIAL_BODY, reply={"status": _STRING, "call_uuid": _STRING}),
    Operation("POST", "/Agent/{agent_uuid}/Number", "assignNumber", numbers.assign, "Let an agent answer a number", 201, (400, 404, 409, 413),
              body=_fields("number", number=_STRING), reply={"agent_uuid": _STRING, "number": _STRING}),
    Operation("GET", "/Agent/{agent_uuid}/Number", "listNumbers", numbers.get_all, "An agent's numbers", 200, (404,),
              reply={"agent_uuid": _STRING, "numbers": _NUMBERS}),
    Operation("DELETE", "/Agent/{agent_uuid}/Number/{number}", "unassignNumber", numbers.unassign, "Take a number away", 204, (404,)),
    Operation("GET", "/Agent/{agent_uuid}/Session", "listAgentSessions", sessions.of_agent, "An agent's sessions", 200, (400, 404),
              _listing(SESSION_ORDER, "call_uuid", "phone_number", *_RANGES), reply=_SESSION, is_list=True),
    Operation("GET", "/Agent/{agent_uuid}/Session/{session_id}", "getAgentSession", sessions.one_of_agent, "A session", 200, (404,),
              reply=_SESSION),
    Operation("GET", "/AgentSession", "listSessions", sessions.get_all, "All sessions", 200, (400,),
              _listing(SESSION_ORDER, "agent_id", "call_uuid", "phone_number", *_RANGES), reply=_SESSION, is_list=True),
    Operation("GET", "/AgentSession/{session_id}", "getSession", sessions.get, "A session", 200, (404,), reply=_SESSION),
)  # fmt: skip
