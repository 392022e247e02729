"""A log of `call.record`, replayed: bit for bit what the call heard, sent, and knew."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from talkpath._types import Samples
from talkpath.call.events import Event
from talkpath.call.pipeline import CallPipeline
from talkpath.call.recording import MAGIC
from talkpath.call.replay import Step, steps
from talkpath.call.results import Received, Transmitted
from talkpath.errors import FormatError
from talkpath.report.material import At, Floats, Material, Queued, Track, places_ms


def is_log(path: str | os.PathLike[str]) -> bool:
    """The file begins as a log does."""
    with Path(path).open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


class _Reader:
    """Takes the steps of a log, and gathers what a report needs."""

    def __init__(self) -> None:
        self.call: CallPipeline | None = None
        self.frames: list[bytes | None] = []
        self.sent: list[bytes] = []
        self.taken: list[int] = []  # frames that had been sent when each was taken
        self.rows: list[tuple[float, ...]] = []
        self.events: list[tuple[int, float, Event]] = []  # frames received, and sent, before the clocks began
        self.queued: list[tuple[int, str, float]] = []
        self._began = (0, 0)
        self._waiting_ms = 0.0

    def take(self, step: Step) -> None:
        """One thing that was done."""
        call, result = step.call, step.result
        self.call = call
        metrics = call.metrics
        more_ms, self._waiting_ms = metrics.queued_ms - self._waiting_ms, metrics.queued_ms
        if result is None:
            if step.command == "reset":
                self._began = (len(self.frames), len(self.sent))
            elif step.command in ("speak", "play") and more_ms > 0:
                name = str(step.arguments[2]) if len(step.arguments) > 2 else ""
                self.queued.append((len(self.sent), name, more_ms / 1000))
            return
        self.events += [(*self._began, event) for event in result.events]
        if isinstance(result, Transmitted):
            self.sent.append(result.payload)
        elif isinstance(result, Received):
            self.frames.append(step.payload)
            self.taken.append(len(self.sent))
            self.rows.append((metrics.evidence, metrics.speech_probability, metrics.echo_likelihood, metrics.erl_db,
                              np.nan if metrics.echo_delay_ms is None else metrics.echo_delay_ms))  # fmt: skip


def read_log(path: str | os.PathLike[str]) -> Material:
    """Run a log again, and keep what a report needs.

    Raises
    ------
    FormatError
        Not a log, a broken one, or one without a frame.
    OSError
        It cannot be read.

    Notes
    -----
    The axis is the clock of what was sent, for a server sends by its own clock. The log says, for each frame of the caller's, how much
    had been sent when it was taken: that places it, and what is later than its neighbours was late. Lateness is told in whole frames.
    """
    reader = _Reader()
    for step in steps(path):
        reader.take(step)
    call = reader.call
    if call is None or not (reader.frames or reader.sent):
        raise FormatError(f"{os.fspath(path)}: the log has no frame")
    frame_ms = float(call.config.frame_ms)
    taken_ms: Floats = np.asarray(reader.taken, np.float64) * frame_ms
    if not reader.sent:  # nobody sent: the caller's clock is all there is
        taken_ms = np.asarray(np.arange(len(taken_ms)) * frame_ms, np.float64)
    placed_ms = places_ms(taken_ms, frame_ms)
    # What was taken before anything was sent began before it: the axis begins with whoever is first.
    lead_ms = max(0.0, -float(placed_ms.min())) if len(placed_ms) else 0.0
    placed_ms, taken_ms = placed_ms + lead_ms, taken_ms + lead_ms
    caller, heard = _sound(call, reader, placed_ms, lead_ms)
    columns = np.asarray(reader.rows, np.float64).reshape(-1, 5).T
    is_lost = np.asarray([payload is None for payload in reader.frames], np.bool_)
    track = Track(placed_ms / 1000, np.maximum(0.0, taken_ms - placed_ms), is_lost, *columns)
    return Material(
        name=Path(path).name,
        source="log",
        stream=call.config.stream,
        sample_rate_hz=call.config.wire.sample_rate_hz,
        frame_ms=frame_ms,
        caller=caller,
        heard=heard,
        heard_is_known=bool(reader.sent),
        events=_placed(reader, placed_ms, lead_ms, frame_ms),
        track=track,
        queued=[
            Queued((frames * frame_ms + lead_ms) / 1000, name, length_s) for frames, name, length_s in reader.queued
        ],
        metrics=call.metrics,
        lead_s=lead_ms / 1000,
    )


def _sound(call: CallPipeline, reader: _Reader, placed_ms: Floats, lead_ms: float) -> tuple[Samples, Samples]:
    """Both directions on the axis, of equal length. What was lost is silence: what was concealed is nothing that came."""
    n, rate_hz = call.config.frame_samples, call.config.wire.sample_rate_hz
    starts = np.rint(placed_ms * rate_hz / 1000).astype(np.int64)
    lead = round(lead_ms * rate_hz / 1000)
    length = max(lead + len(reader.sent) * n, int(starts[-1]) + n if len(starts) else 0)
    caller, heard = np.zeros(length, np.int16), np.zeros(length, np.int16)
    for start, payload in zip(starts.tolist(), reader.frames, strict=True):
        if payload is not None:
            caller[start : start + n] = call.decode(payload)
    if reader.sent:
        sent = call.decode(b"".join(reader.sent))
        heard[lead : lead + len(sent)] = sent
    return caller, heard


def _placed(reader: _Reader, placed_ms: Floats, lead_ms: float, frame_ms: float) -> list[At]:
    """Events on the axis: those of the caller's clock lie where the caller's frames do."""
    ends_ms = np.append(placed_ms, placed_ms[-1] + frame_ms if len(placed_ms) else lead_ms)
    clock_ms = np.arange(len(ends_ms)) * frame_ms
    found = []
    for received, sent, event in reader.events:
        if event.clock == "receive":
            at_ms = float(np.interp(event.timestamp_ms + received * frame_ms, clock_ms, ends_ms))
        else:
            at_ms = event.timestamp_ms + sent * frame_ms + lead_ms
        found.append(At(at_ms / 1000, event))
    return sorted(found, key=lambda at: at.at_s)
