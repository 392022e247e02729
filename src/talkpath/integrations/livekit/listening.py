"""When a session hears the caller, and is told that he speaks: not over the agent, unless it counts."""

from __future__ import annotations

from talkpath.call import events as e
from talkpath.integrations.livekit.audio_input import PhoneAudioInput
from talkpath.integrations.livekit.call_vad import CallVAD
from talkpath.server import SessionEvent

EARLY_MS = 1000.0  # what is said over the agent's last second is an answer


class Listening:
    """Holds a session's input while the agent speaks, until the call has found that the caller counts.

    The agent speaks as long as the call says so, or the session: the call's last sample leaves before the line has played it, and what a
    session is told meanwhile interrupts a speech that was heard to its end.
    """

    def __init__(self, audio: PhoneAudioInput, vad: CallVAD) -> None:
        self._input, self._vad = audio, vad
        self._call_speaks = self._session_speaks = False
        self._is_cut = self._is_turn = False
        self._onset_ms: float | None = None  # of what the caller said last
        self._end_ms: float | None = None
        self._silent_ms = 0.0  # since then the agent is
        self._untold: list[e.UserSpeechStarted | e.UserSpeechStopped] = []

    def session_state(self, state: str) -> None:
        """The agent's, as the session sees it."""
        self._session_speaks = state == "speaking"
        self._settle()

    def happened(self, event: e.Event | SessionEvent) -> None:
        """What the call tells."""
        match event:
            case e.UserSpeechStarted():
                self._onset_ms, self._end_ms, self._is_turn = event.onset_ms, None, False
                self._untold = [event]
            case e.UserSpeechStopped():
                self._onset_ms, self._end_ms = event.onset_ms, event.onset_ms + event.duration_ms
                self._untold.append(event)
            case e.UserTurnCompleted():
                self._is_turn = True
            case e.AgentStateChanged():
                if self._call_speaks:
                    self._silent_ms = self._input.heard_ms
                self._call_speaks = event.new_state == "speaking"
                self._is_cut = self._is_cut and not self._call_speaks
            case e.AgentSpeechPaused() | e.AgentSpeechInterrupted():
                self._is_cut = True
            case e.AgentFalseInterruption(resumed=True):
                self._is_cut = False
            case _:
                return
        self._settle()

    def _settle(self) -> None:
        agent_speaks = self._vad.agent_speaks = self._call_speaks or self._session_speaks
        speaks = self._onset_ms is not None and self._end_ms is None
        if agent_speaks and not self._is_cut:
            if not speaks and not self._input.is_holding:  # who speaks already is heard to his end
                self._input.hold()
        elif self._input.is_holding:
            counts = speaks or self._is_turn or (self._end_ms or 0.0) > self._silent_ms - EARLY_MS
            self._input.release(self._onset_ms if counts else None)
            self._untold = self._untold if counts else []
        if not self._input.is_holding:
            for event in self._untold:
                self._input.tell(event)
            self._untold.clear()
