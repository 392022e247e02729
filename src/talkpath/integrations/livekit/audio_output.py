"""The agent's voice, as a session's audio output: what was heard of it is what the line has played."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents.voice import io

from talkpath._types import Samples
from talkpath.call.events import AgentSpeechStarted, Event
from talkpath.errors import FormatError
from talkpath.integrations.livekit.segment import Segment
from talkpath.server import CallEnded, PhoneCall, SessionEvent

_RETRY_S = 0.1  # so long a full queue is waited for before more is offered
_PIECE_S = 0.5  # of speech, offered at once


class PhoneAudioOutput(io.AudioOutput):
    """Says on a call what a session captures.

    Frames of any rate, as fast as they come: `capture_frame` waits where more than the call's `max_queued_ms` would wait. A segment is
    finished when the provider says that it was played. When it is cut, `playback_position` is what has left, less what the provider
    had not played and was told to throw away.

    Parameters
    ----------
    call : PhoneCall
    may_interrupt : callable
        Whether the caller may interrupt what is said now; asked as a segment begins.
    """

    def __init__(self, call: PhoneCall, may_interrupt: Callable[[], bool] = lambda: True) -> None:
        super().__init__(label="talkpath", capabilities=io.AudioOutputCapabilities(pause=True))
        self._call, self._may_interrupt = call, may_interrupt
        self._segment: Segment | None = None
        self._count, self._is_protected = 0, False
        self._tasks: set[asyncio.Task[None]] = set()
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        if frame.num_channels != 1:
            raise FormatError(f"a phone has one channel (got frames of {frame.num_channels}): mix them before")
        await super().capture_frame(frame)
        try:
            segment = await self._begin(frame.sample_rate) if self._segment is None else self._segment
            await self._say(segment, np.frombuffer(frame.data, np.int16), frame.sample_rate)
        except CallEnded:
            self._end()

    async def _begin(self, rate_hz: int) -> Segment:
        self._count += 1
        segment = self._segment = Segment(f"livekit-{self._count}", rate_hz)
        if self._may_interrupt() == self._is_protected:
            self._is_protected = not self._is_protected
            await self._call.update(allow_interruptions=not self._is_protected)
        await self._goes_on.wait()  # the call pauses what is said, and nothing is yet
        return segment

    async def _say(self, segment: Segment, pcm: Samples, rate_hz: int) -> None:
        piece = max(1, round(_PIECE_S * rate_hz))
        while len(pcm) and not (segment.is_cut or segment.is_over):
            offered = pcm[:piece]
            taken = await self._call.speak(offered, rate_hz, segment.name)
            pcm = pcm[taken:]
            if taken < len(offered):
                await asyncio.sleep(_RETRY_S)

    def flush(self) -> None:  # the segment is complete
        super().flush()
        segment = self._segment
        if segment is None or segment.is_flushed:
            return
        segment.is_flushed = True
        if segment.is_over:
            self._segment = None
        self._post(self._complete(segment))

    async def _complete(self, segment: Segment) -> None:
        await self._call.speak(np.zeros(0, np.int16), segment.rate_hz, segment.name, True)
        if not (segment.is_cut or segment.is_over):
            await self._call.checkpoint(segment.name)

    def clear_buffer(self) -> None:
        """Fall silent at once."""
        self._goes_on.set()
        segment = self._segment
        if segment is not None and not (segment.is_cut or segment.is_over):
            segment.is_cut = True
            self._post(self._call.clear_audio(), self._call.checkpoint(segment.name))

    def pause(self) -> None:
        super().pause()
        self._goes_on.clear()
        self._post(self._call.pause())

    def resume(self) -> None:
        super().resume()
        self._goes_on.set()
        self._post(self._call.resume())

    def _post(self, *commands: Coroutine[Any, Any, Any]) -> None:
        """One after the other, and none where the call is over."""

        async def run() -> None:
            try:
                for command in commands:
                    await command
            except CallEnded:
                self._end()
            finally:
                for command in commands:
                    command.close()

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def happened(self, event: Event | SessionEvent) -> None:
        """What the call tells of it."""
        segment = self._segment
        if segment is None or segment.is_over:
            return
        was_cut = segment.is_cut
        segment.happened(event)
        if isinstance(event, AgentSpeechStarted) and event.utterance == segment.name and not segment.is_started:
            segment.is_started = True
            self.on_playback_started(created_at=time.time())
        if segment.is_over:
            self._finish(segment)
        elif segment.is_cut and not was_cut:  # by the call. A mark comes back where nothing can be thrown away, too
            self._post(self._call.checkpoint(segment.name))

    def _finish(self, segment: Segment) -> None:
        if segment.is_flushed:
            self._segment = None
        self.on_playback_finished(playback_position=segment.heard_s, interrupted=segment.is_cut)

    def _end(self) -> None:  # the line is gone
        self._goes_on.set()
        segment = self._segment
        if segment is not None and not segment.is_over:
            segment.is_cut = segment.is_over = True
            self._finish(segment)
