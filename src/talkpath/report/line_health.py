"""What the line did, measured in the sound: levels, clipping, noise, DC, echo, loss, lateness. Each judged by a rule that it says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from talkpath.measure import CallMeasures
from talkpath.measure.frames import dbov
from talkpath.measure.line import Echo
from talkpath.measure.side import Side
from talkpath.measure.thresholds import ECHO_SURE, ONE_WAY_CALL_MS, ONE_WAY_SILENT_MS
from talkpath.report.material import Material
from talkpath.report.model import AMBER, GREEN, RED, UNKNOWN, HealthRow, Span
from talkpath.report.sound import SILENCE_DBOV, spans_of

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


def sound_rows(material: Material, measures: CallMeasures) -> list[HealthRow]:
    """Levels, one-way audio, clipping, noise, DC."""
    caller, agent = measures.caller, measures.agent
    rows = [_one_way(material, measures)]
    rows.append(_level_row("caller_level", "Caller's level", measures.caller_dbov))
    if agent is not None:
        rows.append(_level_row("agent_level", "Agent's level", measures.agent_dbov))
    rows.append(_clipping("caller_clipping", "Caller clipped", caller))
    if agent is not None:
        rows.append(_clipping("agent_clipping", "Agent clipped", agent))
    noise = judged("noise_floor", "Noise of the caller's line", caller.noise_dbov, "dBov", Limits(-50.0, -40.0),
                   "nine tenths of the frames are louder")  # fmt: skip
    silent = noise.value is None and caller.frames > 0
    rows.append(replace(noise, verdict=GREEN, detail="digital silence") if silent else noise)
    pcm = material.caller
    offset = float(np.abs(pcm.mean(dtype=np.float64))) / 32768 * 100 if len(pcm) else None
    rows.append(judged("dc", "DC of the caller's line", offset, "% of full scale", Limits(0.5, 2.0)))
    return rows


def _level_row(name: str, label: str, level: float | None) -> HealthRow:
    rule = "amber below -32 or above -12 dBov, red below -38 or above -6 dBov, while there is speech"
    if level is None:
        return HealthRow(name, label, None, "dBov", UNKNOWN, rule, "no speech")
    verdict = RED if level < -38 or level > -6 else AMBER if level < -32 or level > -12 else GREEN
    return HealthRow(name, label, level, "dBov", verdict, rule, f"{abs(level + 20):.0f} dB {'below' if level < -20 else 'above'} -20 dBov")  # fmt: skip


def _one_way(material: Material, measures: CallMeasures) -> HealthRow:
    rule = "in a call of 5 s or more: red, one side is never heard and the other is; amber, neither is"
    name, label = "one_way_audio", "Both ways"
    caller_s = measures.caller.speech_s
    agent_s = measures.agent.speech_s if measures.agent is not None else None
    silent = measures.silent_side
    long = material.duration_s * 1000 >= ONE_WAY_CALL_MS
    if silent == "caller" or (long and caller_s * 1000 < ONE_WAY_SILENT_MS):
        power = np.percentile(measures.caller.power, 95) if measures.caller.frames else 0.0
        detail = f"nothing is heard of the caller (95 % of what comes is below {dbov(float(power)) or SILENCE_DBOV:.0f} dBov)"
        return HealthRow(name, label, caller_s, "s of the caller", RED if silent else AMBER, rule, detail)
    if agent_s is not None and (silent == "agent" or (long and agent_s * 1000 < ONE_WAY_SILENT_MS)):
        verdict = RED if silent else AMBER
        return HealthRow(name, label, agent_s, "s of the agent", verdict, rule, "nothing is sent to the caller")
    known = "" if agent_s is not None else "what the caller heard is not in the recording"
    value = caller_s if agent_s is None else min(caller_s, agent_s)
    return HealthRow(name, label, value, "s of the quieter side", GREEN if long else UNKNOWN, rule, known)


def _clipping(name: str, label: str, side: Side) -> HealthRow:
    """Share of the samples that lie at the codec's end."""
    share = None if side.clipping_share is None else 100 * side.clipping_share
    return judged(name, label, share, "% of samples", Limits(0.05, 0.5), "", side.first_clipped_s)


def echo_spans(material: Material) -> list[Span]:
    """Where the engine knew that the line returns the agent's voice."""
    track = material.track
    if not len(track.at_s):
        return []
    is_echo = (track.echo_likelihood > ECHO_SURE) & (track.erl_db > 0) & (track.erl_db < 40)
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


