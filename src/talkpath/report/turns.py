"""The table of turns: the caller's end, the decision, the first audio given to the engine, the first sound on the wire."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkpath.call import events as e
from talkpath.report.material import Material
from talkpath.report.model import Span, Turn

WENT_ON_S = 0.7  # speech so soon after the decision: the caller had not finished
INTO_ANSWER_S = 0.6  # the same, into the answer; later it is an interruption
LONGEST_S = 4.0
WORD_S = 0.4  # shorter is a nod


def turns_of(material: Material, caller: Sequence[Span], agent: Sequence[Span]) -> list[Turn]:
    """Every answer of the agent's."""
    if material.source == "recording":
        return _measured(caller, agent)
    decisions = [at for at in material.events if isinstance(at.event, e.UserTurnCompleted)]
    found: list[Turn] = []
    for i, at in enumerate(decisions):
        event, decided_s = at.event, at.at_s
        assert isinstance(event, e.UserTurnCompleted)
        until_s = decisions[i + 1].at_s if i + 1 < len(decisions) else material.duration_s + 1.0
        before = [s for s in caller if s.start_s < decided_s]
        end_s = min(decided_s, before[-1].end_s) if before else decided_s
        queued_s = next((q.at_s for q in material.queued if decided_s - 0.02 <= q.at_s < until_s), None)
        wire_s = next((s.start_s for s in agent if decided_s <= s.start_s < until_s), None)
        found.append(Turn(
            number=i + 1,
            caller_start_s=max(0.0, end_s - event.duration_ms / 1000),
            caller_end_s=end_s,
            decided_s=decided_s,
            queued_s=queued_s,
            wire_s=wire_s,
            trigger=event.trigger,
            turn_method=event.turn_method,
            response_ms=None if wire_s is None else (wire_s - end_s) * 1000,
            is_early=_went_on(caller, decided_s, wire_s),
        ))  # fmt: skip
    return found


def _went_on(caller: Sequence[Span], decided_s: float, wire_s: float | None) -> bool:
    until_s = decided_s + WENT_ON_S
    if wire_s is not None:
        until_s = min(max(until_s, wire_s + INTO_ANSWER_S), decided_s + LONGEST_S)
    return any(decided_s < s.start_s < until_s and s.length_s >= WORD_S for s in caller)


def _measured(caller: Sequence[Span], agent: Sequence[Span]) -> list[Turn]:
    """What a recording shows: the agent begins after the caller has ended, with nothing between."""
    found: list[Turn] = []
    for i, answer in enumerate(agent):
        since_s = agent[i - 1].start_s if i else 0.0
        before = [s for s in caller if since_s < s.end_s <= answer.start_s]
        speaks = any(s.start_s < answer.start_s < s.end_s for s in caller)
        silent_since_s = agent[i - 1].end_s if i else 0.0
        if speaks or not before or before[-1].end_s < silent_since_s:
            continue
        end_s = before[-1].end_s
        found.append(Turn(
            number=len(found) + 1,
            caller_start_s=before[0].start_s,
            caller_end_s=end_s,
            decided_s=None,
            queued_s=None,
            wire_s=answer.start_s,
            trigger="",
            turn_method="",
            response_ms=(answer.start_s - end_s) * 1000,
            is_early=_went_on(caller, answer.start_s, answer.start_s),
        ))  # fmt: skip
    return found


def response_of(turns: Sequence[Turn]) -> dict[str, float | None]:
    """Percentiles of the response times."""
    return _percentiles([t.response_ms for t in turns if t.response_ms is not None])


def stages_of(turns: Sequence[Turn]) -> dict[str, dict[str, float | None]]:
    """Percentiles of each stage, from the caller's end on, in ms."""
    stages = {
        "decided": [t.decided_s for t in turns],
        "queued": [t.queued_s for t in turns],
        "wire": [t.wire_s for t in turns],
    }
    return {
        name: _percentiles(
            [(at_s - t.caller_end_s) * 1000 for t, at_s in zip(turns, times, strict=True) if at_s is not None]
        )
        for name, times in stages.items()
    }


def _percentiles(times_ms: Sequence[float]) -> dict[str, float | None]:
    if not times_ms:
        return {"p50": None, "p95": None, "max": None, "count": 0}
    return {
        "p50": float(np.percentile(times_ms, 50)),
        "p95": float(np.percentile(times_ms, 95)),
        "max": max(times_ms),
        "count": len(times_ms),
    }
