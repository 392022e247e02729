"""One call, explained: numbers, tables and verdicts, and a page of them that needs no network.

material = read_call("call.log")        # a log of call.record, or a recording; read_session(folder, id): of an agent stack
report = report_of(material)            # report.to_dict(): every number
render(report, material)                # the page; extra `report`

`talkpath report` is its command.
"""

from talkpath.report.build import read_call, report_of
from talkpath.report.fleet import Listed, render_fleet
from talkpath.report.material import Material
from talkpath.report.model import (
    Answer,
    CallReport,
    HealthRow,
    Interruption,
    Key,
    Mark,
    Span,
    Talk,
    Tone,
    Turn,
    Utterance,
)
from talkpath.report.page import render
from talkpath.report.read_session import read_session
from talkpath.report.redact import without_words
from talkpath.report.session_model import Note, Said, SessionTold, ToolRun, TurnTimes
from talkpath.report.session_rows import newest_sessions

__all__ = [
    "Answer",
    "CallReport",
    "HealthRow",
    "Interruption",
    "Key",
    "Listed",
    "Mark",
    "Material",
    "Note",
    "Said",
    "SessionTold",
    "Span",
    "Talk",
    "Tone",
    "ToolRun",
    "Turn",
    "TurnTimes",
    "Utterance",
    "newest_sessions",
    "read_call",
    "read_session",
    "render",
    "render_fleet",
    "report_of",
    "without_words",
]
