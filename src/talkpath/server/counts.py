"""How many calls each process has, in memory that they share: a limit holds for all of them together."""

from __future__ import annotations

import mmap
import tempfile

SLOT_BYTES = 8


class Counts:
    """A number a process.

    Parameters
    ----------
    slots : int
    slot : int
        This process's own.
    fd : int, optional
        Of the file behind it, as `fd` of another process's says; None: a new one.
    """

    def __init__(self, slots: int, slot: int = 0, fd: int | None = None) -> None:
        self._file = tempfile.TemporaryFile() if fd is None else open(fd, "r+b")  # noqa: SIM115
        if fd is None:
            self._file.truncate(slots * SLOT_BYTES)
        self._memory = mmap.mmap(self._file.fileno(), slots * SLOT_BYTES)
        self._numbers = memoryview(self._memory).cast("q")
        self._slot = slot

    @property
    def fd(self) -> int:
        """For another process."""
        return self._file.fileno()

    def set(self, calls: int, slot: int | None = None) -> None:
        """So many calls has this process (or that of `slot`)."""
        self._numbers[self._slot if slot is None else slot] = calls

    def total(self) -> int:
        """All processes together."""
        return sum(self._numbers)

    def close(self) -> None:
        """No longer needed here."""
        self._numbers.release()
        self._memory.close()
        self._file.close()
