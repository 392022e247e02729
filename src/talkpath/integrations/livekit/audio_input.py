"""The caller, as a session's audio input."""

from __future__ import annotations

import asyncio
from collections import deque

from livekit import rtc
from livekit.agents.voice import io

from talkpath.call.events import UserSpeechStarted, UserSpeechStopped
from talkpath.server import PhoneCall

LEAD_MS = 300.0  # what is given back begins so long before the caller did: recognisers want to hear a word begin
HELD_MS = 15_000.0  # no more of it is kept
TOLD = "talkpath"  # a frame's userdata: (event, stream time at the frame's end, and when it was told; ms) that are told with it

Told = UserSpeechStarted | UserSpeechStopped


class PhoneAudioInput(io.AudioInput):
    """What the caller says, cleaned, 20 ms a frame, in the call's own rate.

    While it holds, silence is given in its place, and what was said is kept: a recogniser must not hear a nod, or what is left of an
    echo, over the agent, for LiveKit takes any final transcript for an interruption. `release` gives it back from where the caller
    began, when the call has found that it counts.

    Parameters
    ----------
    call : PhoneCall
    chunk_ms : int
        A frame is at least so long.
    """

    def __init__(self, call: PhoneCall, chunk_ms: int = 20) -> None:
        super().__init__(label="talkpath")
        self._call, self._chunk_ms = call, chunk_ms
        self._audio = call.audio(chunk_ms)
        self._ready: deque[tuple[float, rtc.AudioFrame]] = deque()  # stream time at its end
        self._held: deque[tuple[float, rtc.AudioFrame]] = deque()
        self._untold: list[Told] = []
        self._is_attached = True
        self.is_holding = False
        self.heard_ms = 0.0  # so much of the caller has come: stream time

    async def __anext__(self) -> rtc.AudioFrame:
        while not self._ready:
            try:
                pcm = await anext(self._audio)
            except asyncio.CancelledError:  # the session takes its inputs anew
                self._audio = self._call.audio(self._chunk_ms)
                raise
            rate = self._call.sample_rate_hz
            self._take(rtc.AudioFrame(pcm.tobytes(), rate, 1, len(pcm)))
        return self._ready.popleft()[1]

    def _take(self, frame: rtc.AudioFrame) -> None:
        self.heard_ms += 1000 * frame.duration
        if not self._is_attached:
            return
        if not self.is_holding:
            self._ready.append((self.heard_ms, frame))
            self._attach()
            return
        self._held.append((self.heard_ms, frame))
        while self.heard_ms - self._held[0][0] > HELD_MS:
            self._held.popleft()
        silence = rtc.AudioFrame.create(frame.sample_rate, 1, frame.samples_per_channel)
        self._ready.append((self.heard_ms, silence))

    def on_attached(self) -> None:
        self._is_attached = True

    def on_detached(self) -> None:
        """Nobody listens: what is said is not kept."""
        self._is_attached = False
        self._held.clear()

    def tell(self, event: Told) -> None:
        """Let `CallVAD` know of it with the frame where it was, wherever the session queues that."""
        if self._is_attached:
            self._untold.append(event)
            self._attach()
        elif isinstance(event, UserSpeechStopped):  # of what it may have heard the beginning
            self._untold = [event]

    def _attach(self) -> None:
        for event in self._untold if self._ready else ():
            at_ms = event.onset_ms if isinstance(event, UserSpeechStarted) else event.timestamp_ms
            end_ms, frame = self._ready[-1]
            for ready in reversed(self._ready):  # what was released comes behind the silence of the same time
                if ready[0] <= at_ms:
                    break
                end_ms, frame = ready
            frame.userdata.setdefault(TOLD, []).append((event, end_ms, self.heard_ms))
        if self._ready:
            self._untold.clear()

    def hold(self) -> None:
        """Give silence, and keep what is said."""
        self.is_holding = True

    def release(self, onset_ms: float | None = None) -> None:
        """Give what is said again; first what was kept since `onset_ms` (stream time), in one piece. None: that is thrown away."""
        self.is_holding = False
        if onset_ms is not None:
            self._ready.extend(held for held in self._held if held[0] > onset_ms - LEAD_MS)
        self._held.clear()
