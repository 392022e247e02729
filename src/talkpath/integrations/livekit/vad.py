"""talkpath's voice activity detector, for sessions that have a room."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

import numpy as np
from livekit import rtc
from livekit.agents import vad

from talkpath import Resampler, VoiceActivityDetector

_RATES = (8000, 16000)  # the detector's own
UPDATE_S = (
    0.04  # an event that tells of a change comes at once; the others so far apart, for they cost more than the detector
)


@dataclass(frozen=True, slots=True)
class _Options:
    min_speech_s: float
    min_silence_s: float
    prefix_s: float
    longest_s: float
    activation: float
    deactivation: float


class VAD(vad.VAD):
    """A native detector: no model file, no executor, 8 and 16 kHz as they come, other rates resampled.

    Parameters
    ----------
    min_speech_duration, min_silence_duration, prefix_padding_duration, max_buffered_speech : float
        s; as those of LiveKit's own.
    activation_threshold, deactivation_threshold : float
        Probability from which it is speech, and below which it is none any more.
    """

    def __init__(
        self,
        *,
        min_speech_duration: float = 0.05,
        min_silence_duration: float = 0.25,
        prefix_padding_duration: float = 0.5,
        max_buffered_speech: float = 60.0,
        activation_threshold: float = 0.5,
        deactivation_threshold: float = 0.35,
    ) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=UPDATE_S))
        self._options = _Options(
            min_speech_duration, min_silence_duration, prefix_padding_duration, max_buffered_speech,
            activation_threshold, deactivation_threshold,
        )  # fmt: skip

    @property
    def model(self) -> str:
        return "native"

    @property
    def provider(self) -> str:
        return "talkpath"

    min_silence_duration = property(lambda self: self._options.min_silence_s)

    def stream(self) -> vad.VADStream:
        return _Stream(self, self._options)


class _Stream(vad.VADStream):
    def __init__(self, parent: VAD, options: _Options) -> None:
        self._o = options
        self._rate_hz = 0
        self._samples, self._time_s = 0, 0.0
        self._forget()
        super().__init__(parent)

    def _forget(self) -> None:
        self._frames: deque[rtc.AudioFrame] = deque()
        self._news: list[rtc.AudioFrame] = []
        self._news_s = self._took_s = 0.0
        self._kept_s = self._speech_s = self._silence_s = self._raw_speech_s = self._raw_silence_s = 0.0
        self._speaks = False
        if self._rate_hz:
            self._open(self._rate_hz)

    def _open(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler = None if rate_hz in _RATES else Resampler(rate_hz, _RATES[-1])
        self._detector = VoiceActivityDetector(rate_hz if self._resampler is None else _RATES[-1])

    async def _main_task(self) -> None:
        async for frame in self._input_ch:
            if isinstance(frame, rtc.AudioFrame):
                self._take(frame)
            else:  # a hard boundary
                self._forget()

    def _take(self, frame: rtc.AudioFrame) -> None:
        began = time.perf_counter()
        if frame.sample_rate != self._rate_hz:
            self._open(frame.sample_rate)
        pcm = np.frombuffer(frame.data, np.int16)[:: frame.num_channels]
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        probability = self._detector.process(np.ascontiguousarray(pcm))
        length_s = frame.duration
        self._took_s += time.perf_counter() - began
        self._samples += frame.samples_per_channel
        self._time_s += length_s
        self._frames.append(frame)
        self._kept_s += length_s
        while self._kept_s > self._o.prefix_s + (self._o.longest_s if self._speaks else self._raw_speech_s):
            self._kept_s -= self._frames.popleft().duration
        if probability >= (self._o.deactivation if self._speaks else self._o.activation):
            self._raw_speech_s += length_s
            self._raw_silence_s = 0.0
        else:
            self._raw_silence_s += length_s
            self._raw_speech_s = 0.0
        if self._speaks:
            self._speech_s += length_s
        else:
            self._silence_s += length_s
        self._news.append(frame)
        self._news_s += length_s
        if self._news_s > UPDATE_S - 0.001:
            self._tell(vad.VADEventType.INFERENCE_DONE, self._news, probability, self._took_s)
            self._news, self._news_s, self._took_s = [], 0.0, 0.0
        if not self._speaks and self._raw_speech_s >= self._o.min_speech_s:
            self._speaks, self._speech_s, self._silence_s = True, self._raw_speech_s, 0.0
            self._tell(vad.VADEventType.START_OF_SPEECH, list(self._frames))
        elif self._speaks and self._raw_silence_s >= self._o.min_silence_s:
            self._speaks, self._silence_s = False, self._raw_silence_s
            self._speech_s = max(0.0, self._speech_s - self._raw_silence_s)
            self._tell(vad.VADEventType.END_OF_SPEECH, list(self._frames))
            self._speech_s = 0.0

    def _tell(
        self, type: vad.VADEventType, frames: list[rtc.AudioFrame], probability: float = 0.0, took_s: float = 0.0
    ) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=type, samples_index=self._samples, timestamp=self._time_s, speech_duration=self._speech_s,
                silence_duration=self._silence_s, frames=frames, probability=probability, inference_duration=took_s,
                speaking=self._speaks, raw_accumulated_silence=self._raw_silence_s, raw_accumulated_speech=self._raw_speech_s,
            )
        )  # fmt: skip
