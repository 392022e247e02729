"""What a call reports: small named tuples, so that they unpack, compare and print well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from talkpath._types import Samples
    from talkpath.call.events import Event


class Received(NamedTuple):
    """What one wire frame gave: PCM at the audio format's rate, and events."""

    pcm: Samples
    events: list[Event]


class Transmitted(NamedTuple):
    """One wire frame to send, and events."""

    payload: bytes
    events: list[Event]


class CallState(NamedTuple):
    """Who does what: "listening", "speaking" or "away"; "idle", "listening", "thinking" or "speaking"."""

    user: str
    agent: str


class CallMetrics(NamedTuple):
    """A snapshot of a call.

    Attributes
    ----------
    received_frames, lost_frames, sent_frames : int
        Wire frames.
    underruns : int
        How often speech ran dry before its end.
    reference_gaps : int
        Frames received while it was not known what was sent.
    received_dbov, sent_dbov : float
        Levels, smoothed over about a second.
    turns, interruptions, false_interruptions, backchannels : int
        Since the call began.
    echo_delay_ms : float or None
        None while no echo is known.
    echo_delay_confidence, echo_likelihood : float
        0 to 1; the second: that this line returns the agent's voice.
    erl_db, erle_db : float
        Loss from what is sent to its echo; what the canceller takes off.
    double_talk : bool
        Caller and echo at once, now.
    speech_probability, evidence : float
        Of the caller, now; 1 of evidence is enough to interrupt.
    queued_ms, timestamp_gaps : float, int
        What is still to be said; jumps in the `timestamp_ms` given to `receive`.
    discarded_chunks, discarded_samples : int
        Speech that came for utterances which had been interrupted, and was dropped; at the rates it was given.
    """

    received_frames: int
    lost_frames: int
    sent_frames: int
    underruns: int
    reference_gaps: int
    received_dbov: float
    sent_dbov: float
    turns: int
    interruptions: int
    false_interruptions: int
    backchannels: int
    echo_delay_ms: float | None
    echo_delay_confidence: float
    erl_db: float
    erle_db: float
    echo_likelihood: float
    double_talk: bool
    speech_probability: float
    evidence: float
    queued_ms: float
    timestamp_gaps: int
    discarded_chunks: int
    discarded_samples: int
