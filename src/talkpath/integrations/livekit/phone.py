"""A phone call and a LiveKit session, joined: both directions of audio, and what the call decides."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, UserInputTranscribedEvent
from livekit.agents.voice.transcription import TranscriptSynchronizer

from talkpath.call import events as e
from talkpath.integrations.livekit.audio_input import PhoneAudioInput
from talkpath.integrations.livekit.audio_output import PhoneAudioOutput
from talkpath.integrations.livekit.call_vad import CallVAD
from talkpath.server import CallEnded, Ended, PhoneCall, SessionEvent

EARLY_MS = 1000.0  # what is said over the agent's last second is an answer


class TalkpathIO(rtc.EventEmitter[str]):
    """One call's audio for one session.

    It reads `call.events()`, and gives each on under its type: `phone.on("user.dtmf", …)`, "voicemail.beep", "line.tone" and all others of
    `talkpath.call.events`; what happens on the stream ("MarkHeard" and the like) under the name of its class.

    Attributes
    ----------
    input, output, vad : PhoneAudioInput, PhoneAudioOutput, CallVAD
        The parts, for who wants to set them himself.
    answered_by : asyncio.Future
        "human", "machine" or "unknown", with `CallConfig(detection_method="audio")`: the first word; a beep may correct it.
    """

    def __init__(self, call: PhoneCall) -> None:
        super().__init__()
        self.call = call
        self.input = PhoneAudioInput(call)
        self.output = PhoneAudioOutput(call, self._may_interrupt)
        self.vad = CallVAD()
        self.answered_by: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._beep: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._session: AgentSession[Any] | None = None
        self._agent_speaks = self._is_cut = False
        self._onset_ms: float | None = None  # of what the caller said last
        self._end_ms: float | None = None
        self._untold: list[e.UserSpeechStarted | e.UserSpeechStopped] = []
        self._tasks = {asyncio.get_running_loop().create_task(self._read())}

    def session_options(self) -> dict[str, Any]:
        """For `AgentSession(**phone.session_options(), …)`: the call interrupts, pauses and resumes, and nothing else does."""
        return {
            "vad": self.vad,
            "aec_warmup_duration": None,  # the call knows what it sends: no blackout is needed
            "turn_handling": {
                "turn_detection": "vad",
                "interruption": {"mode": "vad", "resume_false_interruption": False},
            },
        }

    def attach(self, session: AgentSession[Any]) -> None:
        """Make the call this session's audio, before `session.start()`. The context keeps what was heard of what was said."""
        self._session = session
        text = TranscriptSynchronizer(next_in_chain_audio=self.output, next_in_chain_text=session.output.transcription)
        session.input.audio = self.input
        session.output.audio = text.audio_output
        session.output.transcription = text.text_output
        session.on("user_input_transcribed", self._transcribed)
        session.on("close", lambda _: self._post(text.aclose()))

    async def wait_for_beep(self) -> bool:
        """Wait until the beep after a machine's greeting is over: speak now. False: the call is over."""
        return await asyncio.shield(self._beep)

    # --- from the session ---------------------------------------------------------------------------------------------------------

    def _may_interrupt(self) -> bool:
        speech = None if self._session is None else self._session.current_speech
        return speech is None or speech.allow_interruptions

    def _transcribed(self, event: UserInputTranscribedEvent) -> None:
        self._post(self.call.transcript(event.transcript, event.is_final))

    def _post(self, work: Coroutine[Any, Any, None]) -> None:
        async def run() -> None:
            with contextlib.suppress(CallEnded):
                await work

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- from the call -------------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        async for event in self.call.events():
            self._happened(event)
            self.emit(event.type if isinstance(event, e.Event) else type(event).__name__, event)

    def _happened(self, event: e.Event | SessionEvent) -> None:
        match event:
            case e.UserSpeechStarted():
                self._onset_ms, self._end_ms = event.onset_ms, None
                self._untold = [event]
            case e.UserSpeechStopped():
                self._onset_ms, self._end_ms = event.onset_ms, event.onset_ms + event.duration_ms
                self._untold.append(event)
            case e.AgentStateChanged():
                self._agent_speaks = self.vad.agent_speaks = event.new_state == "speaking"
                self._is_cut = False
            case e.AgentSpeechPaused():
                self._is_cut = True
            case e.AgentFalseInterruption(resumed=True):
                self._is_cut = False
            case e.AgentSpeechInterrupted():
                self._is_cut = True
                speech = None if self._session is None else self._session.current_speech
                if speech is not None and not speech.interrupted:
                    speech.interrupt(
                        force=True
                    )  # before the output says so: what was not heard is no part of the context
            case e.VoicemailDetected() if not self.answered_by.done():
                self.answered_by.set_result(event.result)
            case e.VoicemailBeep() if not self._beep.done():
                self._beep.set_result(True)
            case Ended():
                for waits, nothing in ((self.answered_by, "unknown"), (self._beep, False)):
                    if not waits.done():
                        waits.set_result(nothing)  # type: ignore[arg-type]
            case _:
                pass
        self._listen(isinstance(event, e.UserTurnCompleted))
        self.output.happened(event)

    def _listen(self, is_turn: bool) -> None:
        """Recognisers hear nothing of the caller while the agent speaks, until the call has found that it counts."""
        speaks = self._onset_ms is not None and self._end_ms is None
        if self._agent_speaks and not self._is_cut:
            if not speaks and not self.input.is_holding:  # who speaks already is heard to his end
                self.input.hold()
        elif self.input.is_holding:
            counts = speaks or is_turn or (self._end_ms or 0.0) > self.input.heard_ms - EARLY_MS
            self.input.release(self._onset_ms if counts else None)
            self._untold = self._untold if counts else []
        if not self.input.is_holding:
            for event in self._untold:
                self.vad.happened(event, max(0.0, self.input.heard_ms - event.timestamp_ms) / 1000)
            self._untold.clear()
