"""One call, explained: numbers, tables and verdicts, and a page of them that needs no network.

material = read_call("call.log")        # a log of call.record, or a recording
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

__all__ = [
    "Answer",
    "CallReport",
    "HealthRow",
    "Interruption",
    "Key",
    "Listed",
    "Mark",
    "Material",
    "Span",
    "Talk",
    "Tone",
    "Turn",
    "Utterance",
    "read_call",
    "render",
    "render_fleet",
    "report_of",
]
