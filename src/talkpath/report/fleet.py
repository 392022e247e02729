"""A page of many calls: the worst first, how each measure is spread, links; two to four calls side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from talkpath.report.model import AMBER, GREEN, RED, CallReport, HealthRow
from talkpath.report.page import asset, clock, filled

# What is shown of every call, and how many decimals it has.
MEASURES = {
    "response": 0,
    "caller_level": 0,
    "echo": 0,
    "loss": 1,
    "late_frames": 1,
    "dead_air": 1,
    "talk_over": 0,
}
SIDE_BY_SIDE = 4
COUNTED = ("ms", "times", "turns", "cuts", "keys")
BINS = 14
_WEIGHT = {RED: 100, AMBER: 1}


@dataclass(frozen=True, slots=True)
class Listed:
    """A call of the fleet: its report, and where its own page is ("": nowhere)."""

    report: CallReport
    link: str = ""

    @property
    def badness(self) -> int:
        """Any red row counts more than all that are amber."""
        return sum(_WEIGHT.get(row.verdict, 0) for row in self.report.health)


def render_fleet(calls: Sequence[Listed], *, title: str = "Calls", unread: Iterable[tuple[str, str]] = ()) -> str:
    """The page as text; the same calls give the same bytes.

    Parameters
    ----------
    calls : sequence of Listed
    title : str
    unread : iterable of (str, str)
        Files that could not be read, and why.

    Raises
    ------
    ConfigError
        The extra `report` is not installed.
    """
    worst = sorted(calls, key=lambda c: (-c.badness, c.report.name))
    rows = [{row.name: row for row in c.report.health} for c in worst]
    labels = {row.name: row.label for r in rows for row in r.values()}
    measures = [{"name": name, "label": labels[name]} for name in MEASURES if name in labels]
    return filled(
        "fleet.html.j2",
        title=title,
        css=asset("call.css"),
        seconds=sum(c.report.duration_s for c in calls),
        measures=measures,
        calls=[
            {
                "name": c.report.name,
                "link": c.link,
                "verdict": c.report.verdict,
                "duration_s": c.report.duration_s,
                "findings": [row for row in c.report.health if row.verdict in (RED, AMBER)],
                "cells": [_text(r.get(m["name"])) for m in measures],
            }
            for c, r in zip(worst, rows, strict=True)
        ],
        plots=[plot for m in measures if (plot := _plot([r[m["name"]] for r in rows if m["name"] in r])) is not None],
        beside=_beside(calls) if 2 <= len(calls) <= SIDE_BY_SIDE else None,
        unread=list(unread),
    )


def _text(row: HealthRow | None) -> str:
    if row is None or row.value is None:
        return "–"
    digits = MEASURES.get(row.name, 0 if row.unit in COUNTED else 1)
    return f"{row.value:.{digits}f} {row.unit.split(' of ')[0]}"


def _plot(rows: Sequence[HealthRow]) -> dict[str, Any] | None:
    """Bars of a measure; each has the colour of the worst verdict in it. None where fewer than five calls have it."""
    known = [(row.value, row.verdict) for row in rows if row.value is not None]
    if len(known) < 5:
        return None
    values = np.asarray([value for value, _ in known])
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9:
        high = low + 1.0
    edges = np.linspace(low, high, BINS + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    unit, digits = rows[0].unit.split(" of ")[0], MEASURES[rows[0].name]
    bars = []
    for i in np.flatnonzero(counts).tolist():
        verdicts = {known[k][1] for k in np.flatnonzero(place == i)}
        worst = next((v for v in (RED, AMBER, GREEN) if v in verdicts), "")
        height = max(3, round(70 * int(counts[i]) / int(counts.max())))
        bars.append({"x": i * 20 + 1, "y": 74 - height, "width": 18, "height": height, "verdict": worst,
                     "told": f"{edges[i]:.{digits}f} to {edges[i + 1]:.{digits}f} {unit}: {counts[i]} calls"})  # fmt: skip
    p5, p50, p95 = np.percentile(values, [5, 50, 95])
    return {
        "label": rows[0].label,
        "bars": bars,
        "low": f"{low:.{digits}f} {unit}",
        "high": f"{high:.{digits}f} {unit}",
        "told": f"{len(known)} calls, median {p50:.{digits}f} {unit}, 90 % of them from {p5:.{digits}f} to {p95:.{digits}f}",
    }


def _beside(calls: Sequence[Listed]) -> dict[str, Any]:
    """Every measure of a few calls, which are in the order in which they were given."""
    reports = [c.report for c in calls]
    by_name = [{row.name: row for row in r.health} for r in reports]
    names = list(dict.fromkeys(row.name for r in reports for row in sorted(r.health, key=lambda row: row.label)))
    rows: list[dict[str, Any]] = []
    for name in names:
        found = [r.get(name) for r in by_name]
        cells = [{"text": _text(row) if row is not None and row.value is not None else "–",
                  "verdict": row.verdict if row is not None else ""} for row in found]  # fmt: skip
        label = next(row.label for row in found if row is not None)
        rows.append(
            {"label": label, "cells": cells, "difference": _difference([r.value if r else None for r in found])}
        )
    for label, values in (
        ("Turns", [len(r.turns) for r in reports]),
        ("Interruptions", [sum(i.kind == "true" for i in r.interruptions) for r in reports]),
        ("False interruptions", [sum(i.kind == "false" for i in r.interruptions) for r in reports]),
        ("Back-channels", [sum(i.kind == "back-channel" for i in r.interruptions) for r in reports]),
        ("Keys", [len(r.keys) for r in reports]),
    ):
        cells = [{"text": str(v), "verdict": ""} for v in values]
        rows.append({"label": label, "cells": cells, "difference": _difference([float(v) for v in values], 0)})
    rows.sort(key=lambda row: len({(c["text"], c["verdict"]) for c in row["cells"]}) == 1)  # what differs comes first
    longest_s = max(r.duration_s for r in reports)
    strips = [
        {"name": c.report.name, "link": c.link, "marks": _strip(c.report, longest_s), "told": _told(c.report)}
        for c in calls
    ]
    return {"names": [r.name for r in reports], "rows": rows, "strips": strips, "longest_s": longest_s}


def _strip(report: CallReport, longest_s: float) -> list[dict[str, Any]]:
    """Who spoke when, and what happened, as boxes on an axis that all calls share."""
    boxes = [(s.start_s, s.end_s, 2, "caller", "the caller speaks") for s in report.spans["caller"]]
    boxes += [(s.start_s, s.end_s, 16, "agent", "the agent is heard") for s in report.spans["agent"]]
    boxes += [(s.start_s, s.end_s, 30, "dark", "dead air") for s in report.talk.dead_air]
    boxes += [(i.onset_s, i.decided_s, 30, "cut", "interruption") for i in report.interruptions if i.kind == "true"]
    boxes += [
        (t.decided_s, t.decided_s, 30, "cut", "turn taken too early")
        for t in report.turns
        if t.is_early and t.decided_s
    ]
    per_s = 1000 / max(longest_s, 1e-9)
    return [{"x": round(start_s * per_s, 1), "width": round(max(2.0, (end_s - start_s) * per_s), 1), "y": y, "kind": kind,
             "told": f"{clock(start_s)} {what}"} for start_s, end_s, y, kind, what in boxes]  # fmt: skip


def _told(report: CallReport) -> str:
    cuts = sum(i.kind == "true" for i in report.interruptions)
    return (
        f"{report.name}: {clock(report.duration_s)} long; the caller speaks {report.talk.caller_s:.1f} s, the agent "
        f"{report.talk.agent_s:.1f} s; {cuts} interruptions, {len(report.talk.dead_air)} times dead air"
    )


def _difference(values: Sequence[float | None], digits: int = 1) -> str:
    if len(values) != 2 or values[0] is None or values[1] is None:
        return ""
    less = round(values[1] - values[0], digits)
    return f"{less:+.{digits}f}" if less else "the same"
