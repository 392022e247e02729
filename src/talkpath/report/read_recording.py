"""A recording of a call, mono or of two channels, taken through the engine as the caller's line brought it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

from talkpath import recordings
from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.pipeline import CallPipeline
from talkpath.errors import FormatError
from talkpath.measure import measure_recording
from talkpath.measure.frames import said_spans
from talkpath.recordings import Recording, sides
from talkpath.report.material import At, Material, Track

WIDE_HZ = 12_000  # from here on a recording is taken as 16 kHz
MAX_S = 4 * 3600


def read_recording(path: str | os.PathLike[str], channels: str = "auto") -> Material:
    """Read a recording, and run the engine's detectors on it.

    Parameters
    ----------
    path : path
        WAV, or what soundfile reads (FLAC, Ogg, MP3).
    channels : str
        Which is which, as `talkpath.recordings.sides` takes it. "auto": one channel is the caller; of two, left is the caller and right is
        what the caller heard, unless they are equal: those are one caller.

    Raises
    ------
    FormatError
        No sound, an unknown format, more than 4 h, or `channels` does not fit.
    OSError
        It cannot be read.

    Notes
    -----
    A recording does not say what its server decided. What the report says of turns is measured in the sound; answering machines, keys and
    tones are what this engine hears in it.
    """
    try:
        with contextlib.closing(Recording(path)) as recording:
            if recording.duration_s > MAX_S:
                raise FormatError(f"{recording.duration_s / 3600:.1f} h; a report takes {MAX_S // 3600} h")
            rate_hz = 8000 if recording.sample_rate_hz < WIDE_HZ else 16000
            found = measure_recording(recording, channels, MAX_S / 3600)
        both = sides(recordings.read_recording(path, rate_hz), channels)
    except FormatError as problem:
        neither = "no log of call.record, and " if str(problem).startswith("not a sound file") else ""
        raise FormatError(f"{os.fspath(path)}: {neither}{problem}") from problem
    caller, known = both[0], len(both) == 2
    if not len(caller):
        raise FormatError(f"{os.fspath(path)}: no sound")
    heard = both[1] if known else np.zeros_like(caller)
    config = CallConfig(stream=f"audio/x-l16;rate={rate_hz}", detection_method="audio", allow_interruptions=False,
                        idle_timeout=None, comfort_noise_enabled=False, max_queued_ms=600_000, seed=1)  # fmt: skip
    events, track = _through(config, caller, heard if known else None)
    return Material(
        name=Path(path).name,
        source="recording",
        stream="",
        sample_rate_hz=rate_hz,
        frame_ms=float(config.frame_ms),
        caller=caller,
        heard=heard,
        heard_is_known=known,
        events=events,
        track=track,
        measures=found.measures,
    )


def _through(config: CallConfig, caller: Samples, heard: Samples | None) -> tuple[list[At], Track]:
    """The caller's line into a call that says what was heard; nothing interrupts it, so that it says all of it, in its time."""
    n, rate_hz = config.frame_samples, config.wire.sample_rate_hz
    call = CallPipeline(config)
    waiting = [] if heard is None else said_spans(heard, rate_hz).tolist()
    said = 0
    events: list[At] = []
    rows = []
    frames = -(-len(caller) // n)
    for i in range(frames):
        while heard is not None and waiting and waiting[0][0] <= i * n:
            start, stop = waiting.pop(0)
            said += 1
            call.speak(heard[start:stop][: 590 * rate_hz], rate_hz, f"u{said}", True)
        sent = call.transmit()
        near = caller[i * n : (i + 1) * n]
        received = call.receive(call.encode(np.pad(near, (0, n - len(near)))))
        events += [At(e.timestamp_ms / 1000, e) for e in (*sent.events, *received.events)]
        metrics = call.metrics
        rows.append((metrics.evidence, metrics.speech_probability, metrics.echo_likelihood, metrics.erl_db,
                     np.nan if metrics.echo_delay_ms is None else metrics.echo_delay_ms))  # fmt: skip
    events += [At(e.timestamp_ms / 1000, e) for e in call.hangup()]
    nothing = np.zeros(frames)
    columns = np.asarray(rows, np.float64).reshape(-1, 5).T
    track = Track(np.arange(frames) * n / rate_hz, nothing, nothing.astype(np.bool_), *columns)
    return sorted(events, key=lambda at: at.at_s), track
