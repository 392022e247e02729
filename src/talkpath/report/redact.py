"""A report without words: what was said, typed, and who called is left out; times and figures stay."""

from __future__ import annotations

from dataclasses import replace

from talkpath.report.model import CallReport
from talkpath.report.session_model import SessionTold

HIDDEN = "•"


def without_words(report: CallReport) -> CallReport:
    """No words, no digits that were pressed, no telephone numbers, nothing of what tools were given and gave."""
    return replace(
        report,
        utterances=tuple(replace(u, text=None, heard_text=None) for u in report.utterances),
        keys=tuple(replace(k, digits=HIDDEN * len(k.digits)) for k in report.keys),
        health=tuple(
            replace(row, detail="a key twice within 250 ms" if row.detail else "") if row.name == "keys_twice" else
            replace(row, detail="") if row.name == "session_errors" else row for row in report.health
        ),
        session=None if report.session is None else _session(report.session),
    )  # fmt: skip


def _session(session: SessionTold) -> SessionTold:
    return replace(
        session,
        from_number=_number(session.from_number),
        to_number=_number(session.to_number),
        error=HIDDEN if session.error else "",
        said=(),
        turns=tuple(replace(t, user_text="", agent_text="") for t in session.turns),
        tools=tuple(replace(t, arguments="", output="") for t in session.tools),
        notes=tuple(replace(n, text="") for n in session.notes),
    )


def _number(number: str) -> str:
    """The last two digits tell one call from another."""
    return HIDDEN * max(0, len(number) - 2) + number[-2:] if len(number) > 4 else HIDDEN * len(number)
