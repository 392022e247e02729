"""Processors: what happened on the call as frames, and a message for a machine, after its beep."""

from __future__ import annotations

from collections.abc import Iterator

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import Frame, InputDTMFFrame, TTSSpeakFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from talkpath.call.events import LineTone, UserDtmf, VoicemailBeep, VoicemailDetected
from talkpath.integrations.pipecat.frames import (
    AgentHeardFrame,
    AnsweredByFrame,
    BeepFrame,
    CallAudioFrame,
    LineToneFrame,
)
from talkpath.integrations.pipecat.heard import AgentHeard

_KEYS = {entry.value: entry for entry in KeypadEntry}  # Pipecat has no A to D


class CallEvents(FrameProcessor):
    """Put it behind `transport.input()`: keys (both in band and by the provider's message, each once), beeps, who answered, the
    network's tones, and how much was heard of what was interrupted come out as frames before the audio that they ended with."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Everything goes on; before a call's audio, what happened."""
        await super().process_frame(frame, direction)
        if isinstance(frame, CallAudioFrame):
            for event in frame.events:
                for found in frames_of(event):
                    await self.push_frame(found, FrameDirection.DOWNSTREAM)
        await self.push_frame(frame, direction)


def frames_of(event: object) -> Iterator[Frame]:
    """The frame of an event, where it has one."""
    match event:
        case UserDtmf(digit=digit) if digit in _KEYS:
            yield InputDTMFFrame(button=_KEYS[digit])
        case VoicemailBeep(frequency_hz=frequency_hz, duration_ms=duration_ms):
            yield BeepFrame(frequency_hz, duration_ms)
        case VoicemailDetected(result=result, method=method):
            yield AnsweredByFrame(result, method)
        case LineTone(tone=tone):
            yield LineToneFrame(tone)
        case AgentHeard(heard_s=heard_s):
            yield AgentHeardFrame(heard_s)
        case _:
            pass


class SpeakAfterBeep(FrameProcessor):
    """Says a message when a machine's beep is over, not two seconds after its greeting. Put it before the TTS.

    Parameters
    ----------
    message : str
        For the TTS.

    Notes
    -----
    The call needs `CallConfig(detection_method="audio")`. What the agent was saying is cut: it went to nobody.
    """

    def __init__(self, message: str) -> None:
        super().__init__()
        self._message = message
        self.is_done = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Everything goes on; after the beep, the message."""
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, BeepFrame) and not self.is_done:
            self.is_done = True
            await self.broadcast_interruption()  # type: ignore[no-untyped-call]
            await self.push_frame(TTSSpeakFrame(self._message))
