"""What was heard: a clock of what the provider plays, and the marks on it."""

from __future__ import annotations

from dataclasses import dataclass

GRACE_S = 1.0  # a provider's mark is waited for so long after our own clock says that it was played


class Playout:
    """The provider's loudspeaker: it plays what it gets, one after the other, in real time."""

    def __init__(self) -> None:
        self._end = float("-inf")
        self._sent_s = 0.0

    @property
    def end(self) -> float:
        """When all that was sent will have been played."""
        return self._end

    @property
    def sent_s(self) -> float:
        """Audio that was sent and not thrown away."""
        return self._sent_s

    def sent(self, now: float, audio_s: float) -> None:
        """So much more is on its way."""
        self._end = (self._end if self._end > now else now) + audio_s
        self._sent_s += audio_s

    def unheard_s(self, now: float) -> float:
        """Audio that was sent and has not been played."""
        return self._end - now if self._end > now else 0.0

    def heard_s(self, now: float) -> float:
        """Audio that was played."""
        return self._sent_s - self.unheard_s(now)

    def cleared(self, now: float) -> float:
        """The provider throws away what it has not played; how much that is."""
        unheard = self.unheard_s(now)
        self._end = min(self._end, now)
        self._sent_s -= unheard
        return unheard


@dataclass(slots=True)
class _Mark:
    name: str
    end: float
    is_asked: bool  # the provider will say it, too


class Marks:
    """Checkpoints that have left, until it is known whether they were heard.

    On the wire each has a name of its own, so that no late answer is taken for another's.
    """

    def __init__(self) -> None:
        self._pending: dict[str, _Mark] = {}
        self._count = 0

    def new_name(self) -> str:
        """For the wire."""
        self._count += 1
        return f"talkpath-{self._count}"

    def sent(self, wire_name: str, name: str, end: float, is_asked: bool) -> None:
        """What is before it will have been played at `end`."""
        self._pending[wire_name] = _Mark(name, end, is_asked)

    def returned(self, wire_name: str, cleared: bool) -> tuple[str, bool] | None:
        """The provider sends one back: its name, and whether it was heard; None where that is known already."""
        mark = self._pending.pop(wire_name, None)
        return None if mark is None else (mark.name, not cleared)

    def cleared(self, now: float) -> list[tuple[str, bool]]:
        """All that are under way, as a clear is sent: what comes back from now on proves nothing."""
        found = [(mark.name, mark.end <= now) for mark in self._pending.values()]
        self._pending.clear()
        return found

    def due(self, now: float) -> list[str]:
        """Those that were heard by our own clock, where the provider does not answer."""
        if not self._pending:
            return []
        found = [key for key, mark in self._pending.items() if now >= mark.end + GRACE_S * mark.is_asked]
        return [self._pending.pop(key).name for key in found]
