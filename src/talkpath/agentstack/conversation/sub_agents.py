"""Agent tools at work: the parent is suspended, its model plays the sub-agent, and the parent goes on with the result."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from talkpath.agentstack.agent_tools.base import Step
from talkpath.agentstack.conversation.mind import SubAgent
from talkpath.agentstack.providers.base import ToolCall

if TYPE_CHECKING:
    from talkpath.agentstack.conversation.talk import Talk


class SubAgents:
    """Of one talk; one at a time.

    Attributes
    ----------
    owes_a_turn : bool
        One ran out of time while an answer was under way: the parent's turn comes after it.
    """

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._timer: asyncio.TimerHandle | None = None
        self.owes_a_turn = False

    def begins(self, sub: SubAgent) -> None:
        """The parent is suspended."""
        self._talk.mind.sub = sub
        self._talk.send({"type": "agent_tool.started", **_named(sub)})
        self._timer = asyncio.get_running_loop().call_later(sub.tool.timeout_s, self._late, sub)

    def called(self, call: ToolCall) -> None:
        """The sub-agent's model called one of its tools."""
        sub = self._talk.mind.sub
        if sub is not None:
            step = sub.run.called(call.name, call.arguments)
            self._talk.history.result(call.id, dict(step.reply))
            self._did(sub, step)

    def fails(self, problem: str) -> None:
        """Its model cannot be had: the parent goes on without a result, with the caller's next words."""
        if self._talk.mind.sub is not None:
            self._did(self._talk.mind.sub, Step({}, failed=problem))

    def _late(self, sub: SubAgent) -> None:
        if self._talk.mind.sub is sub:
            self._did(sub, sub.run.timed_out())
            self.owes_a_turn = self._talk.answer is not None
            self._talk.go_on()

    def _did(self, sub: SubAgent, step: Step) -> None:
        if step.result is None and step.failed is None:
            return
        talk = self._talk
        talk.mind.sub = None
        if self._timer is not None:
            self._timer.cancel()
        result = dict(step.result or {}) if step.failed is None else {"error": step.failed}
        talk.history.conclude(sub.call.id, result, {tool.name for tool in sub.run.tools})
        if step.failed is not None:
            talk.send({"type": "agent_tool.failed", **_named(sub), "error": step.failed})
        else:
            talk.send({"type": "agent_tool.completed", **_named(sub), "result": result})


def _named(sub: SubAgent) -> dict[str, str]:
    return {"agent_tool_type": sub.tool.type, "agent_tool_id": sub.id}
