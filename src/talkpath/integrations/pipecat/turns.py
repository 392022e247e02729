"""Pipecat's turns as the call decides them: echo, back-channels and words are known there."""

from __future__ import annotations

from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.turns.types import ProcessFrameResult
from pipecat.turns.user_start import BaseUserTurnStartStrategy
from pipecat.turns.user_stop import BaseUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies

from talkpath.call.events import (
    AgentSpeechInterrupted,
    AgentStateChanged,
    UserSpeechStarted,
    UserSpeechStopped,
    UserTurnCompleted,
)
from talkpath.integrations.pipecat.frames import CallAudioFrame
from talkpath.integrations.pipecat.serializer import TalkpathSerializer


class CallTurnStartStrategy(BaseUserTurnStartStrategy):  # type: ignore[no-untyped-call]
    """The user's turn starts when he speaks and the agent does not, or when the call has let him interrupt it.

    Parameters
    ----------
    serializer : TalkpathSerializer
        Its call is told what the STT hears, for `min_interruption_words` and for turns that end with a sentence.
    """

    def __init__(self, serializer: TalkpathSerializer) -> None:
        super().__init__()
        self._serializer = serializer
        self._user_speaks = self._agent_speaks = False

    async def process_frame(self, frame: Frame) -> ProcessFrameResult | None:
        """Look for what starts a turn."""
        if isinstance(frame, TranscriptionFrame | InterimTranscriptionFrame):
            call = self._serializer.call
            if call is not None:
                call.transcript(frame.text, isinstance(frame, TranscriptionFrame))
        elif isinstance(frame, CallAudioFrame):
            starts = [self._starts(event) for event in frame.events]  # all of them are to be seen
            if any(starts):
                await self.trigger_user_turn_started()
        return ProcessFrameResult.CONTINUE

    def _starts(self, event: object) -> bool:
        match event:
            case UserSpeechStarted():
                self._user_speaks = True
                return not self._agent_speaks
            case UserSpeechStopped():
                self._user_speaks = False
            case AgentStateChanged(new_state=state):
                was, self._agent_speaks = self._agent_speaks, state == "speaking"
                return was and not self._agent_speaks and self._user_speaks  # he goes on when the agent has ended
            case AgentSpeechInterrupted() | UserTurnCompleted():
                return True
            case _:
                pass
        return False


class CallTurnStopStrategy(BaseUserTurnStopStrategy):  # type: ignore[no-untyped-call]
    """The user's turn is over when the call says so, and its words are here.

    Parameters
    ----------
    transcript_wait_s : float
        So long a transcript is waited for that the STT still owes, where there are words already. Without any, there is nothing to
        answer: Pipecat's own timeout ends such a turn.
    """

    def __init__(self, transcript_wait_s: float = 1.0) -> None:
        super().__init__()
        self._wait_s = transcript_wait_s
        self._has_words = self._owes_words = False
        self._over_s: float | None = None  # since the call said that the turn is over

    async def handle_user_turn_stopped(self) -> None:
        """The next turn's words are other ones."""
        self._has_words = self._owes_words = False
        self._over_s = None

    async def process_frame(self, frame: Frame) -> ProcessFrameResult | None:
        """Look for what ends a turn."""
        if isinstance(frame, TranscriptionFrame):
            self._has_words, self._owes_words = True, False
        elif isinstance(frame, InterimTranscriptionFrame):
            self._owes_words = True
        elif isinstance(frame, CallAudioFrame):
            if self._over_s is not None:
                self._over_s += frame.num_frames / frame.sample_rate
            for event in frame.events:
                if isinstance(event, UserSpeechStarted):
                    self._owes_words, self._over_s = True, None
                elif isinstance(event, UserTurnCompleted):
                    self._over_s = 0.0
        is_over = self._over_s is not None and self._has_words
        if is_over and (not self._owes_words or (self._over_s or 0.0) >= self._wait_s):
            self._over_s = None  # said once
            await self.trigger_user_turn_stopped()
        return ProcessFrameResult.CONTINUE


def turn_strategies(serializer: TalkpathSerializer, *, transcript_wait_s: float = 1.0) -> UserTurnStrategies:
    """`user_turn_strategies` of the user aggregator: both."""
    return UserTurnStrategies(start=[CallTurnStartStrategy(serializer)], stop=[CallTurnStopStrategy(transcript_wait_s)])
