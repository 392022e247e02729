"""A phone call and a LiveKit session, joined: both directions of audio, and what the call decides."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, AgentStateChangedEvent, UserInputTranscribedEvent
from livekit.agents.voice.transcription import TranscriptSynchronizer

from talkpath.call import events as e
from talkpath.integrations.livekit.audio_input import PhoneAudioInput
from talkpath.integrations.livekit.audio_output import PhoneAudioOutput
from talkpath.integrations.livekit.call_vad import CallVAD
from talkpath.integrations.livekit.listening import Listening
from talkpath.server import CallEnded, Ended, PhoneCall, SessionEvent


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
        self._listening = Listening(self.input, self.vad)
        self._tasks = {asyncio.get_running_loop().create_task(self._read())}

    def session_options(self) -> dict[str, Any]:
        """For `AgentSession(**phone.session_options(), …)`: the call interrupts, pauses and resumes, and nothing else does."""
        return {
            "vad": self.vad,
            "aec_warmup_duration": None,  # the call knows what it sends: no blackout is needed
            "turn_handling": {
                "turn_detection": "vad",
                "interruption": {
                    "mode": "vad",
                    "resume_false_interruption": False,
                    "discard_audio_if_uninterruptible": False,  # what is said over it is held here, and given later
                },
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
        session.on("agent_state_changed", self._agent_state)
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

    def _agent_state(self, event: AgentStateChangedEvent) -> None:
        self._listening.session_state(event.new_state)

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
            case e.AgentSpeechInterrupted():
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
        self._listening.happened(event)
        self.output.happened(event)
