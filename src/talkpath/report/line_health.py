"""What the line did, measured in the sound: levels, clipping, noise, DC, echo, loss, lateness. Each judged by a rule that it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from talkpath._types import Samples
from talkpath.report.material import Material
from talkpath.report.model import AMBER, GREEN, RED, UNKNOWN, HealthRow, Span
from talkpath.report.sound import block_levels_dbov, spans_of

ECHO_IS_LIKELY = 0.5
LATE_MS = 30.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a value becomes amber, and red; `low` says that less is worse."""

    amber: float
    red: float
    low: bool = False

    def verdict(self, value: float) -> str:
        """Of a value."""
        if self.low:
            return RED if value < self.red else AMBER if value < self.amber else GREEN
        return RED if value > self.red else AMBER if value > self.amber else GREEN

    def rule(self, unit: str) -> str:
        """In words."""
        word = "below" if self.low else "above"
        return f"amber {word} {self.amber:g} {unit}, red {word} {self.red:g} {unit}".replace("  ", " ")


def judged(
    name: str, label: str, value: float | None, unit: str, limits: Limits, detail: str = "", at_s: float | None = None
) -> HealthRow:
    """A row whose verdict follows from limits; None: it could not be measured."""
    verdict = UNKNOWN if value is None else limits.verdict(value)
    return HealthRow(name, label, value, unit, verdict, limits.rule(unit), detail, at_s)


def sound_rows(material: Material, caller: Sequence[Span], agent: Sequence[Span]) -> list[HealthRow]:
    """Levels, one-way audio, clipping, noise, DC."""
    rate_hz, pcm = material.sample_rate_hz, material.caller
    levels = block_levels_dbov(pcm, rate_hz)
    talks = flags_of(caller, len(levels))
    sent = flags_of(agent, len(levels), after_s=0.5)
    lost = flags_of(lost_spans(material), len(levels))
    quiet = levels[~talks & ~sent & ~lost]
    floor = float(np.percentile(quiet, 20)) if len(quiet) >= 50 else None
    alone = talks & ~sent if int((talks & ~sent).sum()) >= 10 else talks
    voiced = levels[alone & (levels > (floor if floor is not None else -70.0) + 6)]
    level = float(10 * np.log10((10 ** (voiced / 10)).mean())) if len(voiced) else None
    rows = [_one_way(material, caller, agent, levels)]
    rows.append(_level_row("caller_level", "Caller's level", level, bool(caller)))
    heard_levels = block_levels_dbov(material.heard, rate_hz)
    said = heard_levels[flags_of(agent, len(heard_levels)) & (heard_levels > -55)]
    agent_level = float(10 * np.log10((10 ** (said / 10)).mean())) if len(said) else None
    if material.heard_is_known:
        rows.append(_level_row("agent_level", "Agent's level", agent_level, bool(agent)))
    rows.append(_clipping("caller_clipping", "Caller clipped", pcm, material.full_scale, rate_hz))
    if material.heard_is_known:
        rows.append(_clipping("agent_clipping", "Agent clipped", material.heard, material.full_scale, rate_hz))
    rows.append(judged("noise_floor", "Noise of the caller's line", floor, "dBov", Limits(-50.0, -40.0),
                       "the quietest fifth of what comes while nobody speaks"))  # fmt: skip
    offset = float(np.abs(pcm.mean(dtype=np.float64))) / 32768 * 100 if len(pcm) else None
    rows.append(judged("dc", "DC of the caller's line", offset, "% of full scale", Limits(0.5, 2.0)))
    return rows


def _level_row(name: str, label: str, level: float | None, speaks: bool) -> HealthRow:
    rule = "amber below -32 or above -12 dBov, red below -38 or above -6 dBov, while there is speech"
    if level is None:
        return HealthRow(name, label, None, "dBov", UNKNOWN, rule, "" if speaks else "no speech")
    verdict = RED if level < -38 or level > -6 else AMBER if level < -32 or level > -12 else GREEN
    return HealthRow(name, label, level, "dBov", verdict, rule, f"{abs(level + 20):.0f} dB {'below' if level < -20 else 'above'} -20 dBov")  # fmt: skip


def _one_way(
    material: Material, caller: Sequence[Span], agent: Sequence[Span], levels: npt.NDArray[np.float64]
) -> HealthRow:
    rule = "red: one side is never heard in a call longer than 5 s"
    caller_s, agent_s = sum(s.length_s for s in caller), sum(s.length_s for s in agent)
    loudest = float(np.percentile(levels, 95)) if len(levels) else -96.0
    name, label = "one_way_audio", "Both ways"
    long = material.duration_s > 5.0
    if long and caller_s < 0.3:
        detail = f"nothing is heard of the caller (95 % of what comes is below {loudest:.0f} dBov)"
        return HealthRow(name, label, caller_s, "s of the caller", RED, rule, detail)
    if long and material.heard_is_known and agent_s < 0.3:
        return HealthRow(name, label, agent_s, "s of the agent", RED, rule, "nothing is sent to the caller")
    known = "" if material.heard_is_known else "what the caller heard is not in the recording"
    return HealthRow(name, label, min(caller_s, agent_s) if material.heard_is_known else caller_s, "s of the quieter side",
                     GREEN if long else UNKNOWN, rule, known)  # fmt: skip


