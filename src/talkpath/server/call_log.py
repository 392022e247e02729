"""A call's log, from its first frame on: the process of audio gathers, and a thread of it deflates and writes."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from talkpath.call.pipeline import CallPipeline
from talkpath.call.recording import LogFile
from talkpath.errors import StateError

log = logging.getLogger("talkpath.server")

WAIT_RECORDS, WAIT_BYTES = (
    500,
    4 << 20,
)  # so much is kept until the handler says where it goes: 10 s, for a record is a frame
BATCH_RECORDS, BATCH_BYTES = 50, 1 << 18  # are written together
MAX_WAITING = 120  # batches: a disk that is slower than that is none


@cache
def _writer() -> ThreadPoolExecutor:
    """One for all logs: a disk takes one thing at a time."""
    return ThreadPoolExecutor(1, "talkpath-log")


class CallLog:
    """A sink of `CallPipeline.record`.

    Attributes
    ----------
    problem : str or None
        Why it is not whole.
    """

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._bytes = 0
        self._put = self._written = 0  # each has one thread that writes it
        self._path: str | None = None
        self._file: LogFile | None = None
        self.problem: str | None = None

    def begin(self, call: CallPipeline) -> None:
        """Before anything happens on the call."""
        call.record(self)

    def open(self, path: str) -> None:
        """Where it goes; returns at once. StateError: it goes somewhere already, or is no longer there."""
        if self._path is not None:
            raise StateError("the call is logged already")
        if self.problem is not None:
            raise StateError(f"log: {self.problem}")
        self._path = path
        _writer().submit(self._open, path)
        self._pass_on()

    def write(self, record: bytes) -> None:
        """See `talkpath.call.recording.Sink`."""
        if self.problem is not None:
            raise OSError(self.problem)
        self._records.append(record)
        self._bytes += len(record)
        if self._path is None:
            if len(self._records) >= WAIT_RECORDS or self._bytes > WAIT_BYTES:
                self._records.clear()
                self.problem = "the beginning of the call is gone: ask for it first of all"
        elif len(self._records) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES:
            self._pass_on()

    def close(self) -> None:
        """See `talkpath.call.recording.Sink`; returns at once."""
        if self._path is not None:
            self._pass_on()
            _writer().submit(self._close)
        self._records.clear()

    def _pass_on(self) -> None:
        if self._put - self._written >= MAX_WAITING:
            self._fail("the disk is too slow")
        batch, self._records, self._bytes = self._records, [], 0
        if self.problem is None:
            self._put += 1
            _writer().submit(self._write, batch)

    # --- on the writer's thread -------------------------------------------------------------------------------------------------

    def _open(self, path: str) -> None:
        try:
            self._file = LogFile(path)
        except OSError as problem:
            self._fail(problem.strerror or str(problem))

    def _write(self, batch: list[bytes]) -> None:
        try:
            if self._file is not None:
                self._file.write(b"".join(batch))
                self._file.flush()
        except OSError as problem:
            self._fail(problem.strerror or str(problem))
        finally:
            self._written += 1

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _fail(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            log.error("the log of a call is not whole: %s: %s", self._path, problem)
