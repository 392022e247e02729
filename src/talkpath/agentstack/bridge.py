"""Two people on two calls talk to each other: after a transfer, without the agent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import numpy as np

from talkpath._types import Samples
from talkpath.call.events import MarkPlayed, UserDtmf
from talkpath.errors import StateError
from talkpath.server import CallEnded, PhoneCall
from talkpath.server.joint import KEY_FRAMES, has_key, is_quiet

CUSHION_MS = 40.0  # before the first frame: what the two processes and the loop between them need
BURST_MS = 100.0  # so much may be given at once; more is what waited while this side stood still
KEEP_MS = 60.0  # in the other's queue, as marks tell; what waits longer than that for long is left out
PROBE_S, PROBE_LOST_S = 1.0, 10.0  # so often a mark is sent through the queue; one that is older was thrown away
KEY_MS = 200.0  # a key and its pause, as the engine plays it
_NAME = "bridge"
_PROBE = "bridge:"


class Relay:
    """One direction, where the two calls are in different processes of audio: what is heard on `source` is said on `target`.

    Notes
    -----
    The queue of `target` grows by whatever the loop, the line or the other clock was late, and does not shrink by itself. A mark a
    second says how long speech waits there, and as much as is too much is left out, quiet frames first.
    """

    def __init__(self, source: PhoneCall, target: PhoneCall) -> None:
        self.source, self.target = source, target
        self._loop = asyncio.get_running_loop()
        self._full_at = 0.0  # when what was given will have been said, by this loop's clock
        self._drop_ms = 0.0  # to be left out, whatever is said
        self._drop_quiet_ms = 0.0
        self._waits_ms: deque[float] = deque(maxlen=2)
        self._probe: tuple[str, float] | None = None
        self._probes = 0
        self._last: deque[Samples] = deque(maxlen=KEY_FRAMES)

    async def run(self) -> None:
        """To the end of either call."""
        rate_hz, frame_ms = self.source.sample_rate_hz, float(self.source.frame_ms)
        next_probe = self._loop.time() + PROBE_S
        await self.target.speak(np.zeros(round(CUSHION_MS * rate_hz / 1000), np.int16), rate_hz, _NAME)
        async for pcm in self.source.audio(self.source.frame_ms):
            now = self._loop.time()
            if not self._is_wanted(pcm, frame_ms, now):
                continue
            self._last.append(pcm)
            await self.target.speak(pcm, rate_hz, _NAME)
            if now >= next_probe:
                next_probe = now + PROBE_S
                await self._send_probe()

    def _is_wanted(self, pcm: Samples, frame_ms: float, now: float) -> bool:
        if self._full_at - now > BURST_MS / 1000:
            return False
        if self._drop_ms >= frame_ms:
            self._drop_ms -= frame_ms
            return False
        if self._drop_quiet_ms >= frame_ms and is_quiet(pcm):
            self._drop_quiet_ms -= frame_ms
            return False
        self._full_at = max(self._full_at, now) + frame_ms / 1000
        return True

    # --- how long speech waits ------------------------------------------------------------------------------------------------------

    async def _send_probe(self) -> None:
        if self._probe is None or self._loop.time() - self._probe[1] > PROBE_LOST_S:
            self._probes += 1
            self._probe = f"{_PROBE}{self._probes}", self._loop.time()
            await self.target.checkpoint(self._probe[0])

    def heard(self, mark: str) -> None:
        """A mark has left the queue of `target`."""
        if self._probe is not None and mark == self._probe[0]:
            self._waits_ms.append(1000 * (self._loop.time() - self._probe[1]))
            self._probe = None
            too_much_ms = min(self._waits_ms) - KEEP_MS
            if len(self._waits_ms) == 2 and too_much_ms > 0:
                self._drop_ms = max(0.0, too_much_ms - BURST_MS)
                self._drop_quiet_ms = too_much_ms - self._drop_ms
                self._waits_ms.clear()  # what waits now was measured before

    # --- keys -----------------------------------------------------------------------------------------------------------------------

    async def key(self, digit: str) -> None:
        """A key of `source`: pressed for `target`, unless it was heard there as the sound that it is."""
        if not has_key(self._last, digit, self.source.sample_rate_hz):
            await self.target.send_dtmf(digit)
            self._drop_ms += KEY_MS  # what is said meanwhile: all that follows would come later


async def bridge(first: PhoneCall, second: PhoneCall) -> None:
    """Let two people talk until one of them hangs up; then both are over.

    Parameters
    ----------
    first, second : PhoneCall
        Nobody else may read their `events()` and `audio()` any more. What the agent has queued is thrown away.
    """
    ends = [asyncio.ensure_future(call.wait_ended()) for call in (first, second)]
    work: list[asyncio.Task[None]] = []
    try:
        with suppress(CallEnded):
            for call in (first, second):
                await _silence(call)
            work = await _joined(first, second)
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*ends, *work):
            task.cancel()
        await asyncio.gather(*ends, *work, return_exceptions=True)
        await asyncio.gather(*(call.hangup(after_speech=False) for call in (first, second)))


async def _joined(first: PhoneCall, second: PhoneCall) -> list[asyncio.Task[None]]:
    """By the process of audio, where both are in one: then no work of this process is heard. Else by tasks of this loop."""
    try:
        await first.join(second)
    except CallEnded:
        raise
    except StateError:
        there, back = Relay(first, second), Relay(second, first)
        works = (there.run(), back.run(), _events(there, back), _events(back, there))
        return [asyncio.ensure_future(_quietly(work)) for work in works]
    return []


async def _silence(call: PhoneCall) -> None:
    """Nothing of the agent is left, and its engine keeps out of the talk.

    Echo control as well: until it has learned a line it lets one at a time be heard. People who talk at once are both heard, as on any
    telephone, whose networks have their own.
    """
    await call.update(allow_interruptions=False, idle_timeout=None, echo_control=False)
    await call.clear_audio()
    await call.stop_background()


async def _events(own: Relay, other: Relay) -> None:
    """What happens on the call that `own` hears and `other` speaks on."""
    async for event in own.source.events():
        if isinstance(event, UserDtmf):
            await own.key(event.digit)
        elif isinstance(event, MarkPlayed):
            other.heard(event.name)


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    with suppress(CallEnded):
        await work
