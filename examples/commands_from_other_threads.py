"""A call belongs to one thread: whoever comes while it is inside gets a StateError. What others want is posted to that thread.

With a thread of its own: a queue that it empties between two frames. With asyncio: `loop.call_soon_threadsafe`.

python examples/commands_from_other_threads.py
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

import talkpath as tp

HELLO = (3000 * np.sin(np.arange(24000) / 8)).astype(np.int16)  # a second of "speech" at 24 kHz
SILENCE = tp.g711.ulaw_encode(bytes(320))


class Line(threading.Thread):
    """Runs a call: a frame in, a frame out, every 20 ms (here ten times as fast)."""

    def __init__(self, call: tp.CallPipeline, frames: int) -> None:
        super().__init__()
        self._call, self._frames = call, frames
        self._commands: queue.SimpleQueue[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()

    def post(self, command: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """From any thread; the result, or what it raised, comes in the future."""
        done: Future[Any] = Future()
        self._commands.put((done, command, arguments))
        return done

    def run(self) -> None:
        for _ in range(self._frames):
            while not self._commands.empty():
                done, command, arguments = self._commands.get()
                try:
                    done.set_result(command(*arguments))
                except Exception as error:  # the poster's affair, not the line's
                    done.set_exception(error)
            for event in self._call.receive(SILENCE).events + self._call.transmit().events:
                print(f"  {event.timestamp_ms:6.0f} ms  {event.type}")
            time.sleep(0.002)


def with_threads() -> None:
    call = tp.CallPipeline()
    line = Line(call, frames=100)
    line.start()
    taken = line.post(call.speak, HELLO, 24000, "hello", True).result()
    error = line.post(call.speak, HELLO.astype(np.float32), 24000, "wrong", True).exception()
    print(f"threads: {taken} samples were taken; then a {type(error).__name__}, and the line goes on")
    line.join()
    call.hangup()  # this thread is the only one now


async def with_asyncio() -> None:
    call, loop = tp.CallPipeline(), asyncio.get_running_loop()

    def synthesiser() -> None:  # a thread: some TTS clients are
        for start in range(0, 24000, 4800):
            loop.call_soon_threadsafe(call.speak, HELLO[start : start + 4800], 24000, "hello", start == 19200)

    print("asyncio: the synthesiser's thread never touches the call")
    busy = asyncio.create_task(asyncio.to_thread(synthesiser))
    for _ in range(100):
        for event in call.receive(SILENCE).events + call.transmit().events:
            print(f"  {event.timestamp_ms:6.0f} ms  {event.type}")
        await asyncio.sleep(0.002)
    await busy


if __name__ == "__main__":
    with_threads()
    asyncio.run(with_asyncio())
