"""A session's words, figures, tools and notes, on the report's axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from talkpath.call import events as e
from talkpath.report.material import At
from talkpath.report.model import Span
from talkpath.report.session_axis import Axis
from talkpath.report.session_model import Note, Said, SessionTold, ToolRun, TurnTimes
from talkpath.report.session_rows import Kept, SessionRows, epoch

MOST_CHARS = 4000  # of what a tool was given, and gave
SLACK_S = 0.3  # words may be there so long before the speech is over
# What the app was told besides: the type, and the fields that say what.
NOTES = {
    "agent.handoff": ("new_agent",),
    "session.error": ("code", "message"),
    "call.transferred": ("destination",),
    "user.idle": ("reason",),
    "llm.availability_changed": ("llm", "available"),
    "agent_tool.started": ("agent_tool_type",),
    "agent_tool.completed": ("agent_tool_type", "result"),
    "agent_tool.failed": ("agent_tool_type", "error"),
    "participant.added": ("role",),
    "participant.removed": ("role",),
}


def told_of(
    rows: SessionRows, axis: Axis, events: Sequence[At], caller: Sequence[Span], sound_from: str
) -> SessionTold:
    """All of it. `events`: the engine's, which say when each utterance was heard; `caller`: when he spoke."""
    row, call = rows.session, rows.call
    ended = next((kept.event for kept in reversed(rows.events) if kept.type == "session.ended"), {})
    usage: list[dict[str, Any]] = next(
        (kept.event["models"] for kept in reversed(rows.events) if kept.type == "session.usage"), []
    )
    said = [*_of_agent(rows, events), *_of_caller(rows, axis, caller)]
    return SessionTold(
        agent_session_id=row["agent_session_id"], call_uuid=row["call_uuid"], agent_uuid=row["agent_uuid"], agent_name=row["agent_name"],
        direction=str(call.get("direction") or ""), from_number=row["from_number"], to_number=row["to_number"],
        created_at=row["created_at"], ended_at=row["ended_at"] or "", state=row["state"],
        reason=row["reason"] or str(ended.get("reason") or ""), error=row["error"] or "", hangup_cause=str(call.get("cause") or ""),
        sound_from=sound_from,
        said=tuple(sorted(said, key=lambda s: s.at_s)),
        turns=tuple(_times(kept, axis) for kept in rows.events if kept.type == "turn.metrics"),
        tools=tuple(run for kept in rows.events if kept.type == "tool.executed" for run in _runs(kept, axis)),
        notes=tuple(_note(kept, axis) for kept in rows.events if kept.type in NOTES),
        usage=tuple(usage),
    )  # fmt: skip


def _of_agent(rows: SessionRows, events: Sequence[At]) -> list[Said]:
    starts: dict[str, float] = {}
    ends: dict[str, float] = {}
    for at in events:
        if isinstance(at.event, e.AgentSpeechStarted):
            starts.setdefault(at.event.utterance, at.at_s)
        elif isinstance(at.event, e.AgentSpeechCompleted | e.AgentSpeechInterrupted):
            ends[at.event.utterance] = at.at_s
    found = []
    for kept in rows.events:
        if kept.type == "talkpath.utterance":
            m = kept.event
            name = str(m["utterance"])
            at_s = starts.get(name, ends.get(name))
            if at_s is not None:
                found.append(
                    Said(at_s, max(at_s, ends.get(name, at_s)), "agent", m["text"], m["heard_text"], None, name)
                )
    return found


def _of_caller(rows: SessionRows, axis: Axis, caller: Sequence[Span]) -> list[Said]:
    """Each final text of the recogniser lies in the speech that it is of: the last that had begun, and what an earlier text has left of it."""
    found: list[Said] = []
    for kept in rows.events:
        if kept.type != "talkpath.heard" or kept.timestamp is None:
            continue
        known_s, text = axis.clock(kept.timestamp), str(kept.event["text"])
        speech = next((s for s in reversed(caller) if s.start_s < known_s + SLACK_S), None)
        at_s, end_s = (known_s, known_s) if speech is None else (speech.start_s, min(speech.end_s, known_s + SLACK_S))
        if found and found[-1].end_s > at_s:  # a part of the same speech
            at_s, end_s = min(found[-1].end_s, known_s), max(end_s, min(found[-1].end_s, known_s))
        found.append(Said(at_s, end_s, "caller", text, text, kept.event.get("confidence")))
    return found


def _times(kept: Kept, axis: Axis) -> TurnTimes:
    m = kept.event
    at = epoch(m.get("user_stopped_speaking_at")) or epoch(m.get("agent_started_speaking_at"))

    def ms(name: str) -> float | None:
        return None if m.get(name) is None else float(m[name])

    def who(part: str) -> str:
        return " ".join(str(m[name]) for name in (f"{part}_provider", f"{part}_model") if m.get(name))

    return TurnTimes(
        number=int(m["turn_number"]), at_s=None if at is None else axis.clock(at),
        user_text=m.get("user_text") or "", agent_text=m.get("agent_text") or "",
        agent_first=bool(m.get("agent_first")), interrupted=bool(m["interrupted"]),
        stt_ms=ms("stt_delay_ms"), decision_ms=ms("turn_decision_ms"), llm_ms=ms("llm_ttft_ms"), tts_ms=ms("tts_ttfb_ms"),
        perceived_ms=ms("user_perceived_ms"), stt=who("stt"), llm=who("llm"), tts=who("tts"), error_source=m.get("error_source") or "",
    )  # fmt: skip


def _runs(kept: Kept, axis: Axis) -> list[ToolRun]:
    at_s = axis.of(kept)
    return [ToolRun(at_s, c["name"], str(c["arguments"])[:MOST_CHARS], str(c["output"])[:MOST_CHARS], bool(c["is_error"]))
            for c in kept.event["calls"]]  # fmt: skip


def _note(kept: Kept, axis: Axis) -> Note:
    def plain(value: Any) -> str:
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    return Note(
        axis.of(kept), kept.type, ": ".join(plain(kept.event.get(name)) for name in NOTES[kept.type])[:MOST_CHARS]
    )
