"""The call, in the one place of Pipecat that sees both directions as they are on the wire."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.serializers.base_serializer import FrameSerializer

from talkpath.call.config import AUDIO_FORMATS, CallConfig
from talkpath.call.pipeline import CallPipeline
from talkpath.errors import ConfigError
from talkpath.integrations.pipecat.frames import CallAudioFrame
from talkpath.integrations.pipecat.line import CallLine, Socket
from talkpath.server import Limits, Session
from talkpath.streams import DIALECTS, Start, Stream

_FORMATS = {rate_hz: name for name, rate_hz in AUDIO_FORMATS.items()}


class TalkpathSerializer(FrameSerializer):
    """Serializer of `FastAPIWebsocketTransport` for every dialect of `talkpath.streams`; it holds the whole call.

    Parameters
    ----------
    websocket : WebSocket
        Starlette's, the transport's own. A serializer may give one message for a frame; a call has more to say (marks, comfort noise,
        clears), and says it at its own time.
    provider : str or Stream
        "auto": found from the first message, which nobody may have read before. Or a dialect's name, or a stream.
    config : CallConfig or callable
        Or what gives it, from the provider's `Start`. Its `audio_format` is Pipecat's input rate: 8, 16 or 24 kHz.
    limits : Limits, optional
        Of the session.
    clock : callable
        Seconds that never go back.
    params : FrameSerializer.InputParams, optional

    Notes
    -----
    Audio in: a message of 20 ms leaves `deserialize` as a `CallAudioFrame` of 20 ms. Audio out goes into the call's queue, which
    Pipecat fills 40 to 80 ms ahead; `serialize` itself gives nothing. Where Pipecat fails to fill it in time, the end is faded.
    """

    def __init__(
        self,
        websocket: Socket,
        provider: str | Stream = "auto",
        config: CallConfig | Callable[[Start], CallConfig] | None = None,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        params: FrameSerializer.InputParams | None = None,
    ) -> None:
        super().__init__(params)
        if isinstance(provider, str) and provider != "auto" and provider not in DIALECTS:
            raise ConfigError(f"provider must be 'auto', {', '.join(map(repr, DIALECTS))} (got {provider!r})")
        self._provider, self._limits, self._clock = provider, limits, clock
        self._choose = config if callable(config) else lambda _: config or CallConfig()
        self._websocket = websocket
        self._rate_hz = 16000
        self._line: CallLine | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def line(self) -> CallLine:
        """The call's line."""
        if self._line is None:
            self._line = CallLine(self._session(), self._websocket, self._clock)
        return self._line

    @property
    def session(self) -> Session:
        """Its session: `start`, `counters`, `ended`."""
        return self.line.session

    @property
    def call(self) -> CallPipeline | None:
        """From the provider's start on, to its end."""
        return self.line.call

    def _session(self) -> Session:
        name, path, headers = self._provider, "", {}
        url = getattr(self._websocket, "url", None)
        if url is not None:
            path = url.path + (f"?{url.query}" if url.query else "")
            headers = dict(getattr(self._websocket, "headers", {}))
        stream = name if isinstance(name, Stream) else None
        if isinstance(name, str) and name != "auto":
            stream = DIALECTS[name](path=path, headers=headers)

        def configured(start: Start) -> CallConfig:
            return self._choose(start).replaced(audio_format=_FORMATS[self._rate_hz])

        return Session(configured, stream, now=self._clock(), path=path, headers=headers, limits=self._limits)

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]  # as Pipecat's own
        """Pipecat's rate is known; the call keeps time from the first message on."""
        await super().setup(setup)
        self._rate_hz = setup.audio_in_sample_rate
        if self._rate_hz not in _FORMATS:
            raise ConfigError(f"audio_in_sample_rate must be 8000, 16000 or 24000 (got {self._rate_hz})")

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """The caller's audio that is there now, cleaned, with what happened on the call."""
        line = self.line
        line.receive(data)
        if self._task is None:
            self._task = asyncio.create_task(line.run(), name="talkpath call")
        audio, events = line.take() if line.has_audio else (b"", [])
        return CallAudioFrame(audio, self._rate_hz, 1, events) if audio else None

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """What the agent says goes into the call, which sends it in its time; only an application's own message comes back."""
        if isinstance(frame, OutputAudioRawFrame):
            self.line.speak(frame.audio, frame.sample_rate)
        elif isinstance(frame, InterruptionFrame):
            self.line.interrupt()
        elif isinstance(frame, EndFrame | CancelFrame):
            await self.line.hang_up()
        elif isinstance(frame, OutputTransportMessageFrame | OutputTransportMessageUrgentFrame):
            return None if self.should_ignore_frame(frame) else json.dumps(frame.message)
        return None
