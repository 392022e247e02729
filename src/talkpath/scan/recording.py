"""One recording → its row and its events. The same function works in every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import numpy as np

from talkpath._types import Samples
from talkpath.errors import FormatError
from talkpath.recordings import Recording, are_equal, chosen_sides
from talkpath.scan import line
from talkpath.scan.columns import CALLS, EVENTS, Row, empty
from talkpath.scan.side import FRAME_MS, RATE_HZ, Side
from talkpath.wav import Source

HEAD_S = 120  # of the beginning is kept: equal channels, who answered and the echo are judged by it
CLIPPED = 32000 / 32768


class Scanned(NamedTuple):
    """What became of a recording: a row of `CALLS` and rows of `EVENTS`; what only the archive knows (`path`, …) is None."""

    row: Row
    events: list[Row]


class _Kept(NamedTuple):
    pcm: Samples  # shape (n, channels), at 8 kHz
    clipped: list[int]
    samples: int


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


def _pieces(recording: Recording, max_hours: float) -> Iterator[_Kept]:
    """The recording at 8 kHz, and what was clipped in the file."""
    if recording.duration_s > max_hours * 3600:
        raise FormatError(f"{recording.duration_s / 3600:.1f} h: longer than {max_hours:g} h (--max-hours)")
    converter, seconds = recording.converter(RATE_HZ), 0.0
    for block in recording.blocks():
        seconds += len(block) / recording.sample_rate_hz
        if seconds > max_hours * 3600:
            raise FormatError(f"longer than {max_hours:g} h (--max-hours)")
        # Two comparisons beat np.abs, and most blocks have nothing near full scale.
        clipped = [0] * recording.channels
        if block.max() >= CLIPPED or block.min() <= -CLIPPED:
            clipped = [int(n) for n in ((block >= CLIPPED) | (block <= -CLIPPED)).sum(axis=0)]
        yield _Kept(converter.process(block), clipped, len(block))
    yield _Kept(
        converter.process(np.zeros((0, recording.channels), np.float32), last=True), [0] * recording.channels, 0
    )


def _scan(recording: Recording, channels: str, max_hours: float) -> Scanned:
    pieces = _pieces(recording, max_hours)
    head: list[_Kept] = []
    kept = 0
    for piece in pieces:
        head.append(piece)
        kept += len(piece.pcm)
        if kept >= HEAD_S * RATE_HZ:
            break
    beginning = np.concatenate([piece.pcm for piece in head]) if head else np.zeros((0, recording.channels), np.int16)
    if not len(beginning):
        raise FormatError("no samples")

    def equal() -> bool:
        return are_equal(beginning[:, 0], beginning[:, 1])

    chosen = chosen_sides(recording.channels, channels, equal)
    take = [_taker(channel) for channel in chosen]
    parties = [Side(hears_line=number == 0) for number in range(len(chosen))]
    samples = 0
    for piece in _chained(head, pieces):
        samples += len(piece.pcm)
        for party, channel, of in zip(parties, chosen, take, strict=True):
            party.process(of(piece.pcm))
            party.count_clipped(max(piece.clipped) if channel < 0 else piece.clipped[channel], piece.samples)
    for party in parties:
        party.finish()
    beginnings = [np.ascontiguousarray(of(beginning)) for of in take]
    row, events = _told(parties, beginnings)
    one = "equal" if channels == "auto" and recording.channels == 2 else "one"
    row |= {
        "encoding": recording.encoding,
        "sample_rate_hz": recording.sample_rate_hz,
        "channels": recording.channels,
        "sides": "two" if len(parties) == 2 else one,
        "duration_s": round(samples / RATE_HZ, 3),
    }
    return Scanned({**empty(CALLS), **row}, sorted(events, key=_in_order))


def _chained(head: list[_Kept], rest: Iterator[_Kept]) -> Iterator[_Kept]:
    yield from head
    yield from rest


def _taker(channel: int) -> Callable[[Samples], Samples]:
    def mean(pcm: Samples) -> Samples:
        mixed: Samples = np.rint(pcm.mean(axis=1)).astype(np.int16)
        return mixed

    def one(pcm: Samples) -> Samples:
        return np.ascontiguousarray(pcm[:, channel])

    return mean if channel < 0 else one


def _told(parties: list[Side], beginnings: list[Samples]) -> tuple[Row, list[Row]]:
    caller, agent = parties[0], parties[1] if len(parties) == 2 else None
    events = [
        event for name, party in zip(("caller", "agent"), parties, strict=False) for event in _of_side(name, party)
    ]
    row: Row = {"beeps": len(caller.beeps), "tones": ",".join(dict.fromkeys(tone.tone for tone in caller.tones))}
    row |= caller.columns("caller")
    if caller.beeps:
        row |= {"beep_ms": _ms(caller.beeps[0].end_ms), "beep_hz": round(caller.beeps[0].frequency_hz, 1)}
    verdict = line.who_answered(
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
    dead = line.dead_air(caller, agent)
    lengths_s = (dead[:, 1] - dead[:, 0]) * FRAME_MS / 1000
    row |= {
        "dead_air_s": round(float(lengths_s.sum()), 2),
        "longest_dead_air_s": round(float(lengths_s.max(initial=0)), 2),
    }
    events += [_event("dead_air", start * FRAME_MS, stop * FRAME_MS) for start, stop in dead.tolist()]
    if agent is not None:
        row |= agent.columns("agent")
        both = caller.speaks & agent.speaks
        silent = line.silent_side(caller, agent)
        row |= {"talk_over_share": round(float(both.mean()), 4) if len(both) else None,
                "one_way_audio": silent is not None, "silent_side": silent}  # fmt: skip
        events += [_event("talk_over", a * FRAME_MS, b * FRAME_MS) for a, b in line.talk_over(caller, agent).tolist()]
        found = line.echo(beginnings[0], beginnings[1])
        if found is not None:
            row |= {"echo_delay_ms": found[0], "echo_return_loss_db": found[1]}
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
