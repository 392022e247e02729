"""LiveKit's answering machine detection, with what the call hears: who answered, the beep, keys."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from livekit.agents import AgentSession
from livekit.agents.voice.amd import AMD, AMDCategory, AMDPredictionEvent

from talkpath.call import events as e
from talkpath.integrations.livekit.phone import TalkpathIO

REASON = "talkpath"  # of a verdict: "talkpath: beep" and the like


class PhoneAMD(AMD):
    """`AMD`, for a call with `CallConfig(detection_method="audio")`.

    async with PhoneAMD(phone, session) as amd:
        result = await amd.execute()
        if result.category == "machine-vm":     # the beep is over: speak now
            await session.say(TEXT, audio=frames(PCM))

    A key is a person's, and a beep a mailbox's, whatever was understood. A short greeting is a person's where the LLM has not read it
    otherwise by then. What a machine says is for the LLM (a menu, a full mailbox); a verdict of "machine-vm" waits for the beep.

    Parameters
    ----------
    phone : TalkpathIO
    session : AgentSession
    beep_timeout_s : float
        A mailbox without a beep is spoken to so long after the verdict.
    options
        As `AMD`'s. Its LLM is the session's where none is given.
    """

    def __init__(self, phone: TalkpathIO, session: AgentSession[Any], *, beep_timeout_s: float = 8.0, **options: Any):
        super().__init__(session, **options)
        self._phone, self._beep_timeout_s = phone, beep_timeout_s
        self._evidence: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._evidence = [asyncio.ensure_future(self._answered()), asyncio.ensure_future(self._beeped())]
        self._phone.on("user.dtmf", self._key)
        return self

    async def execute(self) -> AMDPredictionEvent:
        """The verdict; of a mailbox, when its beep is over."""
        result = await super().execute()
        if result.category == AMDCategory.MACHINE_VM:
            await asyncio.wait(
                [beep := asyncio.ensure_future(self._phone.wait_for_beep())], timeout=self._beep_timeout_s
            )
            beep.cancel()
        return result

    async def aclose(self) -> None:
        if self._evidence:
            self._phone.off("user.dtmf", self._key)
        for task in self._evidence:
            task.cancel()
        self._evidence.clear()
        await super().aclose()

    async def _answered(self) -> None:
        if await asyncio.shield(self._phone.answered_by) == "human":
            self._settle(AMDCategory.HUMAN, "short greeting")

    async def _beeped(self) -> None:
        if await self._phone.wait_for_beep():
            self._overrule(AMDCategory.MACHINE_VM, "beep")

    def _key(self, event: e.UserDtmf) -> None:
        self._overrule(AMDCategory.HUMAN, f"key {event.digit}")

    def _overrule(self, category: AMDCategory, why: str) -> None:
        if self._classifier is not None and self.pending:
            self._classifier._verdict_result = None
            self._settle(category, why)

    def _settle(self, category: AMDCategory, why: str) -> None:
        """Whoever has spoken is done: nothing more is waited for."""
        if self._classifier is not None:
            self._classifier.settle(category, f"{REASON}: {why}")
            self._classifier.on_end_of_turn()
