"""Deepgram's socket: audio is kept until it has been heard, so that a connection that is lost costs no word."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed, WebSocketException

from talkpath.agentstack.providers.audio_log import AudioLog
from talkpath.agentstack.providers.base import ProviderError, Spec, SttStream, Transcript
from talkpath.agentstack.providers.deepgram import (
    BASE_URL,
    CLOSE_STREAM,
    KEEP_ALIVE,
    MODEL,
    PROVIDER,
    DeepgramProtocol,
    headers,
    listen_url,
    of_code,
)
from talkpath.agentstack.providers.dialling import SocketTimes, dial
from talkpath.agentstack.sockets import DirectSocket

_log = logging.getLogger("talkpath.agentstack.deepgram")

MOST_S = 0.25  # of audio in one message, when there is much to catch up with
MOST_MESSAGES = 8  # in one write
TRIES = 2  # connections in a row that give nothing


@dataclass(frozen=True, slots=True)
class DeepgramTimes:
    """How long what may take."""

    connect_s: float = 3.0
    again_s: float = 0.25  # before the second try of a reconnection
    message_s: float = 0.1  # audio is gathered for so long, or until a Finalize: each message is a system call
    keep_alive_s: float = 4.0  # Deepgram hangs up after 10 s without audio
    ping_s: float = 5.0  # and as long for its answer
    waiting_s: float = 20.0  # audio that the provider does not take
    close_s: float = 1.0


class Deepgram:
    """Hears by Deepgram, or by what speaks like it. See `SpeechToText`."""

    provider = PROVIDER

    def __init__(
        self, spec: Spec, key: str | None = None, base_url: str | None = None, times: DeepgramTimes | None = None
    ) -> None:
        self.model = str(spec.get("model") or MODEL)
        self._spec, self._key, self._base_url, self._times = spec, key, base_url or BASE_URL, times or DeepgramTimes()

    def open(self, sample_rate_hz: int) -> SttStream:
        """See `SpeechToText`. Connects at once; needs a running loop."""
        url = listen_url(self._spec, sample_rate_hz, self._base_url)
        return DeepgramStream(self.model, url, self._key, sample_rate_hz, self._times)


class DeepgramStream:
    """One call's hearing. See `SttStream`.

    A connection that is lost is made again once, and all that came since the last final transcript is said to it again (20 s at most).
    """

    provider = PROVIDER

    def __init__(
        self,
        model: str,
        url: str,
        key: str | None,
        sample_rate_hz: int,
        times: DeepgramTimes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self._url, self._key, self._rate, self._times, self._clock = url, key, sample_rate_hz, times, clock
        self.audio_s = 0.0
        self._log = AudioLog(sample_rate_hz, times.waiting_s)
        self._finalizes: deque[int] = deque()  # where; those without an answer
        self._asked = 0  # so many of them on this connection
        self._said: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._news = asyncio.Event()
        self._is_closing = self._is_connected = False
        self._message_samples = int(times.message_s * sample_rate_hz)
        self._origin = self._next = 0  # where this connection began; what it gets next
        self._protocol = DeepgramProtocol(sample_rate_hz)
        self._socket: DirectSocket | None = None  # while it is served
        self._last_s = 0.0  # when something was sent
        self._task = asyncio.get_running_loop().create_task(self._run(), name="deepgram")

    # --- SttStream --------------------------------------------------------------------------------------------------------------

    @property
    def heard_s(self) -> float:
        """Up to here all words are in final transcripts."""
        return (self._origin + self._protocol.heard_samples) / self._rate

    def send(self, pcm: bytes) -> None:
        """See `SttStream`."""
        if self._task.done():
            return
        self._log.append(pcm)
        self.audio_s = self._log.end_samples / self._rate
        if self._log.end_samples - self._next >= self._message_samples:
            self._push()

    def finalize(self) -> None:
        """See `SttStream`."""
        self._finalizes.append(self._log.end_samples)
        self._push()
        self._news.set()  # its answer is due

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """See `SttStream`."""
        while (said := await self._said.get()) is not None:
            if isinstance(said, ProviderError):
                raise said
            yield said

    async def aclose(self) -> None:
        """See `SttStream`."""
        self._is_closing = True
        self._news.set()
        if self._is_connected:
            await asyncio.wait((self._task,), timeout=self._times.close_s)
        self._task.cancel()
        await asyncio.wait((self._task,), timeout=self._times.close_s)
        self._said.put_nowait(None)

    # --- connections ------------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self._connections()
        except ProviderError as problem:
            self._said.put_nowait(problem)
        except Exception as problem:  # a fault of ours: the call must hear of it
            _log.exception("%s: its stream ends", PROVIDER)
            self._said.put_nowait(ProviderError(f"{PROVIDER}: {type(problem).__name__}", "unavailable", PROVIDER))

    async def _connections(self) -> None:
        in_vain = 0
        while not self._is_closing:
            try:
                socket = await self._connect()
            except ProviderError as problem:
                in_vain += 1
                is_first = self._next == 0  # another provider may be at hand: do not wait for this one
                if is_first or in_vain >= TRIES or problem.kind in ("rejected_key", "bad_request"):
                    raise
                await asyncio.sleep(self._times.again_s)
                continue
            self._is_connected = True
            end = await self._serve(socket)
            self._is_connected = False
            if self._is_closing:
                return
            in_vain = in_vain + 1 if self._protocol.is_silent else 0
            if in_vain >= TRIES or end.kind != "unavailable":
                raise end
            _log.warning("%s; connecting again", end)

    async def _connect(self) -> DirectSocket:
        times = self._times
        dialled = SocketTimes(times.connect_s, times.ping_s, times.close_s)
        return await dial(self._url, headers(self._key), dialled, PROVIDER, self._key)

    async def _serve(self, socket: DirectSocket) -> ProviderError:
        """One connection to its end; why it ended."""
        protocol = self._protocol
        heard = self._origin + protocol.heard_samples
        self._origin = self._next = max(heard, self._log.begin_samples)
        self._protocol, self._asked = DeepgramProtocol(self._rate), 0
        self._socket, self._last_s = socket, self._clock()
        writer = asyncio.create_task(self._write(socket, self._protocol))
        reader = asyncio.create_task(self._read(socket, self._protocol))
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
            if self._is_closing and not reader.done():  # what it still has to say is not wanted
                await asyncio.wait((writer,), timeout=self._times.close_s)
        finally:
            self._socket = None
            for task in (writer, reader):
                task.cancel()
            results = await asyncio.gather(writer, reader, return_exceptions=True)
            await _closed(socket, self._times.close_s)
        for result in results:
            if isinstance(result, ProviderError):
                return result
        for result in results:
            if isinstance(result, ConnectionClosed):
                return of_close(result)
        for result in results:
            if isinstance(result, Exception):
                raise result
        return ProviderError(f"{PROVIDER} hung up", "unavailable", PROVIDER)

    # --- one connection ---------------------------------------------------------------------------------------------------------

    def _push(self) -> None:
        """What there is to send, in one write: from whoever brings it, for to wake a task costs as much as the message."""
        socket, protocol = self._socket, self._protocol
        if socket is None or self._next < self._log.begin_samples:
            return
        most, messages = int(MOST_S * self._rate), list[str | bytes]()
        is_quiet = self._is_closing or self._clock() - self._last_s >= self._times.keep_alive_s
        while not socket.is_full:
            is_asked = self._asked < len(self._finalizes)
            until = self._finalizes[self._asked] if is_asked else self._log.end_samples
            if until - self._next >= (1 if is_asked or is_quiet else self._message_samples):
                end = min(until, self._next + most)
                messages.append(self._log.read(self._next, end))
                self._next, protocol.sent_samples = end, end - self._origin
            elif is_asked:
                self._asked += 1
                messages.append(protocol.finalize(self._clock()))
            else:
                break
            if len(messages) >= MOST_MESSAGES:
                self._put(socket, messages)
                messages.clear()
        if messages:
            self._put(socket, messages)
        if socket.is_full:
            self._news.set()  # `_write` waits for room

    def _put(self, socket: DirectSocket, messages: list[str | bytes]) -> None:
        socket.put(messages)
        self._last_s = self._clock()

    async def _write(self, socket: DirectSocket, protocol: DeepgramProtocol) -> None:
        """What is due by the clock: `_push` does the rest."""
        keep_alive_s = self._times.keep_alive_s
        while True:
            self._news.clear()
            if self._next < self._log.begin_samples:
                raise ProviderError(f"{PROVIDER} takes no audio", "timeout", PROVIDER)
            self._push()
            if socket.is_full:
                with suppress(OSError):  # it is lost: `_read` knows why
                    await socket.drain()
                continue
            if self._is_closing:
                socket.put([CLOSE_STREAM])
                return
            now_s = self._clock()
            self._take(protocol.tick(now_s))
            if now_s - self._last_s >= keep_alive_s:
                self._put(socket, [KEEP_ALIVE])
            protocol_due_s, due_s = protocol.due_s(), self._last_s + keep_alive_s
            due_s = due_s if protocol_due_s is None else min(due_s, protocol_due_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due_s - now_s)):
                    await self._news.wait()

    async def _read(self, socket: DirectSocket, protocol: DeepgramProtocol) -> None:
        def hear(message: str | bytes) -> None:
            self._take(protocol.receive(message, self._clock()))
            if protocol.is_finalizing:  # its answer may be due sooner now
                self._news.set()

        await socket.hear(hear)

    def _take(self, transcripts: list[Transcript]) -> None:
        for transcript in transcripts:
            if transcript.from_finalize and self._finalizes:
                self._finalizes.popleft()
                self._asked -= 1
            self._said.put_nowait(transcript)
        self._log.forget(self._origin + self._protocol.heard_samples)


async def _closed(socket: DirectSocket, timeout_s: float) -> None:
    with suppress(TimeoutError, WebSocketException, OSError):
        async with asyncio.timeout(timeout_s):
            await socket.close()


def of_close(closed: ConnectionClosed) -> ProviderError:
    """Why a connection is gone. Our own 1011 says that pings have no answer."""
    if closed.rcvd is None and closed.sent is not None and closed.sent.code == 1011:
        return ProviderError(f"{PROVIDER} answers no pings", "timeout", PROVIDER)
    if closed.rcvd is not None and closed.rcvd.code == 1008:
        return of_code("", closed.rcvd.reason or "1008")
    return ProviderError(f"{PROVIDER}: the connection is lost", "unavailable", PROVIDER)
