"""A telephone company in a few lines: a paced provider on a WebSocket, for servers of ours and of others."""

import asyncio
import contextlib
import time
from collections.abc import Mapping

import numpy as np

import talkpath as tp
from talkpath import streams
from talkpath.streams import ClearRequest, HangupRequest, MarkRequest, Media, Start, Wire

ULAW = Wire("mulaw", 8000)


class Phone:
    """Speaks a provider's side of a µ-law stream: says what it is given, plays what comes, answers marks when they are due.

    Attributes
    ----------
    played : bytes
        What was heard: audio that a clear took back is not in it.
    messages : list
        All that came but audio.
    """

    def __init__(self, dialect: str, start: Start | None = None, **options: object) -> None:
        self.provider = streams.DIALECTS[dialect]("provider", **options)
        self.start = start or Start(call_id="call-1", stream_id="stream-1", wire=ULAW, wire_out=ULAW)
        self.played = b""
        self.messages: list[object] = []
        self._ends = 0.0  # when all that came will have been played
        self._tasks: list[asyncio.Task] = []

    @property
    def heard(self) -> np.ndarray:
        """What was played, decoded."""
        return tp.g711.ulaw_decode(self.played)

    async def call(
        self, url: str, seconds: float, says: np.ndarray | None = None, keys: Mapping[float, str] | None = None
    ) -> None:
        """One call of so many seconds, or until the other side hangs up; `keys`: what is pressed, and when."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed

        said = b"" if says is None else tp.g711.ulaw_encode(says)
        waiting = dict(keys or {})
        async with connect(url, compression=None, subprotocols=list(self.provider.subprotocols) or None) as socket:
            ears = asyncio.create_task(self._listen(socket))
            for data in self.provider.open(self.start):
                await socket.send(data)
            begin = time.monotonic()
            frames = 0
            with contextlib.suppress(ConnectionClosed):  # it hung up between two frames
                while not ears.done() and frames < 50 * seconds:
                    if self.provider.ready:
                        frame = said[160 * frames : 160 * frames + 160]
                        await socket.send(self.provider.media(frame.ljust(160, b"\xff")))
                    for at in [at for at in waiting if frames >= 50 * at]:
                        await socket.send(self.provider.dtmf(waiting.pop(at)))
                    frames += 1
                    await asyncio.sleep(max(0, begin + 0.02 * frames - time.monotonic()))
                if not ears.done():
                    await socket.send(self.provider.stop())
        for task in (ears, *self._tasks):
            task.cancel()
        await asyncio.gather(ears, *self._tasks, return_exceptions=True)

    async def _listen(self, socket: object) -> None:
        async for data in socket:
            for message in self.provider.receive(data):
                now = time.monotonic()
                match message:
                    case Media(payload=payload):
                        self.played += payload
                        self._ends = max(self._ends, now) + len(payload) / 8000
                        continue
                    case MarkRequest(name=name):
                        self._tasks.append(asyncio.create_task(self._mark(socket, name, self._ends - now)))
                    case ClearRequest():
                        unplayed = max(0, round(8000 * (self._ends - now)))
                        self.played = self.played[: len(self.played) - unplayed]
                        self._ends = now
                    case HangupRequest():
                        return
                self.messages.append(message)
            for answer in self.provider.data_to_send():
                await socket.send(answer)

    async def _mark(self, socket: object, name: str, wait_s: float) -> None:
        await asyncio.sleep(max(0, wait_s))
        await socket.send(self.provider.mark(name))
