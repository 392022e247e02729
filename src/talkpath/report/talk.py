"""Who spoke when: the caller by the engine's events, the agent by what was sent while it spoke."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from talkpath.call import events as e
from talkpath.measure.frames import said_spans
from talkpath.report.material import Material
from talkpath.report.measuring import spans_in_s
from talkpath.report.model import Span


def caller_spans(material: Material) -> list[Span]:
    """What the caller said: as the call knew it, and of a recording as it is measured."""
    if material.measures is not None:
        return spans_in_s(material.measures.caller.speech, "caller")
    found, onset_s = [], None
    for at_s, event in ((at.at_s, at.event) for at in material.events):
        if isinstance(event, e.UserSpeechStarted):
            onset_s = max(0.0, at_s - (event.timestamp_ms - event.onset_ms) / 1000)
        elif isinstance(event, e.UserSpeechStopped) and onset_s is not None:
            end_s = at_s
            if event.duration_ms > 0:
                end_s -= (event.timestamp_ms - event.onset_ms - event.duration_ms) / 1000
            found.append(Span(onset_s, max(onset_s, end_s), "caller"))
            onset_s = None
    if onset_s is not None:
        found.append(Span(onset_s, material.duration_s, "caller"))
    return merged(found, "caller")


def agent_spans(material: Material) -> list[Span]:
    """What the caller heard of the agent's: sound, and in a log only while the agent spoke, so that a background is nobody's speech."""
    if material.measures is not None:
        agent = material.measures.agent
        return [] if agent is None else spans_in_s(agent.speech, "agent", numbered=True)
    edges = said_spans(material.heard, material.sample_rate_hz) / material.sample_rate_hz
    sounds = [Span(start_s, end_s, "agent") for start_s, end_s in edges.tolist()]
    if material.source == "session":  # as it was heard, which was later
        return sounds
    speaking: list[Span] = []
    since_s: float | None = None
    for at in material.events:
        if isinstance(at.event, e.AgentStateChanged):
            if at.event.new_state == "speaking" and since_s is None:
                since_s = at.at_s
            elif at.event.new_state != "speaking" and since_s is not None:
                speaking.append(Span(since_s, at.at_s))
                since_s = None
    if since_s is not None:
        speaking.append(Span(since_s, material.duration_s))
    return [Span(s.start_s, s.end_s, "agent") for s in common(sounds, speaking) if s.length_s > 0.02]


def paused_spans(material: Material, agent: Sequence[Span]) -> list[Span]:
    """Where the agent stood still in the middle of an utterance."""
    found = []
    ends = (e.AgentFalseInterruption, e.AgentSpeechCompleted, e.AgentSpeechStarted)
    cuts = [at.at_s for at in material.events if isinstance(at.event, e.AgentSpeechInterrupted)]
    for i, at in enumerate(material.events):
        if isinstance(at.event, e.AgentSpeechPaused):
            later = [x.at_s for x in material.events[i + 1 :] if isinstance(x.event, ends)]
            cut = [cut_s for cut_s in cuts if cut_s > at.at_s - 0.1]
            sounds = [s.start_s for s in agent if s.start_s > at.at_s + 0.05]
            end_s = min([*later[:1], *cut[:1], *sounds[:1], material.duration_s])
            if end_s > at.at_s:
                found.append(Span(at.at_s, end_s, "paused"))
    return merged(found, "paused")


def merged(spans: Iterable[Span], kind: str) -> list[Span]:
    """Those that touch become one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start_s):
        if found and span.start_s <= found[-1].end_s + 1e-6:
            found[-1] = Span(found[-1].start_s, max(found[-1].end_s, span.end_s), kind)
        else:
            found.append(Span(span.start_s, span.end_s, kind))
    return found


def common(some: Sequence[Span], others: Sequence[Span], kind: str = "") -> list[Span]:
    """Where both are."""
    found, i, k = [], 0, 0
    while i < len(some) and k < len(others):
        start_s, end_s = max(some[i].start_s, others[k].start_s), min(some[i].end_s, others[k].end_s)
        if start_s < end_s:
            found.append(Span(start_s, end_s, kind))
        if some[i].end_s < others[k].end_s:
            i += 1
        else:
            k += 1
    return found