def _clipping(name: str, label: str, pcm: Samples, full_scale: int, rate_hz: int) -> HealthRow:
    """Share of the sounding samples that lie at the codec's end."""
    wide = np.abs(pcm.astype(np.int32))
    at_end = wide >= int(full_scale * 0.985)
    sounding = int((wide > 100).sum())
    share = 100 * float(at_end.sum()) / sounding if sounding > rate_hz // 10 else 0.0
    where = np.flatnonzero(at_end)
    return judged(name, label, share, "% of samples", Limits(0.1, 1.0), "", float(where[0]) / rate_hz if len(where) else None)  # fmt: skip


def flags_of(spans: Sequence[Span], blocks: int, after_s: float = 0.0, block_s: float = 0.02) -> npt.NDArray[np.bool_]:
    """Blocks that lie in the spans, or so shortly after."""
    flags = np.zeros(blocks, np.bool_)
    for s in spans:
        flags[int(s.start_s / block_s) : int(np.ceil((s.end_s + after_s) / block_s))] = True
    return flags


def echo_spans(material: Material) -> list[Span]:
    """Where the engine knew that the line returns the agent's voice."""
    track = material.track
    if not len(track.at_s):
        return []
    is_echo = (track.echo_likelihood > ECHO_IS_LIKELY) & (track.erl_db > 0) & (track.erl_db < 40)
    return spans_of(is_echo, material.frame_ms / 1000, 0.1, "echo")


def lost_spans(material: Material) -> list[Span]:
    """Frames of the caller's that never came."""
    return _marked(material, material.track.is_lost, "lost")


def late_spans(material: Material) -> list[Span]:
    """Frames of the caller's that came late."""
    return _marked(material, material.track.late_ms > LATE_MS, "late")


def _marked(material: Material, flags: npt.NDArray[np.bool_], kind: str) -> list[Span]:
    step_s = material.frame_ms / 1000
    at_s = material.track.at_s
    runs = spans_of(flags, 1.0)
    return [Span(float(at_s[int(r.start_s)]), float(at_s[int(r.end_s) - 1]) + step_s, kind) for r in runs]


def network_rows(material: Material) -> list[HealthRow]:
    """Echo, loss, lateness, underruns."""
    rows = [_echo(material)]
    track, frame_ms, metrics = material.track, material.frame_ms, material.metrics
    loss, concealed = Limits(1.0, 5.0), Limits(60.0, 200.0)
    late, gaps = Limits(0.5, 2.0), Limits(0.0, 5.0)
    if metrics is None:
        why = "a recording does not say"
        return [
            *rows,
            judged("loss", "Lost from the caller", None, "%", loss, why),
            judged("late_frames", "Late from the caller", None, "%", late, why),
            judged("underruns", "Speech ran dry", None, "times", Limits(0.0, 3.0), why),
        ]
    n = max(1, len(track.is_lost))
    lost_ms = float(track.is_lost.sum()) * frame_ms
    runs = lost_spans(material)
    longest = max(runs, key=lambda s: s.length_s, default=None)
    rows.append(judged("loss", "Lost from the caller", 100 * float(track.is_lost.sum()) / n, "%", loss,
                       f"{int(track.is_lost.sum())} of {n} frames, {lost_ms:.0f} ms concealed", runs[0].start_s if runs else None))  # fmt: skip
    rows.append(judged("longest_loss", "Longest loss", longest.length_s * 1000 if longest else 0.0, "ms", concealed,
                       at_s=longest.start_s if longest else None))  # fmt: skip
    is_late = track.late_ms > LATE_MS
    worst = float(track.late_ms.max()) if len(track.late_ms) else 0.0
    first = float(track.at_s[int(np.argmax(is_late))]) if is_late.any() else None
    p99 = float(np.percentile(track.late_ms, 99)) if len(track.late_ms) else 0.0
    rows.append(judged("late_frames", "Late from the caller", 100 * float(is_late.mean()) if len(is_late) else None, "%", late,
                       f"frames more than {LATE_MS:.0f} ms late; 99 % are within {p99:.0f} ms, the worst is {worst:.0f} ms (in steps of {frame_ms:.0f} ms)", first))  # fmt: skip
    rows.append(judged("underruns", "Speech ran dry", float(metrics.underruns), "times", Limits(0.0, 3.0),
                       "the synthesiser was too slow", _first(material, "agent.speech_underrun")))  # fmt: skip
    rows.append(judged("timestamp_gaps", "Jumps in the provider's times", float(metrics.timestamp_gaps), "times", gaps))
    return rows


def _first(material: Material, kind: str) -> float | None:
    return next((at.at_s for at in material.events if at.event.type == kind), None)


def _echo(material: Material) -> HealthRow:
    limits = Limits(30.0, 18.0, low=True)
    name, label = "echo", "Echo return loss"
    rule = f"{limits.rule('dB')}; the agent's own voice comes back from the caller's line, so many dB down"
    if not material.heard_is_known:
        return HealthRow(name, label, None, "dB", UNKNOWN, rule, "what the caller heard is not known")
    track = material.track
    known = (track.echo_likelihood > ECHO_IS_LIKELY) & (track.erl_db > 0)
    if int(known.sum()) * material.frame_ms < 200:
        return HealthRow(name, label, None, "dB", GREEN, rule, "no echo was found")
    erl_db = float(np.median(track.erl_db[known]))
    delays = track.echo_delay_ms[known]
    delays = delays[~np.isnan(delays)]
    delay = f"{np.median(delays):.0f} ms after it was sent" if len(delays) else "delay unknown"
    first_s = float(track.at_s[int(np.argmax(known))])
    return HealthRow(name, label, erl_db, "dB", limits.verdict(erl_db), rule, delay, first_s)
