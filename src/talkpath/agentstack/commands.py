"""What the app asks for, done: speech commands in their order on the floor, the rest at once."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from talkpath.agentstack import app_messages as m
from talkpath.agentstack.agent import AgentError
from talkpath.agentstack.conversation.floor_items import Deed, Keys, Sound
from talkpath.agentstack.conversation.talk import Talk
from talkpath.agentstack.raw_audio import RawAudio
from talkpath.agentstack.raw_messages import Checkpoint, ClearAudio, MessageError, PlayAudio
from talkpath.errors import TalkpathError

log = logging.getLogger("talkpath.agentstack")

_MOST_NOTES, _MOST_PROBLEMS = 20, 200  # of one session's: an app that says nothing else fills no log


class Commands:
    """Of one session.

    Parameters
    ----------
    talk : Talk
    hang_up, transfer : coroutine functions
        Done when it is their turn.
    update : coroutine function
        Takes changed fields of the agent.
    raw : RawAudio, optional
        Of an agent without any provider.
    """

    def __init__(
        self,
        talk: Talk,
        hang_up: Callable[[], Awaitable[None]],
        transfer: Callable[[m.Transfer], Awaitable[None]],
        update: Callable[[Mapping[str, Any]], Coroutine[Any, Any, None]],
        raw: RawAudio | None = None,
    ) -> None:
        self._talk, self._hang_up, self._transfer, self._update = talk, hang_up, transfer, update
        self._raw = raw
        self._numbers = itertools.count(1)
        self._background: m.Background | None = None
        self._has_told_unknown = False
        self._notes = self._problems = 0

    def on_message(self, data: str | bytes) -> None:
        """One message of the app's; what is wrong with it is told, and nothing else happens."""
        try:
            self._follow(m.parse(data))
        except MessageError as problem:
            if problem.code == "unknown_message":
                self._note("unknown_message", str(problem))
                if self._has_told_unknown:
                    return
                self._has_told_unknown = True
            self._problems += 1
            if self._problems <= _MOST_PROBLEMS:
                self._talk.problem(problem.code, str(problem))
        except Exception as problem:  # a fault of ours: the app's socket lives on
            self._talk.failed("a message of the app's", problem)

    def _follow(self, command: m.Command) -> None:
        talk = self._talk
        if isinstance(command, m.Speak | m.Play | m.SendDtmf | m.Transfer) and talk.floor.is_full:
            raise MessageError("invalid_message", "too much waits to be said and done: this is left out")
        match command:
            case m.ToolResult():
                if not talk.app_tools.answer(command.id, command.result, command.error):
                    self._note("tool_result_ignored", command.id[:100])
            case m.Speak():
                if not talk.agent.speaks:
                    raise MessageError("invalid_message", "agent_session.speak: the agent has no tts")
                self._app_speaks()
                if command.text.strip():
                    talk.say(command.text.strip())
            case m.Token():
                self._token(command)
            case PlayAudio() | Checkpoint() | ClearAudio():
                if self._raw is None:
                    raise MessageError(
                        "invalid_message", "playAudio, checkpoint and clearAudio are for agents of raw audio"
                    )
                if not self._raw.follow(command):
                    raise MessageError("invalid_message", "too much audio waits to be heard: this is left out")
            case m.Play():
                self._app_speaks()
                talk.floor.add(Sound(command.audio, command.allow_interruption, f"play-{next(self._numbers)}"))
            case m.SendDtmf():
                talk.floor.add(Keys(command.digits))
            case m.Transfer():
                self._close("transferring")
                talk.floor.add(Deed(lambda: self._transfer(command)))
            case m.HangUp():
                self._close("ending")
                talk.floor.add(Deed(self._hang_up))
            case m.Inject():
                talk.history.context(command.content)
            case m.Update():
                talk.spawn(self._updated(command.changes))
            case m.ExtendWait():
                talk.spawn(talk.extend_wait())
            case m.Background():
                talk.spawn(self._mix(command))

    def _token(self, token: m.Token) -> None:
        model = self._talk.app_model
        if model is None:
            raise MessageError("invalid_message", "text: is for agents with stt and tts, and no llm")
        if model.is_full:
            raise MessageError("invalid_message", "too much waits to be said: this is left out")
        self._app_speaks()
        self._talk.app_answers(token.text, token.is_last)

    def _note(self, event: str, what: str) -> None:
        self._notes += 1
        if self._notes <= _MOST_NOTES:
            log.info(json.dumps({"event": event, "what": what}))

    def _app_speaks(self) -> None:
        """After a machine the agent is deaf and silent until the app speaks."""
        self._talk.turn_taking.is_deaf = False

    def _close(self, status: str) -> None:
        talk = self._talk
        talk.is_closing = True
        if talk.answer is not None:
            talk.answer.close()
        talk.app_tools.regard_as_answered(status)

    async def _updated(self, changes: Mapping[str, Any]) -> None:
        try:
            await self._update(changes)
        except (AgentError, TalkpathError) as problem:
            self._talk.problem("invalid_message", f"agent_session.update: {problem}")

    async def _mix(self, command: m.Background) -> None:
        call = self._talk.call
        if command.sound is not None:
            self._background = command
        wanted = self._background
        try:
            if command.is_on and wanted is not None and wanted.sound is not None:
                await call.play_background(wanted.sound, wanted.volume, wanted.loop)
            elif not command.is_on:
                await call.stop_background()
        except (TalkpathError, OSError) as problem:
            self._talk.problem("invalid_message", f"audio.mix: {problem}")
