"""Whose turn it is, and what is done about it: the engine's events and the recogniser's words together.

The engine alone decides who has the floor. Words help it: an unfinished sentence makes it wait, a nod does not interrupt, a word over the agent does.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from typing import TYPE_CHECKING

from talkpath.agentstack.agent_tools.privacy import HIDDEN
from talkpath.agentstack.conversation.answer import Answer
from talkpath.agentstack.conversation.figures import TurnFigures
from talkpath.agentstack.conversation.hints import is_nod, turn_probability
from talkpath.agentstack.conversation.history import Entry
from talkpath.agentstack.conversation.prefill import Chat
from talkpath.agentstack.conversation.turn_words import TurnWords
from talkpath.agentstack.providers.base import Finished, Transcript
from talkpath.agentstack.wire_events import METHODS
from talkpath.call import events as e
from talkpath.call.words import ends_sentence

if TYPE_CHECKING:
    from talkpath.agentstack.conversation.talk import Talk

WORDS_WAIT_S = 1.5  # so long the words of a turn are waited for; those that come later are answered when they come
MOST_PREFILLS = 8  # of one turn: each is a request that is paid for
SURE, UNSURE = 0.95, 0.5  # of a turn's end
ENGINE_CHARS = 4096  # of a transcript: words before these change nothing for the engine
COMMIT_WITHOUT_WORDS_S = 0.8  # of speech over the agent: no nod is so long


class TurnTaking:
    """Of one talk."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self.words = TurnWords(talk.agent.stt.get("language"))
        self.is_deaf = False  # what is heard is answered by nobody
        self.unanswered: list[str] = []  # what was
        self.turn_id = str(uuid.uuid4())  # of the caller's last turn, and of the answer to it
        self.caller_speaks = False
        self._agent_sounds = False
        self._overlap = False  # his present speech began over the agent's
        self._is_wordless = False  # a turn is over, and its words are not there yet
        self._onset_at: float | None = None
        self._turn_onset_at: float | None = None
        self._last_sound_at: float | None = None
        self._prefill: Chat | None = None
        self._prefills = 0  # of this turn
        self._event: e.UserTurnCompleted | None = None
        self._words_came = asyncio.Event()
        self._transcript: Transcript | None = None  # the last
        self._unworded: deque[tuple[TurnFigures, Entry]] = (
            deque()
        )  # turns of a model that hears; their words come later
        self._is_doubted = False  # by words of this turn
        self._unjudged: e.UserSpeechStarted | None = None  # over the agent
        self._spoken_ms = 0.0  # of it

    # --- the engine's events -----------------------------------------------------------------------------------------------------

    def verdict(self, event: e.Event) -> e.UserBackchannel | None:
        """What goes before an event: each overlap is judged once, and the engine leaves to us what words, or their lack, decide."""
        began = self._unjudged
        if began is None or not isinstance(event, e.AgentFalseInterruption | e.AgentSpeechInterrupted):
            return None
        if self._talk.call.ended is not None:  # that cut it, not he
            return None
        is_interruption = isinstance(event, e.AgentSpeechInterrupted)
        delay_ms = max(0.0, event.timestamp_ms - began.onset_ms)
        verdict = e.UserBackchannel(
            event.clock, event.timestamp_ms, is_interruption, float(is_interruption), delay_ms,
            self._spoken_ms or delay_ms, began.onset_ms,
        )  # fmt: skip
        self.on_event(verdict)
        return verdict

    def on_event(self, event: e.Event) -> None:
        """What the engine found."""
        talk = self._talk
        at = talk.listener.time.at(event.timestamp_ms)
        match event:
            case e.UserSpeechStarted():
                self._speech_started(event)
            case e.UserSpeechStopped():
                self.caller_speaks = False
                self._spoken_ms = event.duration_ms
                self._last_sound_at = talk.listener.time.at(event.onset_ms + event.duration_ms)
                talk.listener.caller_stops()
                if talk.agent.send_on == "speaking_stop" and not self._overlap:
                    self._end_turn(None)
            case e.UserTurnCompleted():
                if self._event is None and (talk.agent.send_on == "turn_end" or self.words.text):
                    self._end_turn(event)
            case e.AgentSpeechStarted():
                self._agent_sounds = True
                talk.listener.ear.agent(True)
                if (figures := talk.figures_of(event.utterance)) is not None and figures.agent_started_at is None:
                    figures.agent_started_at = at
            case e.AgentSpeechCompleted() | e.AgentSpeechInterrupted():
                self._unjudged = None
                self._agent_falls_silent(event.utterance, at)
                if isinstance(event, e.AgentSpeechInterrupted):
                    self._overlap = False
                    talk.cut_at(event.utterance, event.playback_position_s)
                    talk.interrupted()
            case e.PlayCompleted():
                self._agent_falls_silent("", at)
            case e.AgentSpeechPaused() if self.caller_speaks:
                talk.spawn(self._commit_without_words())
            case e.AgentFalseInterruption():
                self._overlap = False
                if talk.speaker is not None and not self.caller_speaks:
                    talk.speaker.forget()
            case e.UserBackchannel():
                self._unjudged = None
                talk.usage.overlap()
                if (figures := talk.speaking_figures()) is not None:
                    figures.num_backchannels += not event.is_interruption
                    figures.interruption_detection_delay_ms = event.detection_delay_ms
                    figures.interruption_total_duration_ms = event.total_duration_ms
            case e.TurnMetrics():
                if (
                    event.user_perceived_ms is not None
                    and (figures := talk.speaking_figures()) is not None
                    and figures.perceived_ms is None
                ):
                    figures.perceived_ms = event.user_perceived_ms

    def _speech_started(self, event: e.UserSpeechStarted) -> None:
        talk = self._talk
        self.words.forget_old_nods(talk.clock())
        self.caller_speaks = True
        self._overlap = self._agent_sounds
        self._unjudged, self._spoken_ms = (event if self._overlap else None), 0.0
        self._is_wordless = False
        self._onset_at = talk.listener.time.at(event.onset_ms)
        if self._turn_onset_at is None:
            self._turn_onset_at = self._onset_at
        talk.listener.caller_speaks(event.onset_ms)
        if talk.speaker is not None:
            talk.speaker.attend()
        self.drop_prefill()
        if talk.answer is not None and not talk.answer.speaks:
            talk.answer.hold()

    def _agent_falls_silent(self, utterance: str, at: float) -> None:
        self._agent_sounds = False
        self._talk.listener.ear.agent(False)
        if (figures := self._talk.figures_of(utterance)) is not None:
            figures.agent_stopped_at = at

    async def _commit_without_words(self) -> None:
        """The caller goes on over the agent, and no words come: a recogniser may be slow, or down."""
        onset = self._onset_at or self._talk.clock()
        await asyncio.sleep(max(0.0, onset + COMMIT_WITHOUT_WORDS_S - self._talk.clock()))
        if (
            self.caller_speaks
            and self._overlap
            and self._onset_at == onset
            and not (self.words.text and self.words.is_nod)
        ):
            await self._talk.call.interrupt()

    # --- the recogniser's words --------------------------------------------------------------------------------------------------

    async def heard(self, transcript: Transcript) -> None:
        """What a recogniser says."""
        talk = self._talk
        if talk.speaker is not None:
            if transcript.is_final and not transcript.from_finalize:
                self._words_of_sound(transcript.text)
            return
        self.words.hear(transcript, talk.clock())
        self._words_came.set()
        if transcript.is_final and transcript.text.strip():
            talk.keep(
                {
                    "type": "talkpath.heard",
                    "text": transcript.text,
                    "confidence": transcript.confidence,
                    "timestamp": talk.now,
                }
            )
        if self.is_deaf:
            if transcript.is_final and (text := self.words.take()):
                self.unanswered.append(text)
            return
        if not transcript.text.strip() or not self.words.text:
            return
        nods = self._overlap and is_nod(self.words.text, self.words.language)
        self._transcript = transcript
        if not nods:
            talk.user_said(self.words.text, False, transcript.language or self.words.language, transcript.speaker_id)
        if not nods:
            talk.call.tell("transcript", transcript.text[-ENGINE_CHARS:], transcript.is_final)
            self._hint()
        if self._prefill is not None and self._prefill.text != self.words.text:
            self.drop_prefill()
        if not transcript.is_final or nods:
            return
        if self._is_wordless and not self.caller_speaks:
            self._begin_answer()
        else:
            self._begin_prefill()

    def _hint(self) -> None:
        """What the words say about the turn's end; a doubt that they no longer raise is taken back."""
        p = turn_probability(self.words.text, self.words.language)
        if p is None and self._is_doubted:
            p = SURE if ends_sentence(self.words.text) else UNSURE
        self._is_doubted |= p is not None
        if p is not None:
            self._talk.call.tell("turn_probability", p)

    def _begin_prefill(self) -> None:
        talk = self._talk
        is_free = talk.answer is None and talk.floor.is_idle and self._prefill is None and not talk.is_closing
        is_free = is_free and self._prefills < MOST_PREFILLS
        if talk.agent.prefill_cache and talk.agent.has("llm") and is_free and self.words.text and talk.mind.sub is None:
            messages = [*talk.history.messages(talk.mind.prompt), {"role": "user", "content": self.words.text}]
            self._prefills += 1
            self._prefill = Chat(talk.model(), messages, talk.mind.tools, talk.clock, self.words.text)

    def drop_prefill(self) -> None:
        """Its answer is wanted no more; what it took is counted."""
        chat, self._prefill = self._prefill, None
        self._discard(chat)

    def _discard(self, chat: Chat | None) -> None:
        if chat is not None:
            chat.cancel()
            done = chat.finished or Finished(provider=chat.model.provider, model=chat.model.model)
            self._talk.usage.llm(done, self._talk.clock() - chat.began_at)

    # --- turns -------------------------------------------------------------------------------------------------------------------

    def _end_turn(self, event: e.UserTurnCompleted | None) -> None:
        self._event, self.turn_id = event, str(uuid.uuid4())
        if self._talk.speaker is not None:
            self._answer_sound()
        elif self._talk.agent.has("stt"):
            self._talk.spawn(self._wait_for_words())
        else:
            self._event = None

    async def _wait_for_words(self) -> None:
        until = self._talk.clock() + WORDS_WAIT_S
        while not self.words.is_settled(self._last_sound_at) and not self.caller_speaks:
            left_s = until - self._talk.clock()
            if left_s <= 0:
                break
            self._words_came.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._words_came.wait()
            except TimeoutError:
                break
        if self.caller_speaks:  # he goes on: it was no end
            self._event = None
        elif self.words.text:
            self._begin_answer()
        else:
            self._event, self._is_wordless = None, True
            if self._talk.answer is not None:
                self._talk.answer.release()

    def _begin_answer(self) -> None:
        talk = self._talk
        event, self._event, self._is_wordless = self._event, None, False
        chat, self._prefill = self._prefill, None
        text, self._is_doubted, self._prefills = self.words.take(), False, 0
        now = talk.answer
        if not text or talk.is_closing or self.is_deaf:
            self._discard(chat)
            return
        if now is not None and now.in_tools:  # its next step answers this too
            self._discard(chat)
            talk.history.user(text, talk.is_private)
            now.release()
            return
        figures = talk.figures(talk.turns + 1, self.turn_id, HIDDEN if talk.is_private else text)
        figures.user_started_at, self._turn_onset_at = self._turn_onset_at, None
        if now is not None and not now.speaks:  # what he had said before is part of it
            now.give_way()
            if now.is_abandoned:
                figures.turn_number = now.figures.turn_number
                figures.user_text = f"{now.figures.user_text} {figures.user_text}".strip()
                figures.user_started_at = now.figures.user_started_at or figures.user_started_at
            talk.answer = None
        talk.history.user(text, talk.is_private)
        if chat is not None and (chat.text != text or now is not None):
            self._discard(chat)
            chat = None
        talk.turns = max(talk.turns, figures.turn_number)
        self._fill(figures, event)
        self._tell_all(text, now is not None and now.speaks)
        if talk.agent.speaks:
            talk.start(Answer(talk, figures, chat))
        else:
            talk.heard_only(figures)

    def _answer_sound(self) -> None:
        """By a model that has heard it itself; the words come later."""
        talk, event = self._talk, self._event
        assert talk.speaker is not None
        self._event, now = None, talk.answer
        if talk.is_closing or self.is_deaf:
            talk.speaker.forget()
            return
        if now is not None and now.in_tools:  # its next step answers this too
            now.release()
            return
        figures = talk.figures(talk.turns + 1, self.turn_id)
        figures.user_started_at, self._turn_onset_at = self._turn_onset_at, None
        if now is not None and not now.speaks:
            now.give_way()
            talk.answer = None
        self._unworded.append((figures, talk.history.user("")))
        talk.turns = figures.turn_number
        self._fill(figures, event)
        talk.start(Answer(talk, figures))

    def _words_of_sound(self, text: str) -> None:
        """What the model says that it has heard."""
        if self._unworded:
            figures, entry = self._unworded.popleft()
            figures.user_text = text
            figures.final_at = self._talk.clock()
            entry.text = f"{entry.text} {text}".strip()

    def _tell_all(self, text: str, agent_speaks: bool) -> None:
        """All words of a turn, to an app that answers them."""
        talk, last = self._talk, self._transcript
        if talk.app_model is not None:
            talk.app_model.asked(agent_speaks)
        language = (last.language if last is not None else None) or self.words.language
        talk.user_said(text, True, language, last.speaker_id if last is not None else None)

    def _fill(self, figures: TurnFigures, event: e.UserTurnCompleted | None) -> None:
        talk, turns = self._talk, self._talk.delays
        figures.user_stopped_at = self._last_sound_at
        figures.final_at, figures.stt_confidence = self.words.final_at, self.words.confidence
        figures.stt_provider, figures.stt_model = talk.listener.provider
        figures.min_delay_ms, figures.max_delay_ms = turns.completed_turn_delay_ms, turns.incomplete_turn_delay_ms
        figures.decided_at = talk.clock()  # with the words: what follows is the model's time
        if event is None:
            figures.turn_method = "text"
        else:
            figures.turn_method = METHODS.get(event.turn_method, event.turn_method)
            figures.turn_probability = event.turn_probability
