"""One recording → its row and its events. The same function works in every engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from talkpath.measure.recording import MeasuredRecording, measure_recording
from talkpath.measure.side import Side
from talkpath.measure.thresholds import FRAME_MS
from talkpath.recordings import Recording
from talkpath.scan.answered import who_answered
from talkpath.scan.columns import CALLS, EVENTS, Row, empty
from talkpath.wav import Source


class Scanned(NamedTuple):
    """What became of a recording: a row of `CALLS` and rows of `EVENTS`; what only the archive knows (`path`, …) is None."""

    row: Row
    events: list[Row]


def scan_recording(source: Source | IO[bytes], channels: str = "auto", max_hours: float = 12.0) -> Scanned:
    """Take a recording through the engine's detectors.

    Parameters
    ----------
    source : path, bytes or binary file
        As for `talkpath.recordings.Recording`.
    channels : str
        Who is on which channel, as for `talkpath.recordings.sides`.
    max_hours : float
        Longer ones are refused. Memory does not grow with the length but for some bytes a second.

    Raises
    ------
    FormatError, OSError
        It cannot be read.
    """
    recording = Recording(source)
    try:
        return _scan(recording, channels, max_hours)
    finally:
        recording.close()


def _scan(recording: Recording, channels: str, max_hours: float) -> Scanned:
    found = measure_recording(recording, channels, max_hours)
    row, events = _told(found)
    row |= {
        "encoding": recording.encoding,
        "sample_rate_hz": recording.sample_rate_hz,
        "channels": recording.channels,
        "sides": found.sides,
        "duration_s": found.duration_s,
    }
    return Scanned({**empty(CALLS), **row}, sorted(events, key=_in_order))


def _told(found: MeasuredRecording) -> tuple[Row, list[Row]]:
    measures, beginnings = found.measures, found.beginnings
    caller, agent = measures.caller, measures.agent
    parties = [("caller", caller, measures.caller_dbov)]
    if agent is not None:
        parties.append(("agent", agent, measures.agent_dbov))
    row: Row = {"beeps": len(caller.beeps), "tones": ",".join(dict.fromkeys(tone.tone for tone in caller.tones))}
    events: list[Row] = []
    for name, party, level_dbov in parties:
        events += _of_side(name, party)
        row |= {
            f"{name}_talk_share": party.talk_share,
            f"{name}_keys": "".join(key.digit for key in party.keys),
            f"{name}_level_dbov": level_dbov,
            f"{name}_peak_dbov": party.peak_dbov,
            f"{name}_noise_dbov": party.noise_dbov,
            f"{name}_clipping_share": party.clipping_share,
        }
    if caller.beeps:
        row |= {"beep_ms": _ms(caller.beeps[0].end_ms), "beep_hz": round(caller.beeps[0].frequency_hz, 1)}
    verdict = who_answered(
        caller, beginnings[0], beginnings[1] if agent else None, agent.speech if agent else caller.speech[:0]
    )
    if verdict is not None:
        row |= {
            "answered_by": verdict.result,
            "answered_ms": _ms(verdict.timestamp_ms),
            "answered_method": verdict.method,
        }
        events.append(
            _event("answered", verdict.timestamp_ms, side="caller", value=verdict.result, detail=verdict.method)
        )
    lengths_s = (measures.dead_air[:, 1] - measures.dead_air[:, 0]) * FRAME_MS / 1000
    row |= {
        "dead_air_s": round(float(lengths_s.sum()), 2),
        "longest_dead_air_s": round(float(lengths_s.max(initial=0)), 2),
    }
    events += [_event("dead_air", start * FRAME_MS, stop * FRAME_MS) for start, stop in measures.dead_air.tolist()]
    if agent is not None:
        silent = measures.silent_side
        row |= {
            "talk_over_share": measures.talk_over_share,
            "one_way_audio": silent is not None,
            "silent_side": silent,
        }
        events += [_event("talk_over", a * FRAME_MS, b * FRAME_MS) for a, b in measures.talk_over.tolist()]
    if measures.echo is not None:
        row |= {"echo_delay_ms": measures.echo.delay_ms, "echo_return_loss_db": measures.echo.return_loss_db}
    return row, events


def _of_side(name: str, party: Side) -> Iterator[Row]:
    for start, stop in party.speech.tolist():
        yield _event("speech", start * FRAME_MS, stop * FRAME_MS, side=name, level_dbov=party.level_of(start, stop))
    for key in party.keys:
        yield _event("key", key.start_ms, side=name, value=key.digit, level_dbov=round(key.level_dbov, 1))
    for tone in party.tones:
        yield _event("tone", tone.start_ms, side=name, value=tone.tone, detail=tone.plan)
    for beep in party.beeps:
        yield _event("beep", beep.start_ms, beep.end_ms, side=name, level_dbov=round(beep.level_dbov, 1),
                     frequency_hz=round(beep.frequency_hz, 1))  # fmt: skip


def _event(event: str, start_ms: float, end_ms: float | None = None, **fields: Any) -> Row:
    known = {"event": event, "start_ms": _ms(start_ms), "end_ms": None if end_ms is None else _ms(end_ms), **fields}
    return {**empty(EVENTS), **known}


def _ms(value: float) -> float:
    return round(float(value), 1)


def _in_order(event: Row) -> tuple[float, str, str]:
    return event["start_ms"], event["event"], event["side"] or ""
