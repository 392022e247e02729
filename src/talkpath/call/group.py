"""Many calls: one frame in and one frame out for each of them, in one native call, on a fixed pool of threads."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from talkpath._core import _Exchange
from talkpath._types import Buffer
from talkpath.call.events import Event
from talkpath.call.pipeline import CallPipeline
from talkpath.call.results import Received, Transmitted
from talkpath.errors import ConfigError, LengthError, StateError, TalkpathError


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
    During an exchange its calls belong to the group. One thing comes a frame later than by itself: a protected source that
    waits behind a long utterance, when the caller interrupts that.

    Examples
    --------
    >>> group = talkpath.CallGroup(threads=2)
    >>> results = group.exchange([(call, payload) for call, payload in zip(calls, payloads)])
    """

    def __init__(self, threads: int = 1) -> None:
        if not isinstance(threads, int) or isinstance(threads, bool) or not 1 <= threads <= 256:
            raise ConfigError(f"threads must be 1 to 256 (got {threads!r})")
        self.threads = threads
        self._closed = False
        self._pool = ThreadPoolExecutor(threads - 1, "talkpath") if threads > 1 else None

    def exchange(
        self, frames: Sequence[tuple[CallPipeline, Buffer | None]]
    ) -> list[tuple[Received | TalkpathError, Transmitted]]:
        """One frame of time for each call.

        Parameters
        ----------
        frames : sequence of (call, payload)
            The wire frame that came, or None: it was lost.

        Returns
        -------
        list of (Received, Transmitted)
            In the order given. A payload that is not one frame gives a LengthError in place of Received; nothing was
            received on that call then, and no other call is harmed.

        Raises
        ------
        ConfigError
            A call is given twice.
        StateError
            A call is over. Nothing was processed.
        """
        if self._closed:
            raise StateError("the group is closed")
        # Of a thousand calls, none is in the cache any more: each one's objects are looked at once, unless it has something to say.
        cores, hungry, noted = [], [], []
        for call, _ in frames:
            if call._over:
                raise StateError("a call in the exchange is over")
            cores.append(call._core)
            noted.append(call._recorder is not None or bool(call._waiting))
            if call._sources.pending:
                hungry.append(call._sources)
        if len(set(map(id, cores))) != len(cores):
            raise ConfigError("a call is given twice in one exchange")
        for sources in hungry:
            sources.feed()
        work = _Exchange(cores, [payload for _, payload in frames])
        self._run(work, len(cores))
        results: list[tuple[Received | TalkpathError, Transmitted]] = []
        for (call, payload), has_more, (pcm, heard, events, sent) in zip(frames, noted, work.finish(), strict=True):
            before: list[Event] = []
            after: list[Event] = []
            if has_more or events:
                before, after = self._events(call, payload, pcm is not None, heard)
            if pcm is None:
                have = len(payload) if isinstance(payload, bytes | bytearray) else "?"
                error = LengthError(
                    f"payload has {have} bytes; a {call.config.frame_ms} ms frame has {call._core.payload_bytes}"
                )
                results.append((error, Transmitted(sent, before + after)))
            else:
                results.append((Received(pcm, before), Transmitted(sent, after)))
        return results

    @staticmethod
    def _events(call: CallPipeline, payload: Buffer | None, taken: bool, heard: int) -> tuple[list[Event], list[Event]]:
        """Of the receive path and of the transmit path; the frame goes into the call's log."""
        if call._recorder is not None:
            if taken:
                call._recorder.frame(payload)
            call._recorder.command("transmit")
        waiting, call._waiting = call._waiting, []
        raws = call._core.events()
        return waiting + call._translated(raws[:heard]), call._translated(raws[heard:])

    def _run(self, work: _Exchange, count: int) -> None:
        if self._pool is None or count < 2 * self.threads:
            work.run(0, count)
            return
        bounds = [count * k // self.threads for k in range(self.threads + 1)]
        others = [self._pool.submit(work.run, a, b) for a, b in zip(bounds[1:-1], bounds[2:], strict=True)]
        work.run(bounds[0], bounds[1])
        for other in others:
            other.result()

    def close(self) -> None:
        """End the threads; `exchange` must not be called any more."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown()

    def __enter__(self) -> "CallGroup":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"CallGroup(threads={self.threads})"
