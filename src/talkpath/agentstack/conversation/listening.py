"""A call's audio to its recogniser, and the words back. A recogniser that fails is opened again, and the call goes on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

from talkpath.agentstack.conversation.ear import Ear
from talkpath.agentstack.conversation.stream_clock import StreamClock
from talkpath.agentstack.providers.base import ProviderError, SpeechToText, SttStream, Transcript
from talkpath.server import CallEnded

CHUNK_MS = 100  # what recognisers want at once; a turn ends 150 ms after its last sound at the soonest, so no word waits for a chunk
QUIET_MS = (
    400  # so much at once while the engine hears nobody; what it hears, and any other event, brings what there is
)
LEAST_QUIET_MS = 200  # and less than this waits for the next: each message is a system call
_REOPEN_S = (0.0, 1.0, 2.0, 5.0)  # after a failure; the last for ever


class Source(Protocol):
    """What is needed of a `PhoneCall`."""

    sample_rate_hz: int

    async def hear(self, take: Callable[[bytes], None], chunk_ms: int = 20, quiet_ms: int | None = None) -> None: ...


class Listener:
    """One call's.

    Parameters
    ----------
    source : Source
    stt : callable
        Gives the recogniser of now; None: there is none, and only time is kept.
    on_transcript : coroutine function
    on_problem : callable
        (code, message).
    clock : callable
        Seconds.
    on_fault : callable
        (what, exception): what must not happen.
    """

    def __init__(
        self,
        source: Source,
        stt: Callable[[], SpeechToText | None],
        on_transcript: Callable[[Transcript], Any],
        on_problem: Callable[[str, str], None],
        clock: Callable[[], float],
        on_fault: Callable[[str, BaseException], None],
    ) -> None:
        self._source, self._stt, self._on_transcript, self._on_problem = source, stt, on_transcript, on_problem
        self._clock, self._on_fault = clock, on_fault
        self.ear = Ear(source.sample_rate_hz)
        self.time = StreamClock(clock())
        self.stream: SttStream | None = None
        self.is_deaf = False
        self._closed_audio_s = 0.0
        self._quiet, self._caller_speaks = bytearray(), False
        self._chunk_bytes = 2 * source.sample_rate_hz * CHUNK_MS // 1000
        self._quiet_bytes = 2 * source.sample_rate_hz * LEAST_QUIET_MS // 1000

    @property
    def provider(self) -> tuple[str, str]:
        """Who hears: provider and model."""
        heard_by = self.stream or self._stt()
        return ("", "") if heard_by is None else (heard_by.provider, heard_by.model)

    @property
    def audio_s(self) -> float:
        """How much the recognisers were given."""
        return self._closed_audio_s + (self.stream.audio_s if self.stream is not None else 0.0)

    def caller_speaks(self, onset_ms: float) -> None:
        """The engine hears him."""
        self._caller_speaks = True
        self._send(self.ear.caller(True, onset_ms))

    def caller_stops(self) -> None:
        """He is silent again: the words of all that he has said are wanted."""
        self.ear.caller(False)
        self._send(b"")
        self._caller_speaks = False
        if self.stream is not None:
            self.stream.finalize()

    def _send(self, audio: bytes) -> None:
        self._quiet += audio
        if not self._quiet or not (self._caller_speaks or len(self._quiet) >= self._quiet_bytes):
            return
        if self.stream is not None and not self.is_deaf:
            self.stream.send(bytes(self._quiet))
        self._quiet.clear()

    async def change(self) -> None:
        """Another recogniser from now on."""
        if self.stream is not None:
            await self.stream.aclose()

    async def run(self) -> None:
        """Until the call is over."""
        hearing = asyncio.create_task(self._hear())
        try:
            await self._source.hear(self._heard, CHUNK_MS, QUIET_MS)
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing

    def _heard(self, pcm: bytes) -> None:
        step = self._chunk_bytes  # the ear takes and leaves whole pieces
        self._send(b"".join(self.ear.hear(pcm[at : at + step]) for at in range(0, len(pcm), step)))
        self.time.seen(self.ear.now_ms, self._clock())

    async def _hear(self) -> None:
        failures = 0
        while (stt := self._stt()) is not None:
            self.stream = stream = stt.open(self._source.sample_rate_hz)
            try:
                async for transcript in stream:
                    failures = 0
                    await self._take(transcript)
            except ProviderError as problem:
                self._on_problem("stt_error", str(problem))
            finally:
                self.stream = None
                self._closed_audio_s += stream.audio_s
                await stream.aclose()
            await asyncio.sleep(_REOPEN_S[min(failures, len(_REOPEN_S) - 1)])
            failures += 1

    async def _take(self, transcript: Transcript) -> None:
        try:
            await self._on_transcript(transcript)
        except CallEnded:
            raise
        except Exception as problem:  # without an ear the agent would be deaf
            self._on_fault("a transcript", problem)
