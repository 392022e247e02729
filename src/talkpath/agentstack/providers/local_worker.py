"""A process that hears or speaks, for the whole server: models take time and the GIL, and the loop of the conversations has neither to give.

python -m talkpath.agentstack.providers.local_worker hear|speak FD     # FD: the link to the server

To it: ("open", stream, sample_rate_hz, options), ("audio", stream, pcm), ("finalize", stream), ("close", stream); ("speak", job, text, options), ("cancel", job).
From it: ("ready",) or ("failed", text); ("heard", stream, Transcript), ("broken", stream, text); ("spoken", job, pcm), ("done", job), ("mute", job, text).
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

from talkpath.server.link import Link

NICE = 5  # after audio, and after the server's own loop


class HearingWork:
    """Streams of a recogniser, a slice of audio each in turn."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        from talkpath.agentstack.providers.local_hearing import Decoders, Hearing

        self._send, self._make = send, Hearing
        self._decoders = Decoders()
        self._streams: dict[int, Any] = {}
        self._waiting: deque[tuple[Any, ...]] = deque()

    def take(self, message: tuple[Any, ...]) -> None:
        """Something to do."""
        self._waiting.append(message)

    @property
    def is_idle(self) -> bool:
        """There is nothing to do."""
        return not self._waiting

    def work(self) -> None:
        """Do one thing."""
        message = self._waiting.popleft()
        stream = message[1]
        try:
            match message:
                case ("open", _, rate, options):
                    self._streams[stream] = self._make(self._decoders, rate, options)
                    return
                case ("close", _):
                    if (over := self._streams.pop(stream, None)) is not None:
                        over.close()
                    return
            hearing = self._streams.get(stream)
            if hearing is None:
                return
            for transcript in hearing.process(message[2]) if message[0] == "audio" else hearing.finalize():
                self._send(("heard", stream, transcript))
        except Exception as problem:
            self._streams.pop(stream, None)
            self._send(("broken", stream, f"{type(problem).__name__}: {problem}"))


class SpeakingWork:
    """Sentences for a voice, one after the other; what is cancelled before its turn is never made."""

    def __init__(self, send: Callable[[Any], None]) -> None:
        from talkpath.agentstack.providers.local_voice import Voice

        self._send, self._voice = send, Voice()
        self._voice.warm_up()
        self._jobs: dict[int, Any] = {}  # job -> iterator of pcm
        self._turns: deque[int] = deque()

    def take(self, message: tuple[Any, ...]) -> None:
        """Something to do, or not to do."""
        match message:
            case ("speak", job, text, options):
                self._jobs[job] = self._voice.speech(text, **options)
                self._turns.append(job)
            case ("cancel", job):
                self._jobs.pop(job, None)

    @property
    def is_idle(self) -> bool:
        """There is nothing to do."""
        return not self._turns

    def work(self) -> None:
        """One sentence of one job: callers take turns."""
        job = self._turns.popleft()
        pieces = self._jobs.get(job)
        if pieces is None:
            return
        try:
            pcm = next(pieces, None)
        except Exception as problem:
            del self._jobs[job]
            self._send(("mute", job, f"{type(problem).__name__}: {problem}"))
            return
        if pcm is None:
            del self._jobs[job]
            self._send(("done", job))
        else:
            self._send(("spoken", job, pcm))
            self._turns.append(job)


WORKS: dict[str, Callable[[Callable[[Any], None]], Any]] = {"hear": HearingWork, "speak": SpeakingWork}


async def _run(kind: str, fd: int) -> None:
    gone = asyncio.Event()
    wake = asyncio.Event()
    early: list[Any] = []
    work: Any = None

    def receive(message: Any) -> None:
        wake.set()
        if work is None:
            early.append(message)
        else:
            work.take(message)

    def lost() -> None:
        gone.set()
        wake.set()

    link = Link(receive, lost)
    await asyncio.get_running_loop().create_connection(lambda: link, sock=socket.socket(fileno=fd))
    try:
        work = WORKS[kind](link.send)
    except Exception as problem:
        link.send(("failed", f"{type(problem).__name__}: {problem}"))
        link.close()
        return
    for message in early:
        work.take(message)
    link.send(("ready",))
    while not gone.is_set():
        if work.is_idle:
            wake.clear()
            await wake.wait()
        else:
            work.work()
            await asyncio.sleep(0)  # what has come is taken: a cancellation perhaps


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(NICE)
    asyncio.run(_run(sys.argv[1], int(sys.argv[2])))
