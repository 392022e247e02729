"""What is measured in the sound of a call: of a recording as `talkpath scan` measures it, of a log with what the call itself knew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from talkpath.call import events as e
from talkpath.measure import CallMeasures, measure_samples
from talkpath.measure.frames import Spans
from talkpath.measure.line import Echo
from talkpath.measure.thresholds import ECHO_SURE, FRAME_MS
from talkpath.report.material import Material
from talkpath.report.model import Span, Talk

LEAST_ECHO_MS = 200  # what the call believed for a shorter time was none


def measures_of(material: Material, caller: Sequence[Span], agent: Sequence[Span]) -> CallMeasures:
    """A recording's own; a log's, with who spoke when from its events and the echo from what the call knew."""
    if material.measures is not None:
        return material.measures
    return measure_samples(
        material.caller,
        material.heard if material.heard_is_known else None,
        material.sample_rate_hz,
        (_frames(caller), _frames(agent)),
        _echo(material),
        [at.at_s * 1000 for at in material.events if isinstance(at.event, e.UserDtmf | e.DtmfSent)],
    )


def spans_in_s(found: Spans, kind: str, numbered: bool = False) -> list[Span]:
    """Frames as seconds; numbered ones are u1, u2 …"""
    step_s = FRAME_MS / 1000
    return [
        Span(start * step_s, stop * step_s, kind, f"u{i}" if numbered else "")
        for i, (start, stop) in enumerate(found.tolist(), 1)
    ]


def talk_of(measures: CallMeasures) -> Talk:
    """Shares, overlaps and dead air."""
    caller, agent = measures.caller, measures.agent
    return Talk(
        caller_s=caller.speech_s,
        agent_s=agent.speech_s if agent is not None else 0.0,
        caller_share=caller.talk_share or 0.0,
        agent_share=(agent.talk_share if agent is not None else None) or 0.0,
        overlap_s=float(measures.both_speak.sum()) * FRAME_MS / 1000,
        overlaps=tuple(spans_in_s(measures.talk_over, "overlap")),
        dead_air=tuple(spans_in_s(measures.dead_air, "dead air")),
    )


def _frames(spans: Sequence[Span]) -> Spans:
    step_s = FRAME_MS / 1000
    edges = [(round(s.start_s / step_s), max(round(s.start_s / step_s) + 1, round(s.end_s / step_s))) for s in spans]
    return np.asarray(edges, np.int64).reshape(-1, 2)


def _echo(material: Material) -> Echo | None:
    """As the call knew it, frame by frame."""
    track = material.track
    known = (track.echo_likelihood > ECHO_SURE) & (track.erl_db > 0)
    if int(known.sum()) * material.frame_ms < LEAST_ECHO_MS:
        return None
    delays = track.echo_delay_ms[known]
    delays = delays[~np.isnan(delays)]
    delay_ms = round(float(np.median(delays)), 1) if len(delays) else None
    return Echo(delay_ms, round(float(np.median(track.erl_db[known])), 1))
