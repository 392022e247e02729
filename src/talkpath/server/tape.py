"""Both directions of a call on one axis of time: what the caller said, and what was heard of the agent. No file, no clock."""

from __future__ import annotations

from collections import deque

from talkpath.server.results import Taped

PIECE_FRAMES = 50  # are given together
WINDOW_TICKS = 50  # what is behind or ahead all through so many will stay so
HELD_FRAMES = 110  # may still change: a clear takes back what was not heard, and a hole is found late


class Tape:
    """Wire frames of both directions since it was begun.

    Parameters
    ----------
    stream : str
        The call's wire.
    frame_s : float
    silence : bytes
        A frame of it.
    began : float
        By the provider's clock. Earlier than now by what of the caller waits: that was said before.
    gathers_s : float
        So much later a frame is heard because it waits for others of its message.

    Notes
    -----
    The caller's frames follow one another; only holes that nothing has filled a second later are silence, where the silence was. The
    agent's lie where a clock of what the provider plays has them. A gap of less than a frame is none: the provider's jitter buffer
    bridges it.
    """

    def __init__(self, stream: str, frame_s: float, silence: bytes, began: float, gathers_s: float) -> None:
        self._stream, self._frame_s, self._silence = stream, frame_s, silence
        self._began, self._gathers_s = began, gathers_s
        self._caller: deque[bytes] = deque()
        self._agent: deque[bytes] = deque()
        self._given = 0  # frames that have been taken from both
        self._hole = 0  # where the caller was silent last
        self._ticks = 0
        self._least, self._most = float("inf"), 0
        self.is_masked = False  # what is said now is silence on it

    def _at(self, now: float) -> float:
        return (now - self._began) / self._frame_s

    @property
    def _caller_end(self) -> int:
        return self._given + len(self._caller)

    @property
    def _agent_end(self) -> int:
        return self._given + len(self._agent)

    def heard(self, frame: bytes | None) -> None:
        """Of the caller, in order; None: lost."""
        self._caller.append(self._silence if frame is None or self.is_masked else frame)
        if frame is None:
            self._hole = self._caller_end

    def said(self, frame: bytes, now: float) -> None:
        """It goes to the provider, who plays it behind what waits there."""
        gap = int(self._at(now + self._gathers_s) - self._agent_end)
        if gap > 0:
            self._agent.extend([self._silence] * gap)
        self._agent.append(self._silence if self.is_masked else frame)

    def cleared(self, unheard_ms: float) -> None:
        """The last of it was not heard."""
        for _ in range(min(round(unheard_ms / 1000 / self._frame_s), len(self._agent))):
            self._agent.pop()

    def tick(self, now: float) -> list[Taped]:
        """Once a frame: what is certain by now."""
        behind = int(self._at(now)) - self._caller_end
        if behind > self._most + 1:  # not by the rounding of a tick
            self._hole = self._caller_end
        self._least, self._most = min(self._least, behind), max(self._most, behind)
        self._ticks += 1
        if self._ticks >= WINDOW_TICKS:
            self._align()
            self._most = int(self._at(now)) - self._caller_end
        return self._take(self._caller_end - HELD_FRAMES) if len(self._caller) >= HELD_FRAMES + PIECE_FRAMES else []

    def finish(self, now: float) -> list[Taped]:
        """The line is gone: all that is left. What was not played by now was not heard."""
        heard = -int(-self._at(now) // 1)
        while self._agent and self._agent_end > heard:
            self._agent.pop()
        end = max(self._caller_end, self._agent_end)
        self._caller.extend([self._silence] * (end - self._caller_end))
        return self._take(end)

    def _align(self) -> None:
        if self._least > 1:  # frames that have never come
            at = max(self._hole - self._given, 0)
            self._caller.rotate(-at)
            self._caller.extendleft([self._silence] * int(self._least))
            self._caller.rotate(at)
        elif self._most < -1:  # what came at once was said before
            self._began += self._most * self._frame_s
        self._ticks, self._least = 0, float("inf")

    def _take(self, end: int) -> list[Taped]:
        self._agent.extend([self._silence] * (end - self._agent_end))
        count = end - self._given
        if count <= 0:
            return []
        self._given = end
        caller, agent = (b"".join([track.popleft() for _ in range(count)]) for track in (self._caller, self._agent))
        return [Taped(self._stream, caller, agent)]
