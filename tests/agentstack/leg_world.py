"""A loop whose time passes when nothing is to be done, a carrier that does what it is told, and calls without a line."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from talkpath.agentstack.carriers.base import CarrierError, LegRequest, LegStatus
from talkpath.call.events import AudioCleared, Event
from talkpath.server import PhoneCall
from talkpath.server.lines import CallEnded
from talkpath.server.results import Began, Ended
from talkpath.streams import Start

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Waits for nothing: the time it was to wait passes."""

    def __init__(self, loop: "VirtualLoop") -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list:
        found = super().select(0)
        if not found:
            if timeout is None:
                raise RuntimeError("nothing will ever happen")
            self._loop.now += max(0.0, timeout)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time is counted, not waited for."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, in no time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    return asyncio.get_running_loop().time()


async def settle() -> None:
    """Let everything happen that can happen now."""
    for _ in range(20):
        await asyncio.sleep(0)


class FakeCarrier:
    """Keeps what it is asked for."""

    def __init__(self, sends_digits: bool = False) -> None:
        self.sends_digits = sends_digits
        self.on_status: Callable[[LegStatus], None] = lambda status: None
        self.requests: list[LegRequest] = []
        self.ended: list[str] = []
        self.refuses: set[str] = set()  # numbers
        self.slow_s = 0.0  # so long it takes to answer
        self.placed_at: list[float] = []
        self.is_closed = False

    async def place(self, request: LegRequest) -> str:
        self.requests.append(request)
        self.placed_at.append(now())
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if request.to in self.refuses:
            raise CarrierError("no route")
        return f"id-{request.to}"

    async def end(self, carrier_id: str) -> None:
        self.ended.append(carrier_id)

    async def aclose(self) -> None:
        self.is_closed = True

    def of(self, to: str) -> LegRequest:
        return next(request for request in reversed(self.requests) if request.to == to)

    def says(self, to: str, status: str, cause: str | None = None) -> None:
        self.on_status(LegStatus(self.of(to).call_uuid, status, cause))


class Line:
    """A `PhoneCall` whose line is this object: what was asked of it, and what happens on it."""

    def __init__(self, path: str = "/plivo/agent", sample_rate_hz: int = 8000, **start: Any) -> None:
        self.asked: list[tuple[str, tuple, dict]] = []
        self.call = PhoneCall(Began(Start(dialect="plivo", path=path, **start), 20, sample_rate_hz), self._ask)

    async def _ask(self, command: str, *args: Any, **kwargs: Any) -> Any:
        if self.call.ended is not None:
            raise CallEnded(self.call.ended)
        self.asked.append((command, args, kwargs))
        await asyncio.sleep(0)
        if command == "hangup":
            self.ends("hangup")
        if command == "clear_audio":
            self.happens(AudioCleared("transmit", 0.0))
        return len(args[0]) if command == "speak" else None

    def happens(self, *events: Event) -> None:
        self.call.deliver(list(events), [])

    def hears(self, *frames: Any) -> None:
        self.call.deliver([], [frame.tobytes() for frame in frames])

    def ends(self, reason: str = "stop") -> None:
        if self.call.ended is None:
            self.call.deliver([Ended(reason)], [])

    def of(self, command: str) -> list[tuple]:
        return [args for name, args, _ in self.asked if name == command]


def path_of(request: LegRequest) -> str:
    """Of the stream that the carrier opens."""
    return "/" + request.stream_url.split("//", 1)[1].partition("/")[2]
