"""Who has answered a call that the agent made: the greeting waits for the verdict, and a machine for its beep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from talkpath.agentstack.conversation.talk import Talk
from talkpath.agentstack.providers.base import ProviderError, Text
from talkpath.agentstack.wire_events import Translator
from talkpath.call import events as e

_MODEL_S = 8.0  # so long words are gathered, and so long the model may think
_QUESTION = (
    "A phone call was just answered. Decide from the first words whether a person answers live, or a machine: voicemail, an answering machine, "
    "an automatic announcement. Reply with one word: human or machine."
)


class AnsweredBy:
    """Of one outbound call.

    Parameters
    ----------
    talk : Talk
    method : {"disabled", "audio", "llm"}
    greet : callable
        A person has answered.
    translator : Translator
    """

    def __init__(self, talk: Talk, method: str, greet: Callable[[], None], translator: Translator) -> None:
        self._talk, self._method, self._greet, self._translator = talk, method, greet, translator
        self.is_waiting = method != "disabled"
        self._is_machine = self._is_told = False

    def begin(self) -> None:
        """Say nothing, answer nothing, until it is known."""
        self._talk.turn_taking.is_deaf = True
        if self._method == "llm":
            self._talk.spawn(self._ask_model())

    def on_event(self, event: e.Event) -> bool:
        """What the engine found. False: the app need not know."""
        if not isinstance(event, e.VoicemailDetected):
            return True
        if self._method != "audio":
            return False
        heard = self._talk.turn_taking
        words = " ".join(filter(None, (*heard.unanswered, heard.words.text)))
        if event.result == "machine":
            self._machine(words, event.timestamp_ms)
        elif self.is_waiting:
            self._human(words, event.timestamp_ms, is_told=event.result == "human")
        return False

    def _machine(self, words: str, at_ms: float) -> None:
        if self._is_machine:
            return
        self._is_machine, self.is_waiting = True, False
        talk = self._talk
        talk.turn_taking.is_deaf = True
        talk.floor.interrupted()  # what was said went to nobody
        self._tell("machine", words, self._translator.at(at_ms))
        talk.spawn(talk.call.clear_audio())

    def _human(self, words: str, at_ms: float, is_told: bool) -> None:
        self.is_waiting = False
        talk = self._talk
        if is_told:
            self._tell("human", words, self._translator.at(at_ms))
        talk.turn_taking.is_deaf = False
        talk.spawn(self._idle_from_now())
        self._greet()

    async def _idle_from_now(self) -> None:
        idle = self._talk.agent.call.get("idle_timeout")
        if idle:
            await self._talk.call.update(idle_timeout={k: v for k, v in dict(idle).items() if v is not None})
        if self._method == "llm":
            await self._talk.call.listen_for_beep(False)

    def _tell(self, result: str, words: str, at: str) -> None:
        if (
            self._is_told
        ):  # once: a beep after a short greeting corrects what is done, not what was told; `voicemail.beep` follows
            return
        self._is_told = True
        self._talk.send(
            {
                "type": "voicemail.detected",
                "result": result,
                "method": self._method,
                "transcript": words or None,
                "timestamp": at,
            }
        )

    async def _ask_model(self) -> None:
        """`detection_method` "llm": by the first words."""
        talk = self._talk
        words = talk.turn_taking.unanswered
        until = talk.clock() + _MODEL_S
        while talk.clock() < until and not (words and not talk.turn_taking.caller_speaks):
            await asyncio.sleep(0.1)
        text = " ".join(words or ())
        verdict = ""
        try:
            async with asyncio.timeout(_MODEL_S):
                async for delta in talk.model().chat(
                    [{"role": "system", "content": _QUESTION}, {"role": "user", "content": text or "(silence)"}]
                ):
                    verdict += delta.text if isinstance(delta, Text) else ""
        except (ProviderError, TimeoutError) as problem:
            talk.problem("llm_error", f"who answered: {problem}")
        now_ms = 1000 * talk.age_s
        if "machine" in verdict.lower():
            self._machine(text, now_ms)
        else:
            self._human(text, now_ms, is_told=True)
