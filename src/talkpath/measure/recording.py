"""A recording, measured piece by piece: memory does not grow with its length but for some bytes a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from talkpath._core import EchoCanceller
from talkpath._types import Samples
from talkpath.errors import FormatError
from talkpath.measure.call import CallMeasures, measured
from talkpath.measure.line import echo_of
from talkpath.measure.side import Side
from talkpath.measure.thresholds import CLIPPED, ECHO_S, RATE_HZ
from talkpath.recordings import Recording, are_equal, chosen_sides


@dataclass(frozen=True)
class MeasuredRecording:
    """A recording, measured.

    Attributes
    ----------
    measures : CallMeasures
    sides : {"one", "equal", "two"}
        "equal": two equal channels, which are one caller.
    beginnings : list of ndarray[int16]
        The first two minutes of each side, at 8 kHz.
    duration_s : float
        Of what could be read.
    """

    measures: CallMeasures
    sides: str
    beginnings: list[Samples]
    duration_s: float


Clipped = tuple[int, int]  # how many, and which is the first
_NONE: Clipped = (0, 0)


class _Kept(NamedTuple):
    pcm: Samples  # shape (n, channels), at 8 kHz
    clipped: list[Clipped]
    samples: int


def measure_recording(recording: Recording, channels: str = "auto", max_hours: float = 12.0) -> MeasuredRecording:
    """Take a recording through the engine's detectors.

    Parameters
    ----------
    recording : Recording
        Just opened.
    channels : str
        Who is on which channel, as for `talkpath.recordings.sides`.
    max_hours : float
        Longer ones are refused.

    Raises
    ------
    FormatError
        Broken sound, no sound, too long, or `channels` does not fit.
    """
    pieces = _pieces(recording, max_hours)
    head: list[_Kept] = []
    kept = 0
    for piece in pieces:
        head.append(piece)
        kept += len(piece.pcm)
        if kept >= ECHO_S * RATE_HZ:
            break
    beginning = np.concatenate([piece.pcm for piece in head]) if head else np.zeros((0, recording.channels), np.int16)
    if not len(beginning):
        raise FormatError("no samples")
    chosen = chosen_sides(recording.channels, channels, lambda: are_equal(beginning[:, 0], beginning[:, 1]))
    take = [_taker(channel) for channel in chosen]
    beginnings = [np.ascontiguousarray(of(beginning)) for of in take]
    echo = echo_of(beginnings[0], beginnings[1]) if len(chosen) == 2 else None
    canceller = EchoCanceller(RATE_HZ) if echo is not None else None
    parties = [Side(hears_line=number == 0) for number in range(len(chosen))]
    samples = 0
    for piece in _chained(head, pieces):
        samples += len(piece.pcm)
        heard = [of(piece.pcm) for of in take]
        # Where the line returns the agent's voice, the caller's speech is what is left without it.
        cleaned = canceller.process(heard[0], heard[1]) if canceller is not None else None
        for party, channel, pcm in zip(parties, chosen, heard, strict=True):
            party.process(pcm, cleaned if party is parties[0] else None)
            clipped = max(piece.clipped) if channel < 0 else piece.clipped[channel]
            party.count_clipped(*clipped, piece.samples, recording.sample_rate_hz)
    for party in parties:
        party.finish()
    one = "equal" if channels == "auto" and recording.channels == 2 else "one"
    two = len(parties) == 2
    found = measured(parties[0], parties[1] if two else None, echo)
    return MeasuredRecording(found, "two" if two else one, beginnings, round(samples / RATE_HZ, 3))


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
        clipped = [_NONE] * recording.channels
        if block.max() >= CLIPPED or block.min() <= -CLIPPED:
            at_end = (block >= CLIPPED) | (block <= -CLIPPED)
            clipped = list(zip(at_end.sum(axis=0).tolist(), at_end.argmax(axis=0).tolist(), strict=True))
        yield _Kept(converter.process(block), clipped, len(block))
    yield _Kept(
        converter.process(np.zeros((0, recording.channels), np.float32), last=True), [_NONE] * recording.channels, 0
    )


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
