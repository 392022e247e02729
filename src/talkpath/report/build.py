"""A report of what was read."""

from __future__ import annotations

import os
from collections import Counter

from talkpath.report.interruptions import interruptions_of
from talkpath.report.line_health import echo_spans, late_spans, lost_spans, network_rows, sound_rows
from talkpath.report.material import Material
from talkpath.report.measuring import measures_of, talk_of
from talkpath.report.model import AMBER, GREEN, RED, CallReport, Span
from talkpath.report.read_log import is_log, read_log
from talkpath.report.read_recording import read_recording
from talkpath.report.session_health import session_rows_of
from talkpath.report.tables import answers_of, keys_of, marks_of, tones_of, utterances_of, with_words
from talkpath.report.talk import agent_spans, caller_spans, common, merged, paused_spans
from talkpath.report.talk_health import talk_rows
from talkpath.report.turns import response_of, stages_of, turns_of

ECHO_TAIL_S = 0.3
_WORST_FIRST = {RED: 0, AMBER: 1, GREEN: 2}


def read_call(path: str | os.PathLike[str], channels: str = "auto") -> Material:
    """A log of `call.record`, or a recording; errors as for `read_log` and `read_recording`."""
    return read_log(path) if is_log(path) else read_recording(path, channels)


def report_of(material: Material) -> CallReport:
    """Everything that can be said of a call."""
    caller, agent = caller_spans(material), agent_spans(material)
    paused = paused_spans(material, agent)
    turns = turns_of(material, caller, agent)
    response = response_of(turns)
    interruptions = interruptions_of(material, caller, agent)
    utterances = with_words(utterances_of(material, agent), material.session)
    keys, tones, answers = keys_of(material), tones_of(material), answers_of(material)
    measures = measures_of(material, caller, agent)
    talk = talk_of(measures)
    rows = [
        *sound_rows(material, measures),
        *network_rows(material, measures.echo),
        *talk_rows(material, turns, response, interruptions, utterances, keys, tones, answers, talk),
    ]
    if material.session is not None:
        rows += session_rows_of(material.session)
    counts = dict(sorted(Counter(at.event.type for at in material.events).items()))
    if material.metrics is not None:
        for name in ("received_frames", "lost_frames", "sent_frames", "underruns", "reference_gaps", "timestamp_gaps"):
            counts[name] = getattr(material.metrics, name)
    return CallReport(
        name=material.name,
        source=material.source,
        duration_s=material.duration_s,
        sample_rate_hz=material.sample_rate_hz,
        stream=material.stream,
        turns=tuple(turns),
        response_ms=response,
        interruptions=tuple(interruptions),
        utterances=tuple(utterances),
        keys=tuple(keys),
        tones=tuple(tones),
        answers=tuple(answers),
        marks=tuple(marks_of(material)),
        talk=talk,
        health=tuple(sorted(rows, key=lambda row: _WORST_FIRST.get(row.verdict, 3))),
        spans={
            "caller": tuple(caller),
            "agent": tuple(agent),
            "paused": tuple(paused),
            "echo": tuple(common(echo_spans(material), _audible(agent), "echo")),
            "lost": tuple(lost_spans(material)),
            "late": tuple(late_spans(material)),
        },
        counts=counts,
        session=material.session,
        stages_ms=stages_of(turns),
    )


def _audible(agent: list[Span]) -> list[Span]:
    """Where an echo of the agent's may be heard: as long as it speaks, and a while after."""
    return merged([Span(s.start_s, s.end_s + ECHO_TAIL_S) for s in agent], "agent")
