"""A model that hears and speaks, on one call: its socket, and itself as the talk's ear and model in one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from talkpath.agentstack.providers import openai_realtime as wire
from talkpath.agentstack.providers.base import (
    Audio,
    ChatMessage,
    Delta,
    Finished,
    ProviderError,
    Spec,
    SttStream,
    Tool,
    Transcript,
)
from talkpath.agentstack.providers.dialling import SocketTimes, dial
from talkpath.agentstack.sockets import DirectSocket

_log = logging.getLogger("talkpath.agentstack.realtime")

READY_S = 5.0  # so long an answer waits for the connection
SILENT_S = 10.0  # an answer of which nothing comes for so long
FREE_S = 2.0  # and the end of one that was cancelled
LEAD_S = 0.5  # of the caller's sound before he is known to speak
MESSAGE_MS = 100
HARMLESS = ("response_cancel_not_active", "input_audio_buffer_commit_empty", "item_truncate_invalid_item_id")


class RealtimeModel:
    """Of one call. See `SpeechModel`.

    Parameters
    ----------
    spec : mapping
        The agent's `s2s`.
    key, base_url : str, optional
    times : SocketTimes, optional
    """

    sample_rate_hz = wire.RATE_HZ

    def __init__(
        self, spec: Spec, key: str | None = None, base_url: str | None = None, times: SocketTimes | None = None
    ) -> None:
        self.provider = str(spec.get("provider") or wire.PROVIDER)
        self.model = str(spec.get("model") or wire.MODEL)
        self._spec, self._key = spec, key
        self._url, self._times = wire.url_of(spec, base_url), times or SocketTimes()
        self.tools: Callable[[], Sequence[Tool]] = tuple
        self.talk_so_far: Callable[[], Sequence[ChatMessage]] = lambda: [{"role": "system", "content": ""}]
        self._told: set[str] = set()  # notes that this connection knows
        self._stream: _Stream | None = None
        self._is_open = asyncio.Event()
        self._answering = asyncio.Lock()  # it gives one answer at a time

    # --- an ear -----------------------------------------------------------------------------------------------------------------

    def open(self, sample_rate_hz: int) -> SttStream:
        """See `SpeechToText`; also what is said goes through it. Anew after a connection is lost, with the words of the talk so far."""
        if sample_rate_hz != self.sample_rate_hz:
            raise ProviderError(f"{self.provider} hears at {self.sample_rate_hz} Hz", "bad_request", self.provider)
        messages = self.talk_so_far()
        prompt = str(messages[0].get("content") or "") if messages and messages[0].get("role") == "system" else ""
        self._prompt, self._given_tools = prompt, tuple(self.tools())
        first = [
            wire.session_update(self._spec, prompt, self._given_tools),
            *wire.replayed([{}, *messages[bool(prompt) :]]),
        ]
        self._told = {str(m["content"]) for m in messages[1:] if m.get("role") == "system"}
        self._told |= {str(m["tool_call_id"]) for m in messages if m.get("role") == "tool"}
        self._stream = _Stream(self, first)
        return self._stream

    def attend(self) -> None:
        """The caller speaks: what he says now is for the model."""
        if self._stream is not None:
            self._stream.attend(True)

    def forget(self) -> None:
        """It was no turn."""
        if self._stream is not None:
            self._stream.forget()

    # --- a model ----------------------------------------------------------------------------------------------------------------

    async def chat(self, messages: Sequence[ChatMessage], tools: Sequence[Tool] = ()) -> AsyncIterator[Delta]:
        """See `LanguageModel`: what the caller has said since the last answer is answered. Sound comes as `Audio`."""
        async with self._answering:
            stream = await self._ready()
            self._tell(stream, messages, tools)
            stream.commit()
            async for delta in stream.answer(wire.respond()):
                yield delta

    async def say(self, text: str) -> AsyncIterator[Delta]:
        """These words, in its voice."""
        async with self._answering:
            stream = await self._ready()
            words = json.dumps(text, ensure_ascii=False)
            async for delta in stream.answer(
                wire.respond(f"Say exactly these words to the caller, and nothing else: {words}")
            ):
                yield delta

    def heard(self, position_s: float) -> None:
        """The caller has heard so much of what was said last."""
        if self._stream is not None:
            self._stream.heard(position_s)

    async def _ready(self) -> _Stream:
        try:
            async with asyncio.timeout(READY_S):
                await self._is_open.wait()
        except TimeoutError:
            raise ProviderError(f"{self.provider}: there is no connection", "timeout", self.provider) from None
        assert self._stream is not None
        return self._stream

    def _tell(self, stream: _Stream, messages: Sequence[ChatMessage], tools: Sequence[Tool]) -> None:
        """What is new since it was asked last: its instructions, notes, results of tools."""
        has_prompt = bool(messages) and messages[0].get("role") == "system"
        prompt = str(messages[0].get("content") or "") if has_prompt else ""
        if (prompt, tuple(tools)) != (self._prompt, self._given_tools):
            self._prompt, self._given_tools = prompt, tuple(tools)
            stream.put(wire.session_update(self._spec, prompt, tools))
        for one in messages[has_prompt:]:
            content = str(one.get("content") or "")
            if one.get("role") == "system" and content not in self._told:
                self._told.add(content)
                stream.put(wire.message("system", content))
            elif one.get("role") == "tool" and str(one["tool_call_id"]) not in self._told:
                self._told.add(str(one["tool_call_id"]))
                stream.put(wire.tool_output(str(one["tool_call_id"]), content))


class _Stream:
    """One connection. See `SttStream`."""

    def __init__(self, owner: RealtimeModel, first: Sequence[str]) -> None:
        self._owner, self.provider, self.model = owner, owner.provider, owner.model
        self.audio_s = 0.0
        self._first = list(first)
        self._heard: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._socket: DirectSocket | None = None
        self._lead: deque[bytes] = deque()
        self._lead_bytes = 0
        self._held = bytearray()
        self._attends = False
        self._waiting_samples = 0  # appended, and not committed
        self._answer: asyncio.Queue[Delta | ProviderError] | None = None
        self._response_id = ""
        self._is_awaiting = False  # an answer was asked for, and has not begun
        self._is_free = asyncio.Event()  # none is being given, wanted or not
        self._is_free.set()
        self._item, self._item_samples = "", 0  # what was said last
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self.provider)

    # --- SttStream --------------------------------------------------------------------------------------------------------------

    def send(self, pcm: bytes) -> None:
        """See `SttStream`. While the caller is silent only the last of it is kept: what is said is paid for, silence too."""
        if self._attends:
            self._held += pcm
            if len(self._held) >= wire.RATE_HZ * 2 * MESSAGE_MS // 1000:
                self._flush()
            return
        self._lead.append(pcm)
        self._lead_bytes += len(pcm)
        while self._lead and self._lead_bytes - len(self._lead[0]) >= LEAD_S * wire.RATE_HZ * 2:
            self._lead_bytes -= len(self._lead.popleft())

    def finalize(self) -> None:
        """See `SttStream`."""
        self.attend(False)
        self._heard.put_nowait(Transcript("", is_final=True, from_finalize=True))

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        """See `SttStream`: what the caller has said, a while after the model has heard it."""
        while (said := await self._heard.get()) is not None:
            if isinstance(said, ProviderError):
                raise said
            yield said

    async def aclose(self) -> None:
        """See `SttStream`."""
        self._task.cancel()
        await asyncio.wait((self._task,), timeout=self._owner._times.close_s)
        self._heard.put_nowait(None)

    # --- what is sent -----------------------------------------------------------------------------------------------------------

    def attend(self, on: bool) -> None:
        """The caller's sound is for the model, from a little before now."""
        if on and not self._attends:
            self._held += b"".join(self._lead)
            self._lead.clear()
            self._lead_bytes = 0
        elif not on:
            self._flush()
        self._attends = on

    def _flush(self) -> None:
        if self._held:
            pcm = bytes(self._held)
            self._held.clear()
            self.put(wire.append(pcm))
            self._waiting_samples += len(pcm) // 2
            self.audio_s += len(pcm) / 2 / wire.RATE_HZ

    def commit(self) -> None:
        """The turn is over."""
        self._flush()
        if self._waiting_samples * 1000 >= wire.LEAST_COMMIT_MS * wire.RATE_HZ:
            self.put(wire.COMMIT)
            self._waiting_samples = 0

    def forget(self) -> None:
        """What was sent since the last commit."""
        self._held.clear()
        if self._waiting_samples:
            self.put(wire.CLEAR)
            self._waiting_samples = 0

    def put(self, message: str) -> None:
        """Nothing where the connection is gone: the next one is told all."""
        if self._socket is not None:
            self._socket.put([message])

    def heard(self, position_s: float) -> None:
        """Of the last thing that was said."""
        if self._item and position_s * wire.RATE_HZ < self._item_samples:
            self.put(wire.truncate(self._item, max(0, round(1000 * position_s))))
            self._item_samples = 0

    # --- answers ----------------------------------------------------------------------------------------------------------------

    async def answer(self, request: str) -> AsyncIterator[Delta]:
        """One, as it comes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FREE_S):  # one that was cancelled is over first
                await self._is_free.wait()
        answer = self._answer = asyncio.Queue()
        self._response_id, self._is_awaiting = "", True
        self._item, self._item_samples = "", 0
        self._is_free.clear()
        self.put(request)
        is_over = False
        try:
            while not is_over:
                try:
                    async with asyncio.timeout(SILENT_S):
                        delta = await answer.get()
                except TimeoutError:
                    raise ProviderError(
                        f"{self.provider} says nothing for {SILENT_S:g} s", "timeout", self.provider
                    ) from None
                if isinstance(delta, ProviderError):
                    raise delta
                is_over = isinstance(delta, Finished)
                yield delta
        finally:
            if self._answer is answer:
                self._answer = None
            if not is_over and not self._is_free.is_set():
                self.put(wire.cancel(self._response_id))

    # --- what comes -------------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        owner = self._owner
        try:
            headers = wire.headers(owner._spec, owner._key)
            self._socket = socket = await dial(owner._url, headers, owner._times, self.provider, owner._key)
            socket.put(self._first)
            owner._is_open.set()
            await socket.hear(self._take)
        except ProviderError as problem:
            self._fail(problem)
        except ConnectionClosed:
            self._fail(ProviderError(f"{self.provider}: the connection is lost", "unavailable", self.provider))
        except Exception as problem:  # a fault of ours: the call must hear of it
            _log.exception("%s: its stream ends", self.provider)
            self._fail(ProviderError(f"{self.provider}: {type(problem).__name__}", "unavailable", self.provider))
        finally:
            if owner._stream is self:
                owner._is_open.clear()
            socket_now, self._socket = self._socket, None
            if socket_now is not None:
                with suppress(Exception):
                    async with asyncio.timeout(owner._times.close_s):
                        await socket_now.close()

    def _fail(self, problem: ProviderError) -> None:
        if self._answer is not None:
            self._answer.put_nowait(problem)
        self._heard.put_nowait(problem)

    def _take(self, data: str | bytes) -> None:
        for news in wire.read(data, self.provider, self.model):
            match news:
                case Transcript():
                    self._heard.put_nowait(news)
                case wire.Responding():
                    self._response_id, self._is_awaiting = news.response_id, False
                    if self._answer is None:  # given up before it had a name
                        self.put(wire.cancel(news.response_id))
                case wire.Answered():
                    self._answered(news)
                case wire.Refused() if news.code not in HARMLESS:
                    problem = ProviderError(f"{self.provider}: {news.text or news.code}", "unavailable", self.provider)
                    if self._is_awaiting:  # it is none that begins
                        self._is_free.set()
                    if self._answer is not None:
                        self._answer.put_nowait(problem)
                    else:
                        _log.warning("%s", problem)

    def _answered(self, news: wire.Answered) -> None:
        if isinstance(news.delta, Finished):
            self._is_free.set()
        if self._answer is None or news.response_id not in ("", self._response_id):
            return
        if isinstance(news.delta, Audio):
            if news.item_id != self._item:
                self._item, self._item_samples = news.item_id, 0
            self._item_samples += len(news.delta.pcm) // 2
        self._answer.put_nowait(news.delta)
