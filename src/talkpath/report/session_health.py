"""The agent stack's part, judged as the line is: the recogniser, the model, the voice, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkpath.report.line_health import Limits, judged
from talkpath.report.model import HealthRow
from talkpath.report.session_model import SessionTold, TurnTimes

PARTS = (
    ("stt", "Recogniser: final words after the caller's end", Limits(600.0, 1200.0)),
    ("llm", "Model: first word after it was asked", Limits(800.0, 1600.0)),
    ("tts", "Voice: first sound after its text", Limits(400.0, 800.0)),
)


def session_rows_of(session: SessionTold) -> list[HealthRow]:
    """All of them."""
    rows = [_part(name, label, limits, session.turns) for name, label, limits in PARTS]
    errors = [note for note in session.notes if note.kind == "session.error"]
    failed = [run for run in session.tools if run.is_error]
    rows.append(judged("session_errors", "Errors that the app was told", float(len(errors)), "times", Limits(0.0, 2.0),
                       errors[0].text[:160] if errors else "", errors[0].at_s if errors else None))  # fmt: skip
    rows.append(judged("tools_failed", "Tools that failed", float(len(failed)), "times", Limits(0.0, 1.0),
                       failed[0].name if failed else "", failed[0].at_s if failed else None))  # fmt: skip
    return rows


def _part(name: str, label: str, limits: Limits, turns: Sequence[TurnTimes]) -> HealthRow:
    known = [(t, ms) for t in turns if (ms := getattr(t, f"{name}_ms")) is not None and not t.agent_first]
    if not known:
        return judged(name, label, None, "ms", limits, "no turn says it")
    slowest, most_ms = max(known, key=lambda pair: pair[1])
    times = [ms for _, ms in known]
    detail = f"95 % of {len(known)} turns are within it; median {np.median(times):.0f} ms, the slowest {most_ms:.0f} ms"
    who = ", ".join(sorted({getattr(t, name) for t, _ in known} - {""}))
    return judged(
        name, label, float(np.percentile(times, 95)), "ms", limits, f"{detail} ({who})" if who else detail, slowest.at_s
    )
