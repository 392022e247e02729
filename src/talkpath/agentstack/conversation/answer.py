"""One answer of the agent: the model's steps, their words and their tools, until the floor is free again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from talkpath.agentstack.conversation.figures import TurnFigures
from talkpath.agentstack.conversation.floor_items import Speech
from talkpath.agentstack.conversation.mind import EXTEND_WAIT, SubAgent
from talkpath.agentstack.conversation.prefill import Chat
from talkpath.agentstack.conversation.sentences import Sentences
from talkpath.agentstack.providers.base import Audio, Finished, ProviderError, Text, ToolCall, Whole

if TYPE_CHECKING:
    from talkpath.agentstack.conversation.talk import Talk

log = logging.getLogger("talkpath.agentstack")

FAREWELL_S = 0.3  # so soon after a tool's result a hang-up or a transfer may follow: what the model says to the result waits for it
MAX_STEPS = 12  # a model that calls tools for ever


class Answer:
    """What the agent does with one turn of the caller.

    Parameters
    ----------
    talk : Talk
    figures : TurnFigures
    chat : Chat, optional
        Begun before the turn was over.
    is_held : bool
        The caller has begun to speak again: say nothing before `release()`.
    nudge : str
        For the model alone, at the end of what it is given.
    source : str
        Of its utterances.
    """

    def __init__(
        self,
        talk: Talk,
        figures: TurnFigures,
        chat: Chat | None = None,
        is_held: bool = False,
        nudge: str = "",
        source: str = "llm",
    ) -> None:
        self._talk, self.figures, self._chat, self._is_held = talk, figures, chat, is_held
        self._nudge, self._source = nudge, source
        self._speeches: list[Speech] = []
        self._step_at = 0.0
        self._step = 0
        self._after_tools = False
        self.is_closing = False  # a hang-up or a transfer waits: no more steps
        self.is_abandoned = False
        self.in_tools = False
        self._work: asyncio.Task[None] | None = None
        self._accounts: list[asyncio.Task[None]] = []  # models whose figures are still to come

    @property
    def is_audible(self) -> bool:
        """The caller hears it, or has heard of it."""
        return any(speech.begun for speech in self._speeches)

    @property
    def speaks(self) -> bool:
        """Its newest words are being said, or were."""
        return bool(self._speeches) and self._speeches[-1].begun

    # --- from outside ------------------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """The caller speaks: begin to say nothing."""
        self._is_held = True
        for speech in self._speeches:
            if not speech.begun:
                speech.released.clear()

    def release(self) -> None:
        """It was nothing."""
        self._is_held = False
        for speech in self._speeches:
            self._free(speech)

    def cut(self) -> None:
        """The caller has taken the floor. Tools that run go on, and so does the answer after them."""
        self.figures.interrupted = True
        self.figures.num_interruptions += 1
        if not self.in_tools:
            self._stop()

    def give_way(self) -> None:
        """The caller goes on before it speaks: another answer takes its place. What was not begun to be said never is."""
        self.is_abandoned = not self.is_audible
        self._stop()
        for speech in self._speeches:
            if not speech.begun:
                self._talk.floor.drop(speech)

    def close(self) -> None:
        """A hang-up or a transfer comes: what a tool's result has just begun is not said, and nothing more is."""
        self.is_closing = True
        young = self._talk.clock() - self._step_at < FAREWELL_S
        if self._after_tools and not self.in_tools and young:
            self._stop()
            for speech in self._speeches[-1:]:
                if not speech.begun:
                    self._talk.floor.drop(speech)

    def _stop(self) -> None:
        if self._work is not None and not self._work.done():
            self.figures.llm_cancelled = self._chat is not None and not self._chat.is_over
            self._work.cancel()

    # --- its life ----------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until all of it was heard, or cut; then the turn is told."""
        self._work = asyncio.create_task(self._generate())
        try:
            await asyncio.wait({self._work})
            if not self._work.cancelled() and self._work.exception() is not None:
                log.error("an answer failed", exc_info=self._work.exception())
                self._talk.problem("internal_error", "the answer failed")
            for speech in self._speeches:
                speech.end()
            for speech in self._speeches:
                await asyncio.shield(speech.over)
                if speech.cancelled and speech.begun:
                    self.figures.tts_cancelled = True
            if not self.is_abandoned:
                await self._talk.settle([s.utterance for s in self._speeches if s.begun])
                await asyncio.gather(*self._accounts)
                self._talk.turn_over(self)
        finally:
            self._work.cancel()

    async def _generate(self) -> None:
        chat = self._chat
        for self._step in range(MAX_STEPS):
            if chat is None:
                chat = self._ask()
            calls = await self._listen(chat)
            self._chat = chat = None
            if not calls or not await self._use(calls) or self.is_closing:
                return
        self._talk.problem("llm_error", f"the model has called tools {MAX_STEPS} times in a row")

    def _ask(self) -> Chat:
        talk = self._talk
        messages = talk.history.messages(talk.mind.prompt)
        if self._nudge:
            messages.append({"role": "system", "content": self._nudge})
        return Chat(talk.model(), messages, talk.mind.tools, talk.clock)

    async def _listen(self, chat: Chat) -> list[ToolCall]:
        """One step of the model: its words to the floor, its calls returned."""
        talk, figures = self._talk, self.figures
        self._chat, self._step_at = chat, talk.clock()
        sentences, speech, entry, is_whole = Sentences(), None, None, False
        calls: list[ToolCall] = []
        try:
            async for delta in chat.deltas():
                if figures.llm_ttft_s is None:
                    figures.llm_ttft_s = chat.ttft_s
                if (
                    isinstance(delta, Text | Audio)
                    and speech is None
                    and (isinstance(delta, Audio) or delta.text.strip())
                ):
                    speech = self._begin()
                    entry = talk.history.agent(speech.utterance)
                if isinstance(delta, Audio):
                    figures.realtime_ttft_s = (
                        talk.clock() - chat.began_at if figures.realtime_ttft_s is None else figures.realtime_ttft_s
                    )
                    assert speech is not None
                    speech.hear(delta.pcm)
                elif isinstance(delta, Text):
                    if speech is not None and speech.sound is not None:
                        speech.words(delta.text)
                    elif speech is not None:
                        speech.say_all(sentences.feed(delta.text))
                elif isinstance(delta, ToolCall):
                    calls.append(delta)
                elif isinstance(delta, Whole):  # nobody waits for figures
                    is_whole = True
                    break
            if speech is not None and speech.sound is None:
                speech.say_all(sentences.flush())
        except ProviderError as problem:
            figures.error_source = "llm"
            talk.problem("llm_error", str(problem))
            talk.sub_agents.fails(str(problem))
            calls.clear()
        finally:
            if speech is not None:
                speech.end()
            if is_whole:
                self._accounts.append(talk.spawn(self._account_when_over(chat)))
            else:
                self._account(chat)
        if entry is not None:
            entry.calls = calls
        elif calls:
            talk.history.agent(None, calls)
        return calls

    def _begin(self) -> Speech:
        speech = self._talk.speech(self._source, self.figures)
        self._speeches.append(speech)
        self._free(speech)
        self._talk.floor.add(speech)
        return speech

    def _free(self, speech: Speech) -> None:
        if self._is_held or speech.begun:
            return
        wait_s = self._step_at + FAREWELL_S - self._talk.clock()
        if self._after_tools and wait_s > 0:
            asyncio.get_running_loop().call_later(wait_s, self._free, speech)
        else:
            speech.released.set()

    async def _account_when_over(self, chat: Chat) -> None:
        try:
            await chat.over()
        finally:
            self._account(chat)

    def _account(self, chat: Chat) -> None:
        figures = self.figures
        if not chat.is_over:
            chat.cancel()
            figures.llm_cancelled = True
        took_s = chat.duration_s if chat.duration_s is not None else self._talk.clock() - chat.began_at
        figures.llm_duration_s = (figures.llm_duration_s or 0.0) + took_s
        done = chat.finished or Finished(provider=chat.model.provider, model=chat.model.model)
        figures.llm = Finished(
            done.reason, figures.llm.input_tokens + done.input_tokens, figures.llm.cached_tokens + done.cached_tokens,
            figures.llm.output_tokens + done.output_tokens, done.provider, done.model, done.request_id,
        )  # fmt: skip
        if chat.model is not self._talk.app_model:  # the app's own is not ours to count
            self._talk.usage.llm(done, took_s)

    # --- tools -------------------------------------------------------------------------------------------------------------------

    async def _use(self, calls: Sequence[ToolCall]) -> bool:
        """Have the tools run. False: no other step follows."""
        talk, mind = self._talk, self._talk.mind
        goes_on, outs, begins = True, [], None
        for call in calls:
            if mind.is_sub_tool(call.name):
                talk.sub_agents.called(call)
            elif (
                call.name == EXTEND_WAIT.name and mind.may_wait and not any(t.name == call.name for t in mind.app_tools)
            ):
                await talk.extend_wait()
                talk.history.result(call.id, {"status": "ok"})
            elif (tool := mind.agent_tool(call.name)) is not None and begins is None:
                begins = SubAgent(tool, tool.begin(), call)
            elif mind.is_agent_tool(call.name):  # the app knows nothing of it
                talk.history.result(call.id, {"error": "another one is at work: one at a time"})
            else:
                outs.append(call)
        if outs:
            goes_on = await self._app_tools(outs)
        if begins is not None and not self.is_closing:
            talk.sub_agents.begins(begins)
        self.figures.agent_tool_id = mind.sub.id if mind.sub is not None else self.figures.agent_tool_id
        return goes_on

    async def _app_tools(self, calls: Sequence[ToolCall]) -> bool:
        talk = self._talk
        self.in_tools = self._after_tools = True
        try:
            outcomes = await talk.app_tools.call(calls, talk.agent.tool_call_timeout_s)
        finally:
            self.in_tools = False
        for call in calls:
            talk.history.result(call.id, outcomes[call.id].result)
            if outcomes[call.id].is_late:
                talk.problem("tool_timeout", f"{call.name}: no answer within {talk.agent.tool_call_timeout_s:g} s")
        talk.tools_executed(calls, outcomes)
        self._step_at = talk.clock()
        return not self.is_closing
