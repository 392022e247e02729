"""What came of a call, and of all calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from talkpath.phone.measures import Late, Spread, gaps_ms, late, lateness_ms, spread
from talkpath.phone.watch import BargeIn

if TYPE_CHECKING:
    from talkpath.phone.simulated_call import SimulatedCall

Values = npt.NDArray[np.float32]
PILED_UP = 2.0  # so many times a pause's length it takes until what piled up is done
NOTHING: Values = np.zeros(0, np.float32)


@dataclass(slots=True)
class CallResult:
    """A call that is over. Times are in ms, or in s since the connection was made.

    Attributes
    ----------
    number, dialect, call_id
        Which call.
    ended : str
        Why it is over.
    answered : bool
        The server sent audio.
    refused : str
        Why there was no connection; empty where there was one.
    duration_s : float
    media, audio_s, malformed, pauses
        Messages with audio, how much audio, messages that were refused, and how often nothing came for a second.
    gaps : Spread
        Between media messages, without pauses.
    late : Late
        Of media messages against the server's own grid.
    first_audio_ms, first_speech_ms : float or None
        From the connection to the first media message, and to the first audible sample that was played.
    barge_ins, answers_ms, unanswered, unprompted_clears
        See `Watch`.
    holes, missing_ms : int, float
        How often the provider had nothing to play while the server was sending, and the silence by that.
    speech_heard_bytes, speech_heard_s
        Of the agent's, audible.
    cleared_ms, dropped_ms : float
        Of the agent's audio: thrown away by clears; dropped, as the provider's queue was full.
    lost_on_line : int
        Frames of the caller's that the line lost.
    own_late : Late
        How late the phone itself sent its frames.
    failed : list of str
        Checks of the script that failed.
    events : list of dict
    """

    number: int
    dialect: str
    call_id: str
    ended: str
    answered: bool = False
    refused: str = ""
    duration_s: float = 0.0
    media: int = 0
    audio_s: float = 0.0
    malformed: int = 0
    pauses: int = 0
    gaps: Spread = field(default_factory=lambda: spread(()))
    late: Late = field(default_factory=lambda: late(()))
    first_audio_ms: float | None = None
    first_speech_ms: float | None = None
    barge_ins: list[BargeIn] = field(default_factory=list)
    answers_ms: list[float] = field(default_factory=list)
    unanswered: int = 0
    unprompted_clears: int = 0
    holes: int = 0
    missing_ms: float = 0.0
    speech_heard_s: float = 0.0
    speech_heard_bytes: int = 0
    cleared_ms: float = 0.0
    dropped_ms: float = 0.0
    lost_on_line: int = 0
    own_late: Late = field(default_factory=lambda: late(()))
    failed: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    lateness: Values = field(default_factory=lambda: NOTHING, repr=False)
    own_lateness: Values = field(default_factory=lambda: NOTHING, repr=False)
    arrivals: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)

    @property
    def ok(self) -> bool:
        """It was answered, and no check failed."""
        return self.answered and not self.failed

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        plain = {
            name: getattr(self, name)
            for name in ("number", "dialect", "call_id", "ok", "answered", "ended", "refused", "media", "malformed",
                         "pauses", "unanswered", "unprompted_clears", "holes", "speech_heard_bytes", "lost_on_line",
                         "failed", "events")
        }  # fmt: skip
        numbers = {
            name: _rounded(getattr(self, name))
            for name in ("duration_s", "audio_s", "first_audio_ms", "first_speech_ms", "missing_ms", "speech_heard_s",
                         "cleared_ms", "dropped_ms")
        }  # fmt: skip
        return {
            **plain,
            **numbers,
            "gaps_ms": self.gaps.to_dict(),
            "late_ms": self.late.to_dict(),
            "own_late_ms": self.own_late.to_dict(),
            "barge_ins": [barge.to_dict() for barge in self.barge_ins],
            "answers_ms": [round(ms, 1) for ms in self.answers_ms],
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def refused(number: int, dialect: str, call_id: str, reason: str) -> CallResult:
    """A call that never came about."""
    return CallResult(number, dialect, call_id, ended=reason, refused=reason)


def summarise(call: SimulatedCall) -> CallResult:
    """All figures of a call."""
    times, watch, playout, ear = call._times, call._watch, call._playout, call._ear
    gaps, pauses = gaps_ms(times)
    lateness = lateness_ms(times, call._positions, call._breaks).astype(np.float32)
    own = np.asarray(call._late, np.float32) * 1000
    per_ms = 1000 / call._rate
    wire_out = call.plan.wires[1]
    heard_s = ear.loud_frames * call._n / call._rate
    return CallResult(
        number=call.number,
        dialect=call.plan.provider,
        call_id=call.start.call_id,
        ended=call.ended or "it goes on",
        answered=len(times) > 0,
        duration_s=call._ended_at - call._opened,
        media=len(times),
        audio_s=call._audio_s,
        malformed=call._malformed,
        pauses=pauses,
        gaps=spread(gaps),
        late=late(lateness),
        first_audio_ms=1000 * (times[0] - call._opened) if times else None,
        first_speech_ms=watch.first_speech_ms,
        barge_ins=list(watch.barge_ins),
        answers_ms=list(watch.answers_ms),
        unanswered=watch.unanswered,
        unprompted_clears=watch.unprompted_clears,
        holes=playout.holes,
        missing_ms=playout.missing * per_ms,
        speech_heard_s=heard_s,
        speech_heard_bytes=round(heard_s * (wire_out.bytes_per_s or 0)),
        cleared_ms=playout.cleared * per_ms,
        dropped_ms=playout.dropped * per_ms,
        lost_on_line=call._network.lost if call._network is not None else 0,
        own_late=late(own),
        failed=list(call._caller.failed),
        events=sorted(watch.events, key=lambda event: float(event["at_s"])),
        lateness=lateness,
        own_lateness=own,
        arrivals=np.asarray(times, np.float64),
    )


@dataclass(frozen=True, slots=True)
class Machine:
    """How late this machine is by itself: what processes beside the phone saw that only sleep, one on each core.

    Attributes
    ----------
    wakes : int
    p999_ms, max_ms : float
        Of the worst core.
    over_5 : int
    pauses : tuple of (float, float)
        When a core stood still: from and to, in s of the monotonic clock.
    """

    wakes: int = 0
    p999_ms: float = 0.0
    max_ms: float = 0.0
    over_5: int = 0
    pauses: tuple[tuple[float, float], ...] = ()

    def to_dict(self) -> dict[str, float]:
        """For JSON."""
        return {"wakes": self.wakes, "p999_ms": self.p999_ms, "max_ms": self.max_ms, "over_5": self.over_5}

    def excuses(self, arrivals: npt.NDArray[np.float64], late_ms: Values) -> npt.NDArray[np.bool_]:
        """Which messages were on their way while a core stood still, or in twice that time after it: until then work piles up.

        Parameters
        ----------
        arrivals : float64 array
            In s of the monotonic clock.
        late_ms : float32 array
            How late each came.
        """
        found = np.zeros(len(arrivals), np.bool_)
        if not self.pauses or not len(arrivals):
            return found
        begins, ends = np.array(sorted(self.pauses)).T
        until = np.maximum.accumulate(ends + PILED_UP * (ends - begins))
        due = arrivals - late_ms / 1000
        # The last pause that began before the message came: it, or one before it, lasts until after the message was due.
        at = np.searchsorted(begins, arrivals, "right") - 1
        found[at >= 0] = until[at[at >= 0]] >= due[at >= 0]
        return found


def overall(results: Sequence[CallResult], machine: Machine | None = None) -> dict[str, Any]:
    """All calls together, for JSON. Percentiles of late are over all frames; of gaps, the worst call's."""

    def values(name: str) -> list[float]:
        return [value for r in results if (value := getattr(r, name)) is not None]

    barges = [barge for r in results for barge in r.barge_ins]
    frames = np.concatenate([NOTHING, *(r.lateness for r in results)])
    own = np.concatenate([NOTHING, *(r.own_lateness for r in results)])
    machine = machine or Machine()
    excused = np.concatenate([np.zeros(0, np.bool_), *(machine.excuses(r.arrivals, r.lateness) for r in results)])
    reasons: dict[str, int] = {}
    for r in results:
        reasons[r.ended] = reasons.get(r.ended, 0) + 1
    return {
        "calls": len(results),
        "ok": sum(r.ok for r in results),
        "answered": sum(r.answered for r in results),
        "refused": sum(bool(r.refused) for r in results),
        "failed_checks": sum(len(r.failed) for r in results),
        "ended": reasons,
        "worst_gap_ms": max((r.gaps.max for r in results), default=0.0),
        "late_ms": late(frames).to_dict(),
        "own_late_ms": late(own).to_dict(),
        "late_but_for_machine_ms": late(frames[~excused]).to_dict(),
        "machine": machine.to_dict(),
        "first_audio_ms": spread(values("first_audio_ms")).to_dict(),
        "first_speech_ms": spread(values("first_speech_ms")).to_dict(),
        "answer_ms": spread([ms for r in results for ms in r.answers_ms]).to_dict(),
        "unanswered": sum(r.unanswered for r in results),
        "barge_ins": len(barges),
        "clear_ms": spread([b.clear_ms for b in barges if b.clear_ms is not None]).to_dict(),
        "silence_ms": spread([b.silence_ms for b in barges if b.silence_ms is not None]).to_dict(),
        "not_interrupted": sum(b.silence_ms is None for b in barges),
        "unprompted_clears": sum(r.unprompted_clears for r in results),
        "holes": sum(r.holes for r in results),
        "missing_ms": round(sum(r.missing_ms for r in results), 1),
        "malformed": sum(r.malformed for r in results),
        "pauses": sum(r.pauses for r in results),
        "dropped_ms": round(sum(r.dropped_ms for r in results), 1),
    }
