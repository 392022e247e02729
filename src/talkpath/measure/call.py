"""Both sides of a call, measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from talkpath._types import Samples
from talkpath.measure import line
from talkpath.measure.frames import Mask, Spans
from talkpath.measure.line import Echo
from talkpath.measure.side import Side
from talkpath.measure.thresholds import ALONE_MS, CLIPPED, FRAME_MS, RATE_HZ
from talkpath.recordings import Converter


@dataclass(frozen=True)
class CallMeasures:
    """What is measured in the sound of a call. Times are frames of 20 ms.

    Attributes
    ----------
    caller : Side
    agent : Side or None
        What the caller heard; None: nobody knows.
    echo : Echo or None
        None: there is none, or nobody knows.
    dead_air, talk_over : ndarray[int64], shape (n, 2)
        First frame, and the one after the last.
    """

    caller: Side
    agent: Side | None
    echo: Echo | None
    dead_air: Spans
    talk_over: Spans

    @property
    def both_speak(self) -> Mask:
        """Frame by frame."""
        return self.caller.speaks & self.agent.speaks if self.agent is not None else np.zeros(self.caller.frames, bool)

    @property
    def talk_over_share(self) -> float | None:
        """Share of the time that both speak."""
        both = self.both_speak
        return round(float(both.mean()), 4) if len(both) and self.agent is not None else None

    @property
    def silent_side(self) -> str | None:
        """ "caller" or "agent": never heard in a call of 5 s or more, and the other is."""
        return line.silent_side(self.caller, self.agent) if self.agent is not None else None

    @property
    def caller_dbov(self) -> float | None:
        """Level of the caller's speech: while the agent is silent, unless the caller never speaks alone. What both say is part echo."""
        alone = ~self.both_speak
        enough = int((self.caller.speaks & alone).sum()) * FRAME_MS >= ALONE_MS
        return self.caller.speech_dbov(alone if enough else np.ones(self.caller.frames, bool))

    @property
    def agent_dbov(self) -> float | None:
        """Level of the agent's speech."""
        return self.agent.speech_dbov(np.ones(self.agent.frames, bool)) if self.agent is not None else None


def measured(caller: Side, agent: Side | None, echo: Echo | None, keys_ms: Iterable[float] = ()) -> CallMeasures:
    """Of two sides that are finished."""
    both = caller.speaks & agent.speaks if agent is not None else np.zeros(caller.frames, bool)
    return CallMeasures(caller, agent, echo, line.dead_air(caller, agent, keys_ms), line.talk_over(both))


def measure_samples(
    caller: Samples,
    heard: Samples | None,
    rate_hz: int,
    speech: tuple[Spans, Spans],
    echo: Echo | None = None,
    keys_ms: Iterable[float] = (),
) -> CallMeasures:
    """Measure both sides of a call that itself knew who spoke when, and what its line returned.

    Parameters
    ----------
    caller, heard : ndarray[int16]
        Of equal length, on one axis. `heard` None: nobody knows what the caller heard.
    rate_hz : int
        Theirs.
    speech : two ndarrays, shape (n, 2)
        The caller's and the agent's, in frames.
    echo : Echo, optional
    keys_ms : iterable of float
        Keys that came as messages.
    """
    parties = []
    for number, pcm in enumerate((caller,) if heard is None else (caller, heard)):
        side = Side(hears_line=number == 0)
        loud = (pcm >= CLIPPED * 32768) | (pcm <= -CLIPPED * 32768)
        side.count_clipped(int(loud.sum()), int(loud.argmax()) if len(loud) else 0, len(loud), rate_hz)
        side.process(pcm if rate_hz == RATE_HZ else _at_8_khz(pcm, rate_hz))
        side.finish(speech[number])
        parties.append(side)
    return measured(parties[0], parties[1] if len(parties) == 2 else None, echo, keys_ms)


def _at_8_khz(pcm: Samples, rate_hz: int) -> Samples:
    wide = pcm.astype(np.float32)[:, None] / np.float32(32768)
    return np.ascontiguousarray(Converter(rate_hz, RATE_HZ, 1).process(wide, last=True)[:, 0])
