"""Who spoke when: the caller by the engine's events, the agent by what was sent while it spoke; silence, and both at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from talkpath.call import events as e
from talkpath.report.material import Material
from talkpath.report.model import Span, Talk
from talkpath.report.sound import active_spans

DEAD_AIR_S = 2.0
LEAST_OVERLAP_S = 0.1


def caller_spans(material: Material) -> list[Span]:
    """What the caller said."""
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
    sounds = active_spans(material.heard, material.sample_rate_hz)
    if material.source == "recording":
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


def dead_air(caller: Sequence[Span], agent: Sequence[Span], duration_s: float) -> list[Span]:
    """Where nobody spoke for more than 2 s, from the first word on."""
    anybody = merged([*caller, *agent], "")
    if not anybody:
        return [Span(0.0, duration_s, "dead air")] if duration_s > DEAD_AIR_S else []
    edges = [(a.end_s, b.start_s) for a, b in zip(anybody, [*anybody[1:], Span(duration_s, duration_s)], strict=True)]
    edges.insert(0, (0.0, anybody[0].start_s))
    return [Span(start_s, end_s, "dead air") for start_s, end_s in edges if end_s - start_s > DEAD_AIR_S]


def talk_of(
    caller: Sequence[Span], agent: Sequence[Span], keys: Sequence[Span], duration_s: float, both_known: bool
) -> Talk:
    """Shares, overlaps and dead air, which a key ends too; without the agent's side nobody can say when the air was dead."""
    overlaps = [s for s in common(caller, agent, "overlap") if s.length_s >= LEAST_OVERLAP_S]
    caller_s, agent_s = sum(s.length_s for s in caller), sum(s.length_s for s in agent)
    whole_s = max(duration_s, 1e-9)
    return Talk(
        caller_s=caller_s,
        agent_s=agent_s,
        caller_share=caller_s / whole_s,
        agent_share=agent_s / whole_s,
        overlap_s=sum(s.length_s for s in overlaps),
        overlaps=tuple(overlaps),
        dead_air=tuple(dead_air([*caller, *keys], agent, duration_s)) if both_known else (),
    )
