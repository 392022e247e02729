"""Which providers are worth a try: one that failed is left alone for a while. Known to all calls, so that each does not wait for the same dead one."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import Protocol, TypeVar, cast

from talkpath.agentstack.providers.base import OnAvailability, ProviderError

COOL_DOWN_S = 30.0


class _Named(Protocol):
    provider: str
    model: str


T = TypeVar("T")


class Health:
    """When who failed, by a name that the caller chooses. The time is injected."""

    def __init__(self, cool_down_s: float = COOL_DOWN_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._cool_down_s, self._clock = cool_down_s, clock
        self._failed_s: dict[str, float] = {}

    def is_good(self, name: str) -> bool:
        """It never failed, or long ago."""
        failed_s = self._failed_s.get(name)
        return failed_s is None or self._clock() - failed_s >= self._cool_down_s

    def failed(self, name: str) -> None:
        """Leave it alone."""
        self._failed_s[name] = self._clock()

    def answered(self, name: str) -> None:
        """All is well."""
        self._failed_s.pop(name, None)


class Chain:
    """One call's view of a chain: whom to try, and what to tell.

    Parameters
    ----------
    names : sequence of str
        Of the members in their order, for `Health`: the end point and the account belong into them.
    labels : sequence of str
        What `on_availability` hears: "openai/gpt-4o".
    """

    def __init__(
        self,
        names: Sequence[str],
        labels: Sequence[str],
        health: Health,
        on_availability: OnAvailability | None = None,
    ) -> None:
        self._names, self._labels, self._health, self._tell = names, labels, health, on_availability
        self._down: set[int] = set()  # as was told

    def order(self) -> list[int]:
        """All of them: those in good health first, the others only where nothing else is left."""
        good = [self._health.is_good(name) for name in self._names]
        for n, is_good in enumerate(good):
            if not is_good and any(good):  # passed over because of another call
                self._told(n, False)
        numbers = range(len(self._names))
        return [n for n in numbers if good[n]] + [n for n in numbers if not good[n]]

    async def given(
        self, begin: Callable[[int], AsyncIterator[T]], on_first: Callable[[int], None]
    ) -> AsyncGenerator[T, None]:
        """What the first gives that gives anything. Who fails after that is not replaced: a part of it has been said.

        Parameters
        ----------
        begin : callable
            Has the number-th begin. What it gives can be closed.
        on_first : callable
            Its number, before its first piece.

        Raises
        ------
        ProviderError
            The last one's, or that of one that had begun.
        """
        problem: ProviderError | None = None
        for number in self.order():
            has_begun = False
            try:
                async with aclosing(cast("AsyncGenerator[T, None]", begin(number))) as pieces:
                    async for piece in pieces:
                        if not has_begun:
                            has_begun = True
                            on_first(number)
                        yield piece
                return
            except ProviderError as fault:
                problem = fault
                if not is_ours(fault):
                    self.failed(number)
                if has_begun:
                    raise
        assert problem is not None
        raise problem

    def failed(self, number: int) -> None:
        """It gave an error, or nothing in time."""
        self._health.failed(self._names[number])
        self._told(number, False)

    def answered(self, number: int) -> None:
        """It works."""
        self._health.answered(self._names[number])
        self._told(number, True)

    def _told(self, number: int, is_available: bool) -> None:
        if is_available == (number not in self._down):
            return
        (self._down.discard if is_available else self._down.add)(number)
        if self._tell is not None:
            self._tell(self._labels[number], is_available)


def label_of(member: _Named) -> str:
    """As `llm.availability_changed` names it."""
    return f"{member.provider}/{member.model}"


def is_ours(problem: ProviderError) -> bool:
    """What we asked was wrong (a model that there is not, say): the provider is well, though the next one is tried."""
    return problem.kind == "bad_request"
