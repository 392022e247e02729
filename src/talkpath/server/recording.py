"""A recording on the disk: WAV of two channels, whole whenever one looks. A thread of its own writes, in the process of the handlers."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import IO

import numpy as np

from talkpath import g711, l16
from talkpath._types import Samples
from talkpath.call.config import WIRE_FORMATS
from talkpath.server.results import Taped

log = logging.getLogger("talkpath.server")

MAX_WAITING = 120  # pieces, of a second each: a disk that is slower than that is none
_MAX_BYTES = 0xFFFFFFFF - 64  # of a WAV file
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@cache
def _writer() -> ThreadPoolExecutor:
    """One for all recordings: a disk takes one thing at a time."""
    return ThreadPoolExecutor(1, "talkpath-recording")


class Recording:
    """A file that grows by a second at a time. Left: what was received from the caller; right: what he heard.

    Attributes
    ----------
    path : str
    duration_s : float
        That is on the disk.
    problem : str or None
        Why it is not whole: the disk is full, or too slow.
    """

    def __init__(self, path: str | os.PathLike[str], sample_rate_hz: int) -> None:
        self.path = os.fspath(path)
        self._rate_hz = sample_rate_hz
        self._put = self._written = self._size = 0  # each has one thread that writes it
        self._is_closed = False
        self.problem: str | None = None
        self._file: IO[bytes] | None = None
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def duration_s(self) -> float:
        """See the class."""
        return self._size / 4 / self._rate_hz

    async def open(self) -> None:
        """Begin the file; OSError where it cannot be written."""
        await asyncio.get_running_loop().run_in_executor(_writer(), self._open)

    def put(self, piece: Taped) -> None:
        """The next piece; returns at once."""
        if self.problem is not None or self._is_closed:
            return
        if self._put - self._written >= MAX_WAITING:
            self._fail("the disk is too slow")
            return
        self._put += 1
        _writer().submit(self._write, piece)

    def close(self) -> None:
        """No more comes; returns at once."""
        if self._is_closed:
            return
        self._is_closed = True
        done = asyncio.get_running_loop().run_in_executor(_writer(), self._close)
        done.add_done_callback(lambda _: self._closed.set_result(None))

    async def closed(self) -> None:
        """Wait until all of it is on the disk."""
        await asyncio.shield(self._closed)

    # --- on the writer's thread -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._file = open(self.path, "wb")  # noqa: SIM115 (open as long as the call lasts)
        self._head()

    def _head(self) -> None:
        """Says what is there: the file is whole though nobody should close it."""
        rate = self._rate_hz
        assert self._file is not None
        self._file.seek(0)
        self._file.write(
            _HEADER.pack(
                b"RIFF", 36 + self._size, b"WAVE", b"fmt ", 16, 1, 2, rate, 4 * rate, 4, 16, b"data", self._size
            )
        )
        self._file.seek(0, os.SEEK_END)
        self._file.flush()

    def _write(self, piece: Taped) -> None:
        try:
            if self.problem is None and self._file is not None:
                data = (
                    np.stack([_pcm(piece.stream, piece.caller), _pcm(piece.stream, piece.agent)], 1)
                    .astype("<i2")
                    .tobytes()
                )
                if self._size + len(data) > _MAX_BYTES:
                    raise OSError("a WAV file holds no more")
                self._file.write(data)
                self._size += len(data)
                self._head()
        except OSError as problem:
            self._fail(problem.strerror or str(problem))
        finally:
            self._written += 1

    def _close(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as problem:
            self._fail(problem.strerror or str(problem))

    def _fail(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            log.error("a recording is not whole: %s: %s", self.path, problem)


def _pcm(stream: str, data: bytes) -> Samples:
    codec = WIRE_FORMATS[stream].codec
    if codec == "l16":
        return l16.decode(data)
    return g711.ulaw_decode(data) if codec == "ulaw" else g711.alaw_decode(data)