def network_rows(material: Material, echo: Echo | None) -> list[HealthRow]:
    """Echo, loss, lateness, underruns."""
    rows = [_echo(material, echo), _echo_delay(echo)]
    track, frame_ms, metrics = material.track, material.frame_ms, material.metrics
    loss, concealed = Limits(1.0, 5.0), Limits(60.0, 200.0)
    late, gaps = Limits(0.5, 2.0), Limits(0.0, 5.0)
    if metrics is None:
        why = "a recording does not say"
        return [
            *rows,
            judged("loss", "Lost from the caller", None, "%", loss, why),
            judged("concealed", "Concealed in all", None, "ms", Limits(500.0, 2000.0), why),
            judged("late_frames", "Late from the caller", None, "%", late, why),
            judged("jitter", "Jitter of the caller's frames", None, "ms", Limits(20.0, 60.0), why),
            judged("underruns", "Speech ran dry", None, "times", Limits(0.0, 3.0), why),
        ]
    n = max(1, len(track.is_lost))
    lost_ms = float(track.is_lost.sum()) * frame_ms
    runs = lost_spans(material)
    longest = max(runs, key=lambda s: s.length_s, default=None)
    rows.append(judged("loss", "Lost from the caller", 100 * float(track.is_lost.sum()) / n, "%", loss,
                       f"{int(track.is_lost.sum())} of {n} frames, {lost_ms:.0f} ms concealed", runs[0].start_s if runs else None))  # fmt: skip
    rows.append(judged("concealed", "Concealed in all", lost_ms, "ms", Limits(500.0, 2000.0)))
    rows.append(judged("longest_loss", "Longest loss", longest.length_s * 1000 if longest else 0.0, "ms", concealed,
                       at_s=longest.start_s if longest else None))  # fmt: skip
    is_late = track.late_ms > LATE_MS
    worst = float(track.late_ms.max()) if len(track.late_ms) else 0.0
    first = float(track.at_s[int(np.argmax(is_late))]) if is_late.any() else None
    p99 = float(np.percentile(track.late_ms, 99)) if len(track.late_ms) else 0.0
    rows.append(judged("late_frames", "Late from the caller", 100 * float(is_late.mean()) if len(is_late) else None, "%", late,
                       f"frames more than {LATE_MS:.0f} ms late; 99 % are within {p99:.0f} ms, the worst is {worst:.0f} ms (in steps of {frame_ms:.0f} ms)", first))  # fmt: skip
    p95 = float(np.percentile(track.late_ms, 95)) if len(track.late_ms) else None
    rows.append(judged("jitter", "Jitter of the caller's frames", p95, "ms", Limits(20.0, 60.0),
                       "95 % come so soon after the line's usual time", first))  # fmt: skip
    rows.append(judged("underruns", "Speech ran dry", float(metrics.underruns), "times", Limits(0.0, 3.0),
                       "the synthesiser was too slow", _first(material, "agent.speech_underrun")))  # fmt: skip
    rows.append(judged("timestamp_gaps", "Jumps in the provider's times", float(metrics.timestamp_gaps), "times", gaps))
    return rows


def _first(material: Material, kind: str) -> float | None:
    return next((at.at_s for at in material.events if at.event.type == kind), None)


def _echo(material: Material, echo: Echo | None) -> HealthRow:
    limits = Limits(30.0, 18.0, low=True)
    name, label = "echo", "Echo return loss"
    rule = f"{limits.rule('dB')}; the agent's own voice comes back from the caller's line, so many dB down"
    if not material.heard_is_known:
        return HealthRow(name, label, None, "dB", UNKNOWN, rule, "what the caller heard is not known")
    if echo is None:
        return HealthRow(name, label, None, "dB", GREEN, rule, "no echo was found")
    delay = "delay unknown" if echo.delay_ms is None else f"{echo.delay_ms:.0f} ms after it was sent"
    found = echo_spans(material)
    return judged(name, label, echo.return_loss_db, "dB", limits, delay, found[0].start_s if found else None)


def _echo_delay(echo: Echo | None) -> HealthRow:
    delay_ms = None if echo is None else echo.delay_ms
    rule = "not judged: the echo control follows it"
    return HealthRow("echo_delay", "Echo delay", delay_ms, "ms", UNKNOWN if delay_ms is None else GREEN, rule)
