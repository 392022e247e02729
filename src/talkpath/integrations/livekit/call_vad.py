"""The call's own word on whether the caller speaks, in the slot of a voice activity detector."""

from __future__ import annotations

from collections import deque

from livekit import rtc
from livekit.agents import vad

from talkpath.call.events import UserSpeechStarted
from talkpath.integrations.livekit.audio_input import TOLD, Told
from talkpath.integrations.livekit.vad_stream import QUIET_S, UPDATE_S

PREFIX_S = 0.5  # of what was said before speech was noticed
LONGEST_S = 60.0  # of speech that an event carries


class CallVAD(vad.VAD):
    """Detects nothing by itself: the call has, with the far end before its eyes, so that an echo is no speech.

    What is said over the agent is told when the call has found that it counts (`TalkpathIO`): a nod is no turn, and a session without a
    recogniser would take it for one. And while the agent speaks INFERENCE_DONE says `speech_duration` 0, which LiveKit's own
    interruption looks at. While it does not, the caller who goes on speaking stops an answer that has not begun, as with any detector.
    """

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=UPDATE_S))
        self.agent_speaks = False

    @property
    def model(self) -> str:
        return "call"

    @property
    def provider(self) -> str:
        return "talkpath"

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    _vad: CallVAD

    def __init__(self, parent: CallVAD) -> None:
        self._frames: deque[rtc.AudioFrame] = deque()
        self._news: list[rtc.AudioFrame] = []
        self._kept_s = self._news_s = self._speech_s = 0.0
        self._speaks = False
        self._samples, self._time_s = 0, 0.0
        super().__init__(parent)

    async def _main_task(self) -> None:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                self._take(frame)
            else:  # a hard boundary
                self._forget()

    def _forget(self) -> None:
        self._frames.clear()
        self._kept_s = self._speech_s = 0.0
        self._speaks = False

    def _take(self, frame: rtc.AudioFrame) -> None:
        self._samples += frame.samples_per_channel
        self._time_s += frame.duration
        self._frames.append(frame)
        self._kept_s += frame.duration
        while self._kept_s > (LONGEST_S if self._speaks else PREFIX_S):
            self._kept_s -= self._frames.popleft().duration
        self._speech_s += frame.duration * self._speaks
        self._news.append(frame)
        self._news_s += frame.duration
        if self._news_s > (UPDATE_S if self._speaks else QUIET_S) - 0.001:
            counts = self._speaks and not self._vad.agent_speaks
            speech_s = self._speech_s if counts else 0.0
            self._tell(vad.VADEventType.INFERENCE_DONE, speech_s, raw_s=self._speech_s, frames=self._news)
            self._news, self._news_s = [], 0.0
        for event, end_ms, now_ms in frame.userdata.get(TOLD, ()):
            self._happened(event, end_ms, now_ms)

    def _happened(self, event: Told, end_ms: float, now_ms: float) -> None:
        if isinstance(event, UserSpeechStarted):
            self._speaks = True
            self._speech_s = max(0.0, end_ms - event.onset_ms) / 1000
            self._tell(vad.VADEventType.START_OF_SPEECH, (now_ms - event.onset_ms) / 1000, frames=list(self._frames))
        elif self._speaks:
            self._speaks = False
            silence_s = (now_ms - event.onset_ms - event.duration_ms) / 1000
            frames = list(self._frames)
            self._tell(vad.VADEventType.END_OF_SPEECH, event.duration_ms / 1000, max(0.0, silence_s), frames=frames)
            self._forget()

    def _tell(
        self, type: vad.VADEventType, speech_s: float, silence_s: float = 0.0, raw_s: float = 0.0,
        frames: list[rtc.AudioFrame] | None = None,
    ) -> None:  # fmt: skip
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=type, samples_index=self._samples, timestamp=self._time_s, speech_duration=speech_s, silence_duration=silence_s,
                frames=frames or [], probability=float(self._speaks), speaking=self._speaks, raw_accumulated_speech=raw_s,
            )
        )  # fmt: skip
