"""Watches a call: who spoke when, how fast the agent fell silent, how fast it answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from talkpath._types import Samples
from talkpath.phone.caller import Caller
from talkpath.phone.ear import Ear, last_loud

MAX_EVENTS = 20_000
PATIENCE_S = 3.0  # what the agent does so long after the caller's last word has another cause
STUBBORN_S = 8.0  # an agent that speaks on for so long was not interrupted, though the caller speaks on, too


@dataclass(slots=True)
class BargeIn:
    """The caller spoke while the agent did.

    Attributes
    ----------
    at_s : float
        The first audible sample on the wire, since the connection was made.
    clear_ms : float or None
        From there to the server's clear; None: none came.
    silence_ms : float or None
        From there to the last audible sample of the agent that was played; None: it spoke on.
    """

    at_s: float
    clear_ms: float | None = None
    silence_ms: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """For JSON."""
        return {name: _rounded(getattr(self, name)) for name in ("at_s", "clear_ms", "silence_ms")}

    def described(self) -> dict[str, float | None]:
        """For an event, which has a time of its own."""
        return {"caller_at_s" if name == "at_s" else name: value for name, value in self.to_dict().items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


class Watch:
    """Sees every frame of a call. Times are those of the call; what it tells is in s since the connection was made.

    Parameters
    ----------
    ear : Ear
    opened : float
        When the connection was made.
    sample_s : float
        From one sample to the next.

    Attributes
    ----------
    events : list of dict
    barge_ins : list of BargeIn
    answers_ms : list of float
        From the caller's last audible sample to the agent's first.
    unanswered, unprompted_clears : int
        What the caller said without an answer before the caller's next word, or the end; clears without a word or key of the caller's.
    first_speech_ms : float or None
        From the connection to the agent's first audible sample.
    """

    def __init__(self, ear: Ear, opened: float, sample_s: float) -> None:
        self._ear, self._opened, self._sample_s = ear, opened, sample_s
        self._origin, self._period = opened, 0.02
        self._agent = False
        self._open: BargeIn | None = None
        self._asked: tuple[float, int] | None = None  # when the caller ended, and in which frame
        self._last_word = float("-inf")
        self._loud_at = float("-inf")  # while the agent is interrupted: its last audible frame
        self._loud: Samples = np.zeros(round(0.02 / sample_s), np.int16)
        self.events: list[dict[str, Any]] = []
        self.barge_ins: list[BargeIn] = []
        self.answers_ms: list[float] = []
        self.unanswered = self.unprompted_clears = 0
        self.first_speech_ms: float | None = None

    def grid(self, origin: float, period: float) -> None:
        """Frame k is played from origin + k * period on."""
        self._origin, self._period = origin, period

    def note(self, now: float, event: str, more: dict[str, Any] | None = None) -> None:
        """Something happened."""
        if len(self.events) < MAX_EVENTS:
            self.events.append({"at_s": round(now - self._opened, 4), "event": event, **(more or {})})

    def tick(self, frame: Samples, caller: Caller, wire_time: float) -> None:
        """A frame was played, and one of the caller's goes out at `wire_time`."""
        ear = self._ear
        if ear.speaks is not self._agent:
            self._turned(ear.speaks)
        if self._open is not None:
            self._follow(self._open, frame)
        if caller.presses:
            self._last_word = wire_time
        elif caller.speaks:
            self._last_word = wire_time
            if caller.onset is not None:
                self._began(wire_time + caller.onset * self._sample_s)
            if caller.offset is not None:
                at = wire_time + caller.offset * self._sample_s
                self._asked = (at, ear.frames - 1)
                self.note(at, "caller_silent")

    def _began(self, at: float) -> None:
        self.note(at, "caller_speaks")
        if self._asked is not None:
            self.unanswered += 1
            self._asked = None
        if self._open is not None:
            self._close(self._open)
        if self._ear.speaks:
            self._open = BargeIn(at - self._opened)
            self._loud_at = float("-inf")

    def _turned(self, speaks: bool) -> None:
        """The agent begins to speak, or has been silent for a while."""
        ear = self._ear
        self._agent = speaks
        if not speaks:
            self.note(self._origin + (ear.last_loud + 1) * self._period, "agent_silent")
            if self._open is not None:
                self._close(self._open)
            return
        at = self._origin + ear.began * self._period + ear.began_sample * self._sample_s
        self.note(at, "agent_speaks")
        if self.first_speech_ms is None:
            self.first_speech_ms = 1000 * (at - self._opened)
        if self._asked is not None:
            asked, frame = self._asked
            if ear.began > frame:
                self.answers_ms.append(1000 * (at - asked))
                self._asked = None

    def _follow(self, barge: BargeIn, frame: Samples) -> None:
        ear = self._ear
        now = self._origin + (ear.frames - 1) * self._period
        if ear.is_loud:
            self._loud_at = now
            self._loud[: len(frame)] = frame
        if now - self._last_word > PATIENCE_S or now - self._opened - barge.at_s > STUBBORN_S:
            self._open = None
            self.barge_ins.append(barge)
            self.note(now, "not_interrupted", barge.described())

    def _close(self, barge: BargeIn) -> None:
        """The agent is silent. Where it was so before the caller spoke, nobody was interrupted."""
        self._open = None
        silent_at = self._loud_at + (last_loud(self._loud, self._ear.amplitude) or 0) * self._sample_s
        silence_s = silent_at - self._opened - barge.at_s
        if silence_s <= 0 and barge.clear_ms is None:
            return
        barge.silence_ms = 1000 * max(0.0, silence_s)
        self.barge_ins.append(barge)
        self.note(self._opened + barge.at_s + max(0.0, silence_s), "interrupted", barge.described())

    def cleared(self, now: float, caller_speaks: bool) -> None:
        """The server sent a clear."""
        self.note(now, "clear")
        if not caller_speaks and now - self._last_word > PATIENCE_S:
            self.unprompted_clears += 1
        elif self._open is not None and self._open.clear_ms is None:
            self._open.clear_ms = 1000 * (now - self._opened - self._open.at_s)

    def finish(self, now: float) -> None:
        """The call is over."""
        if self._open is not None:
            if self._ear.speaks:
                self._open = None  # nobody knows how it would have gone on
            else:
                self._close(self._open)
        if self._asked is not None:
            self.unanswered += 1
            self._asked = None
