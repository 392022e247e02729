"""Which agent tools there are, by their type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.agent_tools import collect_address, collect_email, collect_phone
from talkpath.agentstack.agent_tools.base import AgentTool
from talkpath.agentstack.agent_tools.collect_credit_card import CollectCreditCard
from talkpath.agentstack.agent_tools.collect_digits import CollectDigits
from talkpath.agentstack.agent_tools.collect_dob import CollectDob
from talkpath.agentstack.agent_tools.collect_name import CollectName
from talkpath.agentstack.agent_tools.collector import Collector

AGENT_TOOLS: dict[str, Callable[[Mapping[str, Any]], AgentTool]] = {
    "collect_address": partial(Collector, collect_address.FORM),
    "collect_credit_card": CollectCreditCard,
    "collect_digits": CollectDigits,
    "collect_dob": CollectDob,
    "collect_email": partial(Collector, collect_email.FORM),
    "collect_name": CollectName,
    "collect_phone": partial(Collector, collect_phone.FORM),
}


def agent_tool(spec: Mapping[str, Any]) -> AgentTool:
    """One entry of an agent's `agent_tools`, ready to run.

    Parameters
    ----------
    spec : mapping
        {"type", "config"}.

    Raises
    ------
    AgentError
        There is no such tool, or its configuration is wrong. The path is within `spec` ("config.timeout_s").
    """
    kind = spec.get("type")
    if not isinstance(kind, str) or kind not in AGENT_TOOLS:
        raise AgentError("type", f"must be one of {', '.join(sorted(AGENT_TOOLS))} (got {kind!r})")
    config = spec.get("config")
    if config is not None and not isinstance(config, Mapping):
        raise AgentError("config", "must be an object")
    return AGENT_TOOLS[kind](config or {})
