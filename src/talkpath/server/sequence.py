"""Loss, order and duplicates, by a provider's sequence numbers."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_JUMP = 100  # a greater one, either way, is a new count and no loss
MAX_STALE = 8  # so many old numbers in a row: they are a new count
MAX_RESTARTS = 3  # numbers that begin anew so often order nothing
KEPT = 256  # numbers that were given up and may still come


class Sequencer(Generic[T]):
    """Puts numbered things in order.

    Parameters
    ----------
    hold_s : float
        How long a missing one is waited for.

    Attributes
    ----------
    lost, reordered, late, duplicate : int
        Given up; came after a later one, and in time; came when given up; came twice.

    Notes
    -----
    What comes without a number passes as it comes. Numbers that stand still, or begin anew again and again, are not believed in the
    end: better out of order than silent.
    """

    def __init__(self, hold_s: float = 0.06) -> None:
        self._hold_s = hold_s
        self._next: int | None = None
        self._first = 0
        self._held: dict[int, T] = {}
        self._since: float | None = None  # the oldest gap is known
        self._missing: dict[int, None] = {}
        self._stale = self._restarts = 0
        self.lost = self.reordered = self.late = self.duplicate = 0

    def passes(self, number: int | None) -> bool:
        """True: this number is the next, and nothing waits. It need not be put, and counts as if it had been."""
        if number is None or number != self._next or self._held:
            return False
        self._next = number + 1
        self._stale = 0
        return True

    def put(self, number: int | None, item: T, now: float) -> list[T | int]:
        """Take one.

        Returns
        -------
        list of T or int
            What is in order now; an int stands for so many that are lost.
        """
        if number is None or self._restarts >= MAX_RESTARTS:
            return [*self.flush(), item]
        if self._next is None:
            self._next = self._first = number
        ahead = number - self._next
        if ahead > MAX_JUMP or ahead < -MAX_JUMP:
            return self._restart(number, item)
        if ahead < 0:
            return self._old(number, item)
        self._stale = 0
        if ahead == 0:
            self._next += 1
            if not self._held:
                return [item]
            self.reordered += 1
            found: list[T | int] = [item, *self._run()]
            self._since = now if self._held else None
            return found
        if number in self._held:
            self.duplicate += 1
            return []
        if any(later > number for later in self._held):
            self.reordered += 1
        self._held[number] = item
        if self._since is None:
            self._since = now
        return self.due(now)

    def due(self, now: float) -> list[T | int]:
        """What is not waited for any longer at `now`: losses, and what was held behind them."""
        found: list[T | int] = []
        while self._held and self._since is not None and now - self._since >= self._hold_s:
            found += self._give_up()
            self._since = now if self._held else None
        return found

    def flush(self) -> list[T | int]:
        """All that is held."""
        found: list[T | int] = []
        while self._held:
            found += self._give_up()
        self._since = None
        return found

    @property
    def deadline(self) -> float | None:
        """When `due` has something to give."""
        return None if self._since is None else self._since + self._hold_s

    def _run(self) -> list[T | int]:
        found: list[T | int] = []
        assert self._next is not None
        while self._next in self._held:
            found.append(self._held.pop(self._next))
            self._next += 1
        return found

    def _give_up(self) -> list[T | int]:
        assert self._next is not None
        first = min(self._held)
        gap = first - self._next
        for number in range(self._next, first):
            self._missing[number] = None
        while len(self._missing) > KEPT:
            del self._missing[next(iter(self._missing))]
        self.lost += gap
        self._next = first
        return [gap, *self._run()]

    def _old(self, number: int, item: T) -> list[T | int]:
        self._stale += 1
        if self._stale > MAX_STALE:
            return self._restart(number, item)
        if number in self._missing or number < self._first:
            self._missing.pop(number, None)
            self.late += 1
        else:
            self.duplicate += 1
        return []

    def _restart(self, number: int, item: T) -> list[T | int]:
        found = self.flush()
        self._missing.clear()
        self._stale = 0
        self._restarts += 1
        self._first, self._next = number, number + 1
        return [*found, item]
