"""A recording of a call, mono or of two channels, taken through the engine as the caller's line brought it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from talkpath import wav
from talkpath._types import Samples
from talkpath.call.config import CallConfig
from talkpath.call.pipeline import CallPipeline
from talkpath.errors import ConfigError, FormatError
from talkpath.report.material import At, Material, Track
from talkpath.report.sound import active_spans, level_dbov

CHANNELS = ("auto", "mono", "caller-agent", "agent-caller")
SAME_DB = 30.0  # two channels whose difference is so far below them are one
MAX_S = 4 * 3600


def read_recording(path: str | os.PathLike[str], channels: str = "auto") -> Material:
    """Read a recording, and run the engine's detectors on it.

    Parameters
    ----------
    path : path
        WAV, or what soundfile reads (FLAC, Ogg, MP3).
    channels : {"auto", "mono", "caller-agent", "agent-caller"}
        Which is which. "auto": one channel is the caller; of two, left is the caller and right is what the caller heard, unless they are
        equal: those are one caller. "mono": all are mixed, and are the caller.

    Raises
    ------
    FormatError
        No sound, an unknown format, or more channels than two.
    ConfigError
        `channels` does not fit.

    Notes
    -----
    A recording does not say what its server decided. What the report says of turns is measured in the sound; answering machines, keys and
    tones are what this engine hears in it.
    """
    if channels not in CHANNELS:
        raise ConfigError(f"channels must be one of {', '.join(CHANNELS)} (got {channels!r})")
    tracks, rate_hz = _tracks(Path(path))
    caller, heard = _chosen(tracks, channels, os.fspath(path))
    if not len(caller):
        raise FormatError(f"{os.fspath(path)}: no sound")
    known = heard is not None
    heard = np.zeros_like(caller) if heard is None else heard
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
        full_scale=int(min(32767, max(32124, np.abs(caller.astype(np.int32)).max()))),
        events=events,
        track=track,
    )


def _tracks(path: Path) -> tuple[list[Samples], int]:
    """Channels, at 8 or 16 kHz: the rate of the file where it is one of a line, 16 kHz where it is more."""
    with path.open("rb") as file:
        head = file.read(4)
    if head in (b"RIFF", b"RF64", b"BW64"):
        stream = wav.WavStream(path)
        if stream.duration_s > MAX_S:
            raise FormatError(f"{path}: {stream.duration_s / 3600:.1f} h; a report takes {MAX_S // 3600} h")
        rate_hz = 8000 if stream.sample_rate < 12000 else 16000
        return wav.read_wav_channels(path, rate_hz), rate_hz
    import soundfile  # extra `report`
    import soxr

    try:
        with soundfile.SoundFile(path) as sound:
            if sound.frames / sound.samplerate > MAX_S:
                raise FormatError(f"{path}: more than {MAX_S // 3600} h")
            found, from_hz = sound.read(dtype="float32", always_2d=True), sound.samplerate
    except soundfile.LibsndfileError as problem:
        raise FormatError(f"{path}: no sound that can be read ({problem})") from problem
    rate_hz = 8000 if from_hz < 12000 else 16000
    pcm = soxr.resample(found, from_hz, rate_hz) if from_hz != rate_hz else found
    pcm = np.clip(np.rint(pcm * 32768), -32768, 32767).astype(np.int16)
    return [np.ascontiguousarray(pcm[:, c]) for c in range(pcm.shape[1])], rate_hz


def _chosen(tracks: list[Samples], channels: str, name: str) -> tuple[Samples, Samples | None]:
    if channels == "mono" or len(tracks) == 1:
        if channels in ("caller-agent", "agent-caller"):
            raise ConfigError(f"{name} has one channel; {channels!r} needs two")
        mixed = np.mean(tracks, axis=0) if len(tracks) > 1 else tracks[0]
        return np.asarray(np.rint(mixed), np.int16), None
    if len(tracks) != 2:
        raise FormatError(f"{name}: {len(tracks)} channels; a call has one or two")
    left, right = tracks
    if channels == "agent-caller":
        return right, left
    if channels == "auto" and are_equal(left, right):
        return left, None
    return left, right


def are_equal(left: Samples, right: Samples) -> bool:
    """Two channels that carry the same sound, as a mono recording saved in stereo does."""
    difference = left.astype(np.float64) - right
    return level_dbov(difference) <= max(level_dbov(left) - SAME_DB, -80.0)


def _through(config: CallConfig, caller: Samples, heard: Samples | None) -> tuple[list[At], Track]:
    """The caller's line into a call that says what was heard; nothing interrupts it, so that it says all of it, in its time."""
    n, rate_hz = config.frame_samples, config.wire.sample_rate_hz
    call = CallPipeline(config)
    waiting = [] if heard is None else list(active_spans(heard, rate_hz))
    events: list[At] = []
    rows = []
    frames = -(-len(caller) // n)
    for i in range(frames):
        while heard is not None and waiting and waiting[0].start_s * rate_hz <= i * n:
            said = waiting.pop(0)
            pcm = heard[round(said.start_s * rate_hz) : round(said.end_s * rate_hz)]
            call.speak(pcm[: 590 * rate_hz], rate_hz, said.name, True)
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
