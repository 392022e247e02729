"""The engine on one machine: processes that files are dealt out to, over a pipe each.

Each holds its own end of its own pipe and nothing else, so that all of them end when the parent does, by whatever cause; and each result is
sent as it comes, so that when a process dies it is known on which file.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from talkpath.errors import TalkpathError
from talkpath.scan.files import Found
from talkpath.scan.work import Done, Job, scan_files, skipped

DEALT = 16  # files at a time


def _serve(pipe: Connection, job: Job) -> None:
    """A worker: until its pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders talk about broken files; the table does
    try:
        pipe.send(None)  # ready
        while True:
            for done in scan_files(job, pipe.recv()):
                pipe.send(done)
    except (EOFError, OSError):
        return


class _Worker:
    """One process, and what it has been given."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs, job), daemon=True)
        self.process.start()
        theirs.close()
        self.files: deque[Found] = deque()
        self.ready = False

    def give(self, files: Sequence[Found]) -> None:
        """Some more; none are left from before."""
        self.files.extend(files)
        with contextlib.suppress(OSError):  # it is dead, and its pipe will say so
            self.pipe.send(list(files))

    def stop(self) -> None:
        """At once."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def scan_by_processes(job: Job, files: Sequence[Found], workers: int) -> Iterator[Done]:
    """All files, each once, in the order in which they are finished. A file that kills its process is skipped.

    Raises
    ------
    TalkpathError
        A process ends before it has begun: in a script, what starts a scan must stand below `if __name__ == "__main__":`.
    """
    waiting = deque(files)
    pool = [_Worker(job) for _ in range(max(1, min(workers, -(-len(files) // DEALT))))]
    try:
        while True:
            for worker in pool:
                if not worker.files and waiting:
                    # Few files at the end, so that all processes end together.
                    n = max(1, min(DEALT, len(waiting) // (2 * len(pool))))
                    worker.give([waiting.popleft() for _ in range(min(n, len(waiting)))])
            busy = {worker.pipe: worker for worker in pool if worker.files}
            if not busy:
                return
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                try:
                    done: Done | None = worker.pipe.recv()
                    if done is None:
                        worker.ready = True
                        continue
                    worker.files.popleft()
                except (EOFError, OSError):
                    worker.process.join()
                    if not worker.ready:
                        raise TalkpathError(
                            f"the scanning processes do not start ({_cause(worker.process.exitcode)})"
                        ) from None
                    died_on, left = worker.files.popleft(), worker.files
                    worker.pipe.close()
                    pool[pool.index(worker)] = _Worker(job)
                    waiting.extendleft(reversed(left))
                    done = skipped(died_on, f"the process that read it died ({_cause(worker.process.exitcode)})")
                yield done
    finally:
        for worker in pool:
            worker.stop()


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"
