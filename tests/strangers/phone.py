"""A telephone company in a few lines: a paced provider on a WebSocket, for servers that others wrote."""

import asyncio
import time

from talkpath import streams
from talkpath.streams import ClearRequest, HangupRequest, MarkRequest, Media, Start, Wire

ULAW = Wire("mulaw", 8000)


class Phone:
    """Speaks a provider's side of a stream: sends silence, plays what comes, answers marks when they are due."""

    def __init__(self, dialect: str, start: Start | None = None, **options: object) -> None:
        self.provider = streams.DIALECTS[dialect]("provider", **options)
        self.start = start or Start(call_id="call-1", stream_id="stream-1", wire=ULAW, wire_out=ULAW)
        self.heard = b""
        self.messages: list[object] = []  # but audio
        self._until = 0.0
        self._tasks: list[asyncio.Task] = []

    async def call(self, url: str, seconds: float, keys: dict[float, str] | None = None) -> None:
        """One call; `keys`: what is pressed, and when, in seconds."""
        from websockets.asyncio.client import connect

        keys = dict(keys or {})
        async with connect(url, compression=None, subprotocols=list(self.provider.subprotocols) or None) as socket:
            ears = asyncio.create_task(self._listen(socket))
            for data in self.provider.open(self.start):
                await socket.send(data)
            begin = time.monotonic()
            frames = 0
            while not ears.done() and time.monotonic() - begin < seconds:
                if self.provider.ready:
                    await socket.send(self.provider.media(b"\xff" * 160))
                for at in [at for at in keys if time.monotonic() - begin >= at]:
                    await socket.send(self.provider.dtmf(keys.pop(at)))
                frames += 1
                await asyncio.sleep(max(0, begin + 0.02 * frames - time.monotonic()))
            if not ears.done():
                await socket.send(self.provider.stop())
        ears.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(ears, *self._tasks, return_exceptions=True)

    async def _listen(self, socket: object) -> None:
        async for data in socket:
            for message in self.provider.receive(data):
                now = time.monotonic()
                match message:
                    case Media(payload=payload):
                        self.heard += payload
                        self._until = max(self._until, now) + len(payload) / 8000
                        continue
                    case MarkRequest(name=name):
                        self._tasks.append(asyncio.create_task(self._mark(socket, name, self._until - now)))
                    case ClearRequest():
                        self._until = now
                    case HangupRequest():
                        return
                self.messages.append(message)
            for answer in self.provider.data_to_send():
                await socket.send(answer)

    async def _mark(self, socket: object, name: str, wait_s: float) -> None:
        await asyncio.sleep(max(0, wait_s))
        await socket.send(self.provider.mark(name))
