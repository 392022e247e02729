"""What REST asks of the phone side: place a call, put an agent on one, ring more people for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from talkpath.agentstack.agent import Agent

DIAL_MODES = ("parallel", "sequential")


class ControlError(Exception):
    """The call cannot be had, and nothing was done.

    Parameters
    ----------
    status : {404, 400, 409, 503}
        No such call; a field that cannot be; the call is over, or somebody is already on it; no more calls are taken now.
        503 only where nothing was begun: a customer's program sends its request again.
    message : str
        For people; begins with the field's path where one is to blame.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class NewCall:
    """`POST /AgentCall`, checked. Several numbers are hunted as `dial_mode` says.

    Attributes
    ----------
    detection_method : {"disabled", "audio", "llm"}
        The request's `voicemail_detect` or `machine_detection` (true: "audio"), else the agent's own.
    ring_timeout_s : float
        For each number.
    time_limit_s : float or None
        The call ends after so long.
    send_digits : str
        Keys that are pressed when somebody has answered; "w" and "W" wait 0.5 and 1 s.
    """

    agent: Agent
    to: tuple[str, ...]
    from_number: str
    detection_method: str
    ring_timeout_s: float = 30.0
    dial_mode: str = "parallel"
    caller_name: str = ""
    time_limit_s: float | None = None
    send_digits: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody to be rung."""

    number: str
    send_digits: str = ""


@dataclass(frozen=True, slots=True)
class DialMore:
    """`POST /AgentCall/{call_uuid}/dial`, checked: who answers is put on the call, as a transfer does it."""

    targets: Sequence[Target]
    dial_mode: str = "parallel"
    caller_id: str = ""
    ring_timeout_s: float = 30.0
    time_limit_s: float | None = None


class CallControl(Protocol):
    """The phone side, as REST sees it. None of these waits until somebody answers. All raise `ControlError`."""

    async def initiate(self, call: NewCall) -> str:
        """Begin to dial and return the call's `call_uuid`. The call is in the store (`Sessions.call_began`, durable) when it returns.

        Whatever fails later (busy, no answer, a carrier that cannot be reached) ends the call with its cause and hangup callback.
        """
        ...

    async def connect(self, call_uuid: str, agent: Agent) -> str:
        """Put `agent` on a live call; the `agent_session_id` of what begins."""
        ...

    async def dial(self, call_uuid: str, more: DialMore) -> None:
        """Ring `more.targets` for a live call."""
        ...
