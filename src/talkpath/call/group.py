"""Many calls: one frame in and one frame out for each of them, in one native call, on a fixed pool of threads."""

import _thread
import os
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

from talkpath._core import _Exchange, _exchange, whole
from talkpath._types import Buffer
from talkpath.call.events import Event
from talkpath.call.pipeline import CallPipeline
from talkpath.call.results import Received, Transmitted
from talkpath.errors import ConfigError, StateError

Frames = Iterable[tuple[CallPipeline, Buffer | None]]
Exchanged = tuple[Received | Exception, Transmitted]


class _Pool:
    """Threads that end with it.

    It has none of the locks that are written in Python, as executors do: a KeyboardInterrupt inside one leaves it locked for good.
    """

    def __init__(self, threads: int) -> None:
        self._tasks: SimpleQueue[tuple[_Exchange, int, int] | None] = SimpleQueue()
        self._to_start = [None] * threads

    def run(self, work: _Exchange, start: int, stop: int) -> None:
        """A piece of an exchange, on some thread, soon."""
        while self._to_start:
            _thread.start_new_thread(_serve, (self._tasks,))
            with suppress(IndexError):  # another thread was faster: one more than needed
                self._to_start.pop()
        self._tasks.put((work, start, stop))

    def end(self) -> None:
        """All threads, when they have done what there is."""
        self._tasks.put(None)

    __del__ = end


def _serve(tasks: "SimpleQueue[tuple[_Exchange, int, int] | None]") -> None:
    while True:
        task = tasks.get()
        if task is None:
            tasks.put(None)  # for the next
            return
        work, start, stop = task
        work.run(start, stop)
        del task, work  # it owns its calls as long as it lives


class CallGroup:
    """Exchanges frames with many calls at once, without the GIL.

    Parameters
    ----------
    threads : int
        1 to 256; the caller's own is one of them.

    Raises
    ------
    ConfigError
        Another number of threads.

    Notes
    -----
    A call in a group is like any other: results and events are the same as with `receive` and `transmit`, in the same order.
    During an exchange its calls belong to the group: whoever enters one of them gets a StateError. A group that was made
    before a fork has threads of its own in the child.

    Examples
    --------
    >>> group = talkpath.CallGroup(threads=2)
    >>> for received, transmitted in group.exchange(zip(calls, payloads)):
    ...     if isinstance(received, Exception):
    ...         log(received)
    """

    def __init__(self, threads: int = 1) -> None:
        number = whole(threads)
        if number is None or not 1 <= number <= 256:
            raise ConfigError(f"threads must be 1 to 256 (got {threads!r})")
        self.threads = number
        self._closed = False
        self._pools: dict[int, _Pool] = {}  # of this process, and forgotten ones of its parents

    def exchange(self, frames: Frames) -> list[Exchanged]:
        """One frame of time for each call.

        Parameters
        ----------
        frames : iterable of (call, payload)
            The wire frame that came, or None: it was lost. Any iterable: a list, `zip(calls, payloads)`, a generator.

        Returns
        -------
        list of (Received, Transmitted)
            In the order given. What goes wrong with one call is its own result: an exception in place of Received, and nothing
            was received on that call then; no other is harmed or late. A payload that is not one frame: LengthError; no bytes
            at all: FormatError; a frame is sent all the same. A call that is over, or in use by another thread: StateError; its
            `Transmitted.payload` is empty, for nothing was sent.

        Raises
        ------
        ConfigError
            A call is given twice. Nothing was processed.
        TypeError
            Something in `frames` is no pair of a CallPipeline and a payload. Nothing was processed.
        StateError
            The group is closed.
        """
        if self._closed:
            raise StateError("the group is closed")
        calls: list[CallPipeline] = []
        payloads: list[Buffer | None] = []
        for pair in list(frames):
            try:
                call, payload = pair
            except (TypeError, ValueError):
                raise TypeError(f"expected pairs of a call and a payload, got {type(pair).__name__}") from None
            if not isinstance(call, CallPipeline):
                raise TypeError(f"expected a CallPipeline and a payload, got {type(call).__name__}")
            calls.append(call)
            payloads.append(payload)
        cores = [call._core for call in calls]
        if len(set(map(id, cores))) != len(cores):
            raise ConfigError("a call is given twice in one exchange")
        return _exchange(cores, payloads, partial(self._exchange, calls, payloads))

    def _exchange(self, calls: list[CallPipeline], payloads: list[Buffer | None], work: _Exchange) -> list[Exchanged]:
        """While the calls are the exchange's. Of a thousand, none is in the cache any more: each is looked at once unless it has news."""
        busy, noted = work.errors, []
        for i, call in enumerate(calls):
            has_news = False
            if not isinstance(busy[i], StateError):
                if call._over:
                    work.refuse(i, StateError("the call is over"), True)
                elif call._sources.pending:
                    try:
                        call._sources.feed()
                    except Exception as failed:
                        work.refuse(i, failed, False)
                has_news = call._recorder is not None or bool(call._waiting)
            noted.append(has_news)
        work.begin()
        self._run(work, len(calls))
        outcomes, errors = work.finish(), work.errors
        results: list[Exchanged] = work.results(noted)
        for i, (pcm, heard, count, sent) in enumerate(outcomes):
            if results[i] is not None:
                continue
            before: list[Event] = []
            after: list[Event] = []
            error = errors[i]
            if sent is None:
                results[i] = (error or StateError("the exchange was cut short"), Transmitted(b"", []))
                continue
            if noted[i] or count:
                try:
                    before, after = self._events(calls[i], payloads[i], error is None, heard)
                except Exception as failed:
                    error = failed
            if error is not None or pcm is None:
                results[i] = (error or StateError("the exchange was cut short"), Transmitted(sent, before + after))
            else:
                results[i] = (Received(pcm, before), Transmitted(sent, after))
        return results

    @staticmethod
    def _events(call: CallPipeline, payload: Buffer | None, taken: bool, heard: int) -> tuple[list[Event], list[Event]]:
        """Of the receive path and of the transmit path; the frame goes into the call's log."""
        if call._recorder is not None:
            call._recorder.exchange(taken, payload)
        waiting, call._waiting = call._waiting, []
        raws = call._core.events()
        return waiting + call._translated(raws[:heard]), call._translated(raws[heard:])

    def _run(self, work: _Exchange, count: int) -> None:
        """On all threads; what the others have not begun is done here, so that none of them is waited for but for one call."""
        if self.threads > 1 and count >= 2 * self.threads:
            process = os.getpid()
            pool = self._pools.get(process) or self._pools.setdefault(process, _Pool(self.threads - 1))
            bounds = [count * k // self.threads for k in range(self.threads + 1)]
            try:
                for a, b in zip(bounds[1:-1], bounds[2:], strict=True):
                    pool.run(work, a, b)
            except RuntimeError:  # no thread to be had: this one does it all
                pass
        work.run(0, count)

    def close(self) -> None:
        """End the threads; `exchange` must not be called any more."""
        self._closed = True
        self._pools.clear()

    def __enter__(self) -> "CallGroup":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type["CallGroup"], tuple[int]]:
        return type(self), (self.threads,)

    def __repr__(self) -> str:
        return f"CallGroup(threads={self.threads})"
