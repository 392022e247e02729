"""The same work by the parts that pipelines are put together from, and the copies between them.

audioop for µ-law, soxr streams for rates, WebRTC's AEC3 and noise suppression (livekit), a VAD, NumPy for the mix. They do not conceal, detect
keys, beeps or machines, or decide turns.
"""

from typing import Any

import numpy as np
import soxr
from peers import Process, WebRtcApm, audioop

from talkpath import ambience


class UsualParts:
    """µ-law at 8 kHz on the line, PCM at 16 kHz for the orchestrator, ambience on."""

    def __init__(self, vad: Process) -> None:
        self.ulaw_to_linear, self.linear_to_ulaw = audioop().ulaw2lin, audioop().lin2ulaw
        self.up, self.near_up = (soxr.ResampleStream(8000, 16000, 1, dtype="int16") for _ in range(2))
        self.down = soxr.ResampleStream(16000, 8000, 1, dtype="int16")
        self.apm, self.vad = WebRtcApm(16000), vad
        self.loop, self.at = ambience.generate("office", 16000), 0
        self.far, self.near = np.zeros(0, np.int16), np.zeros(0, np.int16)
        self.rtc = self.apm.rtc

    def transmit(self, said: np.ndarray) -> bytes:
        """20 ms of the agent at 8 kHz, mixed at 16 kHz as such pipelines do, to the line."""
        x = self.up.resample_chunk(said)
        if self.at + len(x) > len(self.loop):
            self.at = 0
        mixed = x.astype(np.float32) + 0.3 * self.loop[self.at : self.at + len(x)].astype(np.float32)
        self.at += len(x)
        mixed = np.clip(mixed, -32768, 32767).astype(np.int16)
        self.far = np.concatenate([self.far, mixed])
        while len(self.far) >= 160:
            self.apm.apm.process_reverse_stream(self.rtc.AudioFrame(self.far[:160].tobytes(), 16000, 1, 160))
            self.far = self.far[160:]
        sent: bytes = self.linear_to_ulaw(self.down.resample_chunk(mixed).tobytes(), 2)
        return sent

    def receive(self, payload: bytes) -> list[tuple[np.ndarray, Any]]:
        """20 ms from the line to clean PCM and a probability."""
        pcm = np.frombuffer(self.ulaw_to_linear(payload, 2), np.int16)
        self.near = np.concatenate([self.near, self.near_up.resample_chunk(pcm)])
        out = []
        while len(self.near) >= 160:
            frame = self.rtc.AudioFrame(self.near[:160].tobytes(), 16000, 1, 160)
            self.near = self.near[160:]
            self.apm.apm.process_stream(frame)
            clean = np.frombuffer(frame.data, np.int16)
            out.append((clean, self.vad(clean)))
        return out
