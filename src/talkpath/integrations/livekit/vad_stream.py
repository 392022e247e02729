"""One stream of talkpath's voice activity detector, in LiveKit's slot."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from livekit import rtc
from livekit.agents import vad

from talkpath import Resampler, VoiceActivityDetector
from talkpath._types import Buffer

_RATES = (8000, 16000)  # the detector's own
UPDATE_S = 0.04  # INFERENCE_DONE comes so far apart while there may be speech, for LiveKit's channels cost more than the detector
QUIET_S = 0.2  # … and while there is none. An event that tells of a change comes at once


@dataclass(frozen=True, slots=True)
class Options:
    """As `VAD`'s parameters."""

    min_speech_s: float
    min_silence_s: float
    prefix_s: float
    longest_s: float
    activation: float
    deactivation: float


class DetectorStream(vad.VADStream):
    """Hears frames where they are pushed, 40 ms at once: a turn of the loop would cost more than what is done in it. Lengths are in samples."""

    def __init__(self, parent: vad.VAD, options: Options) -> None:
        self._o = options
        self._rate_hz = 0
        self._at = 0
        super().__init__(parent)
        self._forget()

    def _forget(self) -> None:
        self._frames: deque[rtc.AudioFrame] = deque()
        self._news: list[rtc.AudioFrame] = []
        self._piece: list[rtc.AudioFrame] = []
        self._piece_samples = 0
        self._next = self._kept = self._speech = self._silence = self._raw_speech = self._raw_silence = 0
        self._took_s = 0.0
        self._speaks = False
        if self._rate_hz:
            self._open(self._rate_hz)

    def _open(self, rate_hz: int) -> None:
        self._rate_hz, o = rate_hz, self._o
        self._resampler = None if rate_hz in _RATES else Resampler(rate_hz, _RATES[-1])
        self._detector = VoiceActivityDetector(rate_hz if self._resampler is None else _RATES[-1])
        self._prefix, self._longest = round(o.prefix_s * rate_hz), round(o.longest_s * rate_hz)
        self._least_speech, self._least_silence = round(o.min_speech_s * rate_hz), round(o.min_silence_s * rate_hz)
        self._update, self._quiet = round(UPDATE_S * rate_hz), round(QUIET_S * rate_hz)

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        self._check_input_not_ended()
        self._check_not_closed()
        if frame.sample_rate != self._rate_hz:
            self._open(frame.sample_rate)
            self._piece, self._piece_samples = [], 0
        if frame.samples_per_channel >= 2 * self._update:
            for part in _parts(frame, self._update):
                self.push_frame(part)
            return
        self._piece.append(frame)
        self._piece_samples += frame.samples_per_channel
        if self._piece_samples >= self._update:
            piece, n = self._piece, self._piece_samples
            self._piece, self._piece_samples = [], 0
            self._take(piece, n)

    def flush(self) -> None:
        self._check_input_not_ended()
        self._check_not_closed()
        self._forget()

    async def _main_task(self) -> None:
        async for _ in self._input_ch:  # nothing comes but its end
            pass

    def _detect(self, frames: list[rtc.AudioFrame]) -> float:
        pcm: Buffer = b"".join([frame.data for frame in frames]) if len(frames) > 1 else frames[0].data
        channels = frames[0].num_channels
        if channels != 1:
            pcm = np.ascontiguousarray(np.frombuffer(pcm, np.int16)[::channels])
        return self._detector.process(pcm if self._resampler is None else self._resampler.process(pcm))

    def _take(self, piece: list[rtc.AudioFrame], n: int) -> None:
        began = time.perf_counter()
        probability = self._detect(piece)
        self._took_s += time.perf_counter() - began
        self._at += n
        frames, news = self._frames, self._news
        frames.extend(piece)
        news.extend(piece)
        self._kept += n
        while self._kept > self._prefix + (self._longest if self._speaks else self._raw_speech):
            self._kept -= frames.popleft().samples_per_channel
        if probability >= (self._o.deactivation if self._speaks else self._o.activation):
            self._raw_speech += n
            self._raw_silence = 0
        else:
            self._raw_silence += n
            self._raw_speech = 0
        if self._speaks:
            self._speech += n
        else:
            self._silence += n
        if self._speaks or self._raw_speech or self._raw_silence >= self._next:
            self._next = self._raw_silence + self._quiet
            self._tell(vad.VADEventType.INFERENCE_DONE, news, probability, self._took_s)
            self._news, self._took_s = [], 0.0
        if not self._speaks and self._raw_speech >= self._least_speech:
            self._speaks, self._speech, self._silence = True, self._raw_speech, 0
            self._tell(vad.VADEventType.START_OF_SPEECH, list(frames))
        elif self._speaks and self._raw_silence >= self._least_silence:
            self._speaks, self._silence = False, self._raw_silence
            self._speech = max(0, self._speech - self._raw_silence)
            self._tell(vad.VADEventType.END_OF_SPEECH, list(frames))
            self._speech = 0

    def _tell(
        self, type: vad.VADEventType, frames: list[rtc.AudioFrame], probability: float = 0.0, took_s: float = 0.0
    ) -> None:
        rate = self._rate_hz
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=type, samples_index=self._at, timestamp=self._at / rate, speech_duration=self._speech / rate,
                silence_duration=self._silence / rate, frames=frames, probability=probability, inference_duration=took_s,
                speaking=self._speaks, raw_accumulated_silence=self._raw_silence / rate,
                raw_accumulated_speech=self._raw_speech / rate,
            )
        )  # fmt: skip


def _parts(frame: rtc.AudioFrame, samples: int) -> Iterator[rtc.AudioFrame]:
    """A long frame is judged piece by piece."""
    data, channels = frame.data, frame.num_channels
    for at in range(0, frame.samples_per_channel, samples):
        part = data[at * channels : (at + samples) * channels]
        yield rtc.AudioFrame(part.tobytes(), frame.sample_rate, channels, len(part) // channels)
