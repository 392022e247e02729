"""The table of interruptions: what the caller said while the agent spoke, what became of it, and the evidence that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from talkpath.call import events as e
from talkpath.report.material import Material
from talkpath.report.model import Interruption, Span
from talkpath.report.sound import block_levels_dbov, spans_of

SAME_S = 0.15  # an event so near to another is about the same
SHORT_MS = 400.0  # speech as short as this cut the agent: no sentence
LEAST_S = 0.3
STOPS_S = 1.5  # an agent that falls silent so soon after the caller began was interrupted
BACKCHANNEL_S = 1.0
ECHO_SLACK_DB = 6.0  # an echo may be so much louder than its line's usual
REFUSED = 0.3  # less evidence than this is not worth a row


def interruptions_of(material: Material, caller: Sequence[Span], agent: Sequence[Span]) -> list[Interruption]:
    """Every time that the caller spoke while the agent did, in order."""
    if material.source == "recording":
        return _measured(material, caller, agent)
    found: list[Interruption] = []
    paused_s: float | None = None
    for at in material.events:
        event = at.event
        if isinstance(event, e.AgentSpeechPaused):
            paused_s = at.at_s
        elif isinstance(event, e.UserBackchannel):
            onset_s = max(0.0, at.at_s - (event.timestamp_ms - event.onset_ms) / 1000)
            kind = "true" if event.is_interruption else "back-channel"
            in_it = paused_s if paused_s is not None and onset_s <= paused_s <= at.at_s + SAME_S else None
            found.append(_row(material, caller, kind, onset_s, at.at_s, in_it, event.total_duration_ms))
        elif isinstance(event, e.AgentFalseInterruption):
            began_s = at.at_s if paused_s is None else paused_s
            i = _about(found, began_s, at.at_s)
            if i is None:
                onset_s = max([s.start_s for s in caller if s.start_s <= began_s + SAME_S], default=began_s)
                found.append(_row(material, caller, "false", onset_s, at.at_s, paused_s, 0.0))
            else:
                found[i] = replace(found[i], kind="false", paused_s=paused_s)
            paused_s = None
    for (
        at
    ) in material.events:  # the clock of what is sent may be a frame ahead, so these come when all others are known
        if isinstance(at.event, e.AgentSpeechInterrupted):
            _cut(material, caller, found, at.at_s, at.event.playback_position_s)
    rows = [*(_doubted(material, row) for row in found), *_refused(material, caller, agent, found)]
    return sorted(rows, key=lambda row: row.onset_s)


def _cut(material: Material, caller: Sequence[Span], found: list[Interruption], at_s: float, heard_s: float) -> None:
    """An utterance was cut: by the caller, or by the orchestrator."""
    i = next((k for k, row in enumerate(found) if row.kind == "true" and row.heard_s is None
              and abs(row.decided_s - at_s) <= SAME_S), None)  # fmt: skip
    if i is not None:
        found[i] = replace(found[i], heard_s=heard_s)
    elif at_s < material.duration_s - material.frame_ms / 1000:  # at the call's end it is the end that cuts
        row = _row(material, caller, "orchestrator", at_s, at_s, None, 0.0)
        found.append(replace(row, heard_s=heard_s))


def _about(found: Sequence[Interruption], paused_s: float, ended_s: float) -> int | None:
    for k in range(len(found) - 1, -1, -1):
        if found[k].kind in ("back-channel", "true") and found[k].onset_s - SAME_S <= paused_s <= ended_s:
            return k if found[k].kind == "back-channel" and found[k].decided_s >= paused_s - SAME_S else None
    return None


def _row(
    material: Material,
    caller: Sequence[Span],
    kind: str,
    onset_s: float,
    decided_s: float,
    paused_s: float | None,
    caller_ms: float,
) -> Interruption:
    spoken = next((s for s in caller if s.start_s - SAME_S <= onset_s < s.end_s), None)
    length_ms = 0.0 if kind == "orchestrator" else max(caller_ms, spoken.length_s * 1000 if spoken else 0.0)
    track, rate_hz = material.track, material.sample_rate_hz
    during = (track.at_s >= onset_s - 0.02) & (track.at_s <= decided_s + 0.06)
    is_known = bool(during.any()) and kind != "orchestrator"
    levels = block_levels_dbov(material.caller[round(onset_s * rate_hz) : round((decided_s + 0.02) * rate_hz)], rate_hz)
    return Interruption(
        onset_s=onset_s,
        decided_s=decided_s,
        kind=kind,
        paused_s=paused_s,
        caller_ms=length_ms,
        evidence=float(track.evidence[during].max()) if is_known else None,
        caller_dbov=float(np.percentile(levels, 90)) if len(levels) and kind != "orchestrator" else None,
        echo_likelihood=float(track.echo_likelihood[during].max()) if is_known else None,
        heard_s=None,
        doubt="",
    )


def _doubted(material: Material, row: Interruption) -> Interruption:
    if row.kind != "true":
        return row
    why = []
    if row.caller_ms < SHORT_MS:
        why.append(f"only {row.caller_ms:.0f} ms of speech")
    track = material.track
    near = (track.at_s >= row.onset_s) & (track.at_s <= row.decided_s + 0.06)
    erl_db = float(np.median(track.erl_db[near])) if near.any() else 0.0
    if (row.echo_likelihood or 0.0) > 0.5 and 0 < erl_db < 12 and (row.evidence or 0.0) < 1.5:
        why.append(f"the line returns the agent's voice, {erl_db:.0f} dB down")
    return replace(row, doubt="; ".join(why))


def _refused(
    material: Material, caller: Sequence[Span], agent: Sequence[Span], found: Sequence[Interruption]
) -> list[Interruption]:
    """Sounds that had some evidence while the agent spoke, and came to nothing."""
    track, rows = material.track, []
    known = [*caller, *(Span(row.onset_s, row.decided_s) for row in found)]
    for run in spans_of(track.evidence > 0.1, 1.0, 5.0):
        first, last = int(run.start_s), int(run.end_s) - 1
        start_s, end_s = float(track.at_s[first]), float(track.at_s[last]) + material.frame_ms / 1000
        most = float(track.evidence[first : last + 1].max())
        is_over_agent = any(s.start_s < end_s and start_s < s.end_s for s in agent)
        if (
            most < REFUSED
            or not is_over_agent
            or any(s.start_s - SAME_S < end_s and start_s < s.end_s + SAME_S for s in known)
        ):
            continue
        row = _row(material, caller, "noise", start_s, end_s, None, 0.0)
        why = "too short or too weak" if most < 1 else "a sound, and no speech"
        if (row.echo_likelihood or 0.0) > 0.5:
            why += ", on a line that returns the agent's voice"
            if _as_loud_as_echo(material, row):
                row = replace(row, kind="echo")
        rows.append(replace(row, doubt=why))
    return rows


def _as_loud_as_echo(material: Material, row: Interruption) -> bool:
    """No louder than what the line returns of what was sent so much earlier: then it is that, and not a sound of the caller's."""
    track, rate_hz = material.track, material.sample_rate_hz
    near = (track.at_s >= row.onset_s) & (track.at_s <= row.decided_s)
    erl_db, delays_ms = float(np.median(track.erl_db[near])), track.echo_delay_ms[near]
    if row.caller_dbov is None or erl_db <= 0 or np.isnan(delays_ms).all():
        return False
    delay_s = float(np.nanmedian(delays_ms)) / 1000
    first, last = max(0.0, row.onset_s - delay_s), max(0.0, row.decided_s - delay_s)
    levels = block_levels_dbov(material.heard[round(first * rate_hz) : round((last + 0.02) * rate_hz)], rate_hz)
    return bool(len(levels)) and row.caller_dbov <= float(np.percentile(levels, 90)) - erl_db + ECHO_SLACK_DB


def _measured(material: Material, caller: Sequence[Span], agent: Sequence[Span]) -> list[Interruption]:
    """What a recording shows: who went on."""
    found = []
    for said in caller:
        spoken_over = next((s for s in agent if s.start_s < said.start_s < s.end_s), None)
        if spoken_over is None or min(said.end_s, spoken_over.end_s) - said.start_s < LEAST_S:
            continue
        if spoken_over.end_s < said.end_s and spoken_over.end_s - said.start_s <= STOPS_S:
            kind, decided_s = "true", spoken_over.end_s
        elif said.end_s < spoken_over.end_s:
            kind, decided_s = "back-channel" if said.length_s <= BACKCHANNEL_S else "talk-over", said.end_s
        else:
            kind, decided_s = "talk-over", spoken_over.end_s
        found.append(_row(material, caller, kind, said.start_s, decided_s, None, said.length_s * 1000))
    return found
