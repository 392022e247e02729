"""Agent tools at work: the parent is suspended, its model plays the sub-agent, and the parent goes on with the result."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from talkpath.agentstack.agent_tools.base import Step
from talkpath.agentstack.agent_tools.privacy import hidden
from talkpath.agentstack.conversation.mind import SubAgent
from talkpath.agentstack.providers.base import ToolCall
from talkpath.errors import TalkpathError

if TYPE_CHECKING:
    from talkpath.agentstack.conversation.talk import Talk


KEYS_PAUSE_S = 3.0  # without a key: the number is whole


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
        self._keys: asyncio.TimerHandle | None = None
        self.owes_a_turn = False

    def begins(self, sub: SubAgent) -> None:
        """The parent is suspended."""
        self._talk.mind.sub = sub
        if sub.tool.is_private:
            self._talk.spawn(self._mask(True))
        self._talk.send({"type": "agent_tool.started", **_named(sub)})
        self._timer = asyncio.get_running_loop().call_later(sub.tool.timeout_s, self._late, sub)

    def called(self, call: ToolCall) -> None:
        """The sub-agent's model called one of its tools."""
        sub = self._talk.mind.sub
        if sub is not None:
            step = sub.run.called(call.name, call.arguments)
            self._talk.history.result(call.id, dict(step.reply))
            self._did(sub, step)

    def key(self, digit: str) -> None:
        """The caller pressed a key: it may be what is asked for."""
        sub = self._talk.mind.sub
        if sub is None:
            return
        if self._keys is not None:
            self._keys.cancel()
        step = sub.run.key(digit)
        if step is None:
            self._keys = asyncio.get_running_loop().call_later(KEYS_PAUSE_S, self._keys_end, sub)
        else:
            self._entered(sub, step)

    def _keys_end(self, sub: SubAgent) -> None:
        if self._talk.mind.sub is sub and (step := sub.run.keys_end()) is not None:
            self._entered(sub, step)

    def _entered(self, sub: SubAgent, step: Step) -> None:
        """Its model hears of it, or the parent's goes on; the agent does not go on asking."""
        talk = self._talk
        talk.history.context(f"The caller has entered it by keys. submit gave: {json.dumps(dict(step.reply))}")
        self._did(sub, step)
        if talk.answer is None:
            talk.go_on()
        else:
            self.owes_a_turn = True
            talk.spawn(talk.call.interrupt())

    async def _mask(self, on: bool) -> None:
        with contextlib.suppress(TalkpathError):
            await self._talk.call.mask_recording(on)

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
        if self._keys is not None:
            self._keys.cancel()
        result = dict(step.result or {}) if step.failed is None else {"error": step.failed}
        known = hidden(result) if sub.tool.is_private else result
        talk.history.conclude(sub.call.id, known, {tool.name for tool in sub.run.tools})
        if sub.tool.is_private:
            talk.history.hide()
            talk.spawn(self._mask(False))
        if step.failed is not None:
            talk.send({"type": "agent_tool.failed", **_named(sub), "error": step.failed})
        else:
            talk.send({"type": "agent_tool.completed", **_named(sub), "result": result})


def _named(sub: SubAgent) -> dict[str, str]:
    return {"agent_tool_type": sub.tool.type, "agent_tool_id": sub.id}
