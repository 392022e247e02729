"""One call's talk: what the agent says and does, and what the app is told of it. Time comes from a clock that is given; sockets are elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from talkpath.agentstack.agent import PARTS, Agent
from talkpath.agentstack.agent_tools.base import AgentTool
from talkpath.agentstack.conversation.answer import Answer
from talkpath.agentstack.conversation.app_model import AppModel
from talkpath.agentstack.conversation.app_tools import AppTools, Outcome
from talkpath.agentstack.conversation.figures import TurnFigures, Usage
from talkpath.agentstack.conversation.floor import Floor
from talkpath.agentstack.conversation.floor_items import Speech, Spoken
from talkpath.agentstack.conversation.history import History
from talkpath.agentstack.conversation.listening import Listener
from talkpath.agentstack.conversation.mind import Mind, tools_of
from talkpath.agentstack.conversation.sub_agents import SubAgents
from talkpath.agentstack.conversation.turn_taking import TurnTaking
from talkpath.agentstack.conversation.utterance import Utterance
from talkpath.agentstack.providers.base import (
    Audio,
    Delta,
    Finished,
    LanguageModel,
    ProviderError,
    SpeechModel,
    SpeechToText,
    Text,
    TextToSpeech,
    ToolCall,
)
from talkpath.agentstack.wire_events import iso
from talkpath.call.config import SemanticVad
from talkpath.errors import TalkpathError
from talkpath.server import PhoneCall

log = logging.getLogger("talkpath.agentstack")

SETTLE_S = 1.0  # so long the engine's last word about an utterance is waited for
NUDGE = "The caller has not said anything for a while. In one short sentence that fits the conversation, ask whether they are still there. Call no tool."


class Talk:
    """The talk of an agent with a caller.

    Parameters
    ----------
    call : PhoneCall
    agent : Agent
    delays : SemanticVad
        The engine's, as this call has them.
    stt, llm, tts : callables
        Give the providers of now: an update may change them. None: the agent's mode has none.
    agent_tools : sequence of AgentTool
    send : callable
        A message to the app; never waits.
    clock : callable
        Seconds, monotonic.
    keep : callable, optional
        What nobody is told, and reports read.
    speaker : SpeechModel, optional
        Hears, answers and speaks, instead of the three.
    """

    def __init__(
        self,
        call: PhoneCall,
        agent: Agent,
        delays: SemanticVad,
        stt: Callable[[], SpeechToText | None],
        llm: Callable[[], LanguageModel | None],
        tts: Callable[[], TextToSpeech | None],
        agent_tools: Sequence[AgentTool],
        send: Callable[[Mapping[str, Any]], None],
        clock: Callable[[], float],
        keep: Callable[[Mapping[str, Any]], None] = lambda message: None,
        speaker: SpeechModel | None = None,
    ) -> None:
        self.call, self.agent, self.delays, self.clock, self.send = call, agent, delays, clock, send
        self.keep = keep
        self.app_model = AppModel() if agent.mode == "customer_llm" else None
        self._llm, self.speaker = llm, speaker
        self.history, self.usage = History(), Usage()
        self.mind = Mind(
            str(agent.llm.get("system_prompt") or ""), tools_of(agent.llm), agent_tools, agent.idle_timeout is not None
        )
        self.app_tools = AppTools(send)
        if speaker is not None:
            speaker.tools = lambda: self.mind.tools
            speaker.talk_so_far = lambda: self.history.messages(self.mind.prompt)
        self.turn_taking, self.sub_agents = TurnTaking(self), SubAgents(self)
        self.listener = Listener(
            call, stt if speaker is None else lambda: speaker, self.turn_taking.heard, self.problem, clock, self.failed
        )
        self.floor = Floor(call, tts, self._voice_done, self.problem, clock, self.failed)
        self.began_at, self._began_s = datetime.now(UTC), clock()
        self.answer: Answer | None = None
        self.turns = 0  # of the caller
        self.turns_told = 0  # the greeting's included
        self.is_closing = False  # a hang-up or a transfer waits: nothing new is begun
        self._left, self._is_over = asyncio.Event(), False
        self._tasks: set[asyncio.Task[None]] = set()
        self._utterances: dict[str, tuple[Utterance, TurnFigures]] = {}
        self._settled: dict[str, asyncio.Event] = {}
        self._speaking: TurnFigures | None = None  # of what was said last
        self._untold: list[TurnFigures] = []  # turns that have begun
        self._numbers = itertools.count(1)

    @property
    def is_private(self) -> bool:
        """What the caller says now is not to be kept."""
        return self.mind.sub is not None and self.mind.sub.tool.is_private

    def model(self) -> LanguageModel:
        """Who answers."""
        model = self.app_model or self.speaker or self._llm()
        assert model is not None
        return model

    def figures(self, turn_number: int, turn_id: str, user_text: str = "", agent_first: bool = False) -> TurnFigures:
        """Of a turn that begins."""
        pipeline = "_".join(PARTS[self.agent.mode])
        return TurnFigures(turn_number, turn_id, user_text, agent_first, pipeline=pipeline)

    # --- its life ----------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Hear and speak until the line is gone."""
        work = [asyncio.create_task(self.floor.run())]
        if self.agent.mode != "raw":
            work.append(asyncio.create_task(self.listener.run()))
        over = [asyncio.create_task(self.call.wait_ended()), asyncio.create_task(self._left.wait())]
        try:
            await asyncio.wait(over, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._is_over = True
            self.turn_taking.drop_prefill()
            for task in (*over, *work, *self._tasks):
                task.cancel()
            await asyncio.gather(*over, *work, *self._tasks, return_exceptions=True)
            self._count_hearing()
            for figures in [untold for untold in self._untold if untold.agent_started_at is not None]:
                figures.interrupted = True  # by the end of the call
                self._tell(figures)

    def leave(self) -> None:
        """The agent leaves; the call may go on with somebody else."""
        self._left.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do it beside the talk, at most until its end."""
        task = asyncio.create_task(work)
        if self._is_over:  # a last word of the recogniser's, or of the app's
            task.cancel()
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if (
            not task.cancelled()
            and (problem := task.exception()) is not None
            and not isinstance(problem, TalkpathError)
        ):
            self.failed("what the talk does beside", problem)

    def failed(self, what: str, problem: BaseException) -> None:
        """A fault of ours: the log has all of it, and the talk goes on."""
        log.error("%s failed", what, exc_info=problem)
        self.problem("internal_error", f"{what} failed ({type(problem).__name__})")

    @contextlib.contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """A fault inside ends what is inside, and nothing else."""
        try:
            yield
        except Exception as problem:
            self.failed(what, problem)

    def problem(self, code: str, message: str) -> None:
        """The app should know."""
        self.send({"type": "session.error", "code": code, "message": message, "timestamp": self.now})

    def iso(self, at: float) -> str:
        """A time of the clock as ISO 8601."""
        return iso(datetime.fromtimestamp(self.began_at.timestamp() + at - self._began_s, UTC))

    @property
    def age_s(self) -> float:
        """Since it began; the wall clock may be set meanwhile."""
        return self.clock() - self._began_s

    @property
    def now(self) -> str:
        """The present time as ISO 8601."""
        return self.iso(self.clock())

    # --- what the agent says -----------------------------------------------------------------------------------------------------

    def speech(self, source: str, figures: TurnFigures) -> Speech:
        """An utterance that begins to be made; the app hears of it."""
        speech = Speech(Utterance(f"{source}-{next(self._numbers)}", source))
        if self.speaker is not None:
            speech.sound, speech.sample_rate_hz = asyncio.Queue(), self.speaker.sample_rate_hz
        figures.utterances.append(speech.utterance)
        self._utterances[speech.utterance.name] = speech.utterance, figures
        self._settled[speech.utterance.name] = asyncio.Event()
        self.send(
            {
                "type": "agent.speech_created",
                "source": source,
                "user_initiated": False,
                "timestamp": self.now,
            }
        )
        return speech

    def say(self, text: str, source: str = "speak", agent_first: bool = False) -> Speech:
        """Words that are known, in their turn."""
        figures = self.figures(self.turns, str(uuid.uuid4()), agent_first=agent_first)
        speech = self.speech(source, figures)
        self.history.app_says(speech.utterance)
        if self.speaker is None:
            speech.say_all([text])
            speech.end()
        else:
            speaker = self.speaker
            speech.begin = lambda: self._begin_voiced(speech, speaker.say(text))
        speech.released.set()
        self.floor.add(speech)
        if agent_first:
            self._untold.append(figures)
            self.spawn(self._tell_first(speech, figures))
        return speech

    def _begin_voiced(self, speech: Speech, deltas: AsyncIterator[Delta]) -> None:
        self.spawn(self._voiced(speech, deltas))

    async def _voiced(self, speech: Speech, deltas: AsyncIterator[Delta]) -> None:
        """Known words by a model that speaks."""
        try:
            async with contextlib.aclosing(deltas) as given:  # type: ignore[type-var]
                async for delta in given:
                    if isinstance(delta, Audio):
                        speech.hear(delta.pcm)
                    elif isinstance(delta, Text):
                        speech.words(delta.text)
                    elif isinstance(delta, Finished):
                        self.usage.llm(delta, 0.0)
                    if speech.cancelled:
                        break
        except ProviderError as problem:
            speech.problem = problem
        finally:
            speech.end()

    async def _tell_first(self, speech: Speech, figures: TurnFigures) -> None:
        await asyncio.shield(speech.over)
        if speech.begun:
            await self.settle([speech.utterance])
        figures.interrupted = speech.utterance.is_cut
        self._tell(figures)

    def utterance(self, name: str) -> Utterance | None:
        """By its name in the engine's events."""
        return self._utterances[name][0] if name in self._utterances else None

    def cut_at(self, name: str, position_s: float) -> None:
        """So much of it was heard, says the engine."""
        if (said := self.utterance(name)) is not None:
            said.is_cut, said.heard_s = True, position_s
            if self.speaker is not None:
                self.speaker.heard(position_s)

    def turn_id(self, name: str) -> str | None:
        """Of the turn that an utterance belongs to."""
        return self._utterances[name][1].turn_id if name in self._utterances else None

    def figures_of(self, name: str) -> TurnFigures | None:
        """Of the turn that an utterance belongs to; it is spoken now."""
        if name in self._utterances:
            self._speaking = self._utterances[name][1]
            return self._speaking
        return None

    def speaking_figures(self) -> TurnFigures | None:
        """Of what is said, or was said last."""
        return self._speaking

    def told(self, name: str) -> None:
        """The engine's last word about an utterance went to the app."""
        if name in self._settled:
            said, figures = self._utterances[name]
            self.keep({"type": "talkpath.utterance", "utterance": name, "source": said.source, "turn_id": figures.turn_id, "text": said.text,
                       "heard_text": said.heard_text(), "is_cut": said.is_cut, "timestamp": self.now})  # fmt: skip
            self._settled[name].set()

    async def settle(self, utterances: Sequence[Utterance]) -> None:
        """Wait until the engine's last word about them was told."""
        for utterance in utterances:
            try:
                async with asyncio.timeout(SETTLE_S):
                    await self._settled[utterance.name].wait()
            except TimeoutError:
                pass

    def turn_over(self, answer: Answer) -> None:
        """All of an answer was heard, or cut."""
        if self.answer is answer:
            self.answer = None
        self._tell(answer.figures)
        if self.sub_agents.owes_a_turn and self.answer is None:
            self.sub_agents.owes_a_turn = False
            self.go_on()
        self._hear_app()

    def _tell(self, figures: TurnFigures) -> None:
        if figures in self._untold:
            self._untold.remove(figures)
        self.turns_told += 1
        self.send(figures.completed(self.iso))
        self.send(figures.metrics(self.iso))
        self.tell_usage()

    def tell_usage(self) -> None:
        """`session.usage`, as it is now."""
        self._count_hearing()
        self.send({"type": "session.usage", "models": self.usage.models()})

    def _count_hearing(self) -> None:
        if self.agent.has("stt") or self.agent.has("s2s"):
            self.usage.stt(*self.listener.provider, self.listener.audio_s)

    def _voice_done(self, utterance: Utterance, voice: TextToSpeech, spoken: Spoken) -> None:
        self.usage.tts(voice.provider, voice.model, spoken)
        self._utterances[utterance.name][1].spoke(spoken, voice.provider, voice.model)

    def interrupted(self) -> None:
        """The engine has given the floor to the caller."""
        self.floor.interrupted()
        figures = self._speaking
        if figures is not None and (self.answer is None or figures is not self.answer.figures):
            figures.num_interruptions += 1
        if self.answer is not None:
            self.answer.cut()

    # --- answers -----------------------------------------------------------------------------------------------------------------

    def start(self, answer: Answer) -> None:
        """Let it run."""
        self.answer = answer
        self._untold.append(answer.figures)
        self.spawn(answer.run())

    def go_on(self, nudge: str = "", source: str = "llm", agent_first: bool = False) -> None:
        """The model's turn without a word of the caller's."""
        if not self.is_closing and self.answer is None:
            self.turns += not agent_first
            figures = self.figures(self.turns, str(uuid.uuid4()), agent_first=agent_first)
            is_held = self.turn_taking.caller_speaks
            self.start(Answer(self, figures, None, is_held, nudge, source))

    def app_answers(self, token: str, last: bool) -> None:
        """Words of the app's own model."""
        assert self.app_model is not None
        self.app_model.put(token, last)
        self._hear_app()

    def _hear_app(self) -> None:
        """What it says unasked is said, too."""
        if self.app_model is not None and self.answer is None and self.app_model.has_more:
            self.go_on(agent_first=not self.turns)

    def user_said(self, text: str, is_final: bool, language: str | None = None, speaker_id: str | None = None) -> None:
        """The app is told the caller's words, where they are its own to answer."""
        if self.agent.mode in ("customer_llm", "stt"):
            self.send({
                "type": "user.transcription", "text": text, "is_final": is_final, "language": language, "speaker_id": speaker_id,
                "timestamp": self.now,
            })  # fmt: skip

    def heard_only(self, figures: TurnFigures) -> None:
        """A turn that nobody here answers."""
        self._tell(figures)

    def tools_executed(self, calls: Sequence[ToolCall], outcomes: Mapping[str, Outcome]) -> None:
        """The app is told what its tools gave."""
        done = []
        for call in calls:
            result, is_error, _ = outcomes[call.id]
            done.append({
                "name": call.name, "call_id": call.id, "arguments": json.dumps(dict(call.arguments), ensure_ascii=False),
                "output": result if isinstance(result, str) else json.dumps(result, ensure_ascii=False, default=str), "is_error": is_error,
            })  # fmt: skip
        self.send({"type": "tool.executed", "calls": done, "timestamp": self.now})

    async def extend_wait(self) -> None:
        """The caller asked for time."""
        await self.call.extend_wait()
