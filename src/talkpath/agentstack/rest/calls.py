"""R6 to R8: calls. What is asked is checked here and done by `CallControl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from talkpath.agentstack import agent_fields as f
from talkpath.agentstack.agent import Agent, AgentError
from talkpath.agentstack.rest.context import Context
from talkpath.agentstack.rest.control import DIAL_MODES, DialMore, NewCall, Target
from talkpath.agentstack.rest.replies import RestError, body_of, reply

MAX_NUMBERS = 10
_RING_S = f.number(1, 600)
_LIMIT_S = f.number(1, 86_400)
_LATER = ("hangup_on_star", "dial_music", "confirm_sound", "confirm_key", "sip_headers")


async def initiate(context: Context, request: Request) -> Response:
    """R6."""
    body = await body_of(request)
    agent = await _agent(context, body)
    from_number = f.phone_number("from", body.get("from"))
    given = body.get("to")
    numbers = f.listing("to", [given] if isinstance(given, str) else given, MAX_NUMBERS)
    if not numbers:
        raise AgentError("to", "is empty")
    to = tuple(f.phone_number(f"to[{i}]", number) for i, number in enumerate(numbers))
    call_uuid = await context.control.initiate(
        NewCall(
            agent,
            to,
            from_number,
            _detection(body, agent),
            ring_timeout_s=_given(body, "ring_timeout", _RING_S, 30.0),
            dial_mode=_given(body, "dial_mode", f.one_of(*DIAL_MODES), DIAL_MODES[0]),
            caller_name=_given(body, "caller_name", f.text, ""),
            time_limit_s=_given(body, "time_limit", _LIMIT_S, None),
            send_digits=_given(body, "send_digits", f.digits, ""),
        )
    )
    answer = {"message": "call initiated", "call_uuid": call_uuid, "status": "initiated", "agent_id": agent.agent_uuid}
    return reply({**answer, "from": from_number, "to": list(to), "participant_mode": "dual", "mpc_name": None}, 201)


async def connect(context: Context, request: Request) -> Response:
    """R7."""
    agent = await _agent(context, await body_of(request))
    agent_session_id = await context.control.connect(request.path_params["call_uuid"], agent)
    return reply({"message": "agent connecting", "agent_session_id": agent_session_id, "status": "connecting"}, 201)


async def dial(context: Context, request: Request) -> Response:
    """R8."""
    body = await body_of(request)
    for name in _LATER:
        if body.get(name):
            raise AgentError(name, "is not served yet")
    given = f.listing("targets", body.get("targets"), MAX_NUMBERS)
    if not given:
        raise AgentError("targets", "is empty")
    targets = []
    for i, one in enumerate(given):
        target = f.mapping(f"targets[{i}]", one)
        number = f.phone_number(f"targets[{i}].number", target.get("number"))
        digits = target.get("send_digits")
        targets.append(Target(number, "" if digits is None else f.digits(f"targets[{i}].send_digits", digits)))
    more = DialMore(
        tuple(targets),
        dial_mode=_given(body, "dial_mode", f.one_of(*DIAL_MODES), DIAL_MODES[0]),
        caller_id=_given(body, "caller_id", f.phone_number, ""),
        ring_timeout_s=_given(body, "timeout", _RING_S, 30.0),
        time_limit_s=_given(body, "time_limit", _LIMIT_S, None),
    )
    call_uuid = request.path_params["call_uuid"]
    await context.control.dial(call_uuid, more)
    return reply({"message": "dialing", "status": "dialing", "call_uuid": call_uuid})


async def _agent(context: Context, body: Mapping[str, Any]) -> Agent:
    """`agent_id`, or as replies call it."""
    agent_uuid = f.name("agent_id", body.get("agent_id", body.get("agent_uuid")))
    agent = await context.store.agent(agent_uuid)
    if agent is None:
        raise RestError(404, "agent_id: agent not found")
    return agent


def _given(body: Mapping[str, Any], name: str, check: f.Check, default: Any) -> Any:
    value = body.get(name)
    return default if value is None or value == "" else check(name, value)


def _detection(body: Mapping[str, Any], agent: Agent) -> str:
    """Who answers is found out where the call asks for it, in the agent's way if it has one."""
    wanted = False
    for name in ("voicemail_detect", "machine_detection"):
        value = body.get(name)
        if value in ("audio", "llm"):
            return str(value)
        if isinstance(value, str) and value.lower() in ("true", "false", "hangup", ""):
            value = value.lower() in ("true", "hangup")
        wanted = wanted or (value is not None and f.flag(name, value))
    return "audio" if wanted and agent.detection_method == "disabled" else agent.detection_method
