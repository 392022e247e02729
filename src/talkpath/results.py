"""What detectors and calls report: small named tuples, so that they unpack, compare and print well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from talkpath._types import Samples


class DtmfDigit(NamedTuple):
    """One key press, reported as soon as it is certain.

    Attributes
    ----------
    digit : str
        One of ``0123456789*#ABCD``.
    start_ms : float
        Stream time at which the key went down, within about 3 ms.
    level_dbov : float
        Power of both tones together.
    """

    digit: str
    start_ms: float
    level_dbov: float


class Beep(NamedTuple):
    """One voicemail beep, reported when it is over.

    Attributes
    ----------
    frequency_hz : float
        Of a pair of tones the stronger one; of a chirp its middle.
    duration_ms : float
        Length at half amplitude.
    level_dbov : float
        Power of the loudest 32 ms.
    start_ms, end_ms : float
        Stream time.
    """

    frequency_hz: float
    duration_ms: float
    level_dbov: float
    start_ms: float
    end_ms: float


class Tone(NamedTuple):
    """A tone that sounds now.

    Attributes
    ----------
    frequency_hz : float
        Of its strongest part, in the newest 32 ms.
    level_dbov : float
        Power of that part.
    start_ms : float
        Stream time at which it was first heard.
    """

    frequency_hz: float
    level_dbov: float
    start_ms: float


class JitterStats(NamedTuple):
    """What the line did to a stream, and what the jitter buffer did about it.

    Every packet that came was one of: ``received = played + late + duplicates + discarded + buffered``. Every packet that
    was due was played, lost or discarded; late ones are among the lost.

    Attributes
    ----------
    received, played, late, duplicates, discarded, buffered : int
        Packets: put; played; that came after their place had been concealed; that came twice; thrown away because more
        than `max_ms` waited, or at a jump; that wait.
    lost : int
        Packets that were not there when they were due.
    underruns : int
        Times that the buffer ran dry.
    concealed_ms, inserted_ms, removed_ms : float
        Sound played in place of packets; put in and taken out to keep the delay.
    depth_ms, target_ms : float
        Delay of the buffer now, and the one it aims at.
    """

    received: int
    played: int
    late: int
    duplicates: int
    discarded: int
    buffered: int
    lost: int
    underruns: int
    concealed_ms: float
    inserted_ms: float
    removed_ms: float
    depth_ms: float
    target_ms: float


class CallProgress(NamedTuple):
    """One tone of the telephone network, reported once while it lasts.

    Attributes
    ----------
    tone : str
        "dial", "ringback", "busy", "reorder" (congestion), "call_waiting", "sit", "howler", "fax_cng" or "fax_ced".
    plan : str
        "north_america", "europe", "uk", "france", "japan", "australia" or "itu".
    start_ms : float
        Stream time at which the first burst that counted began.
    cadence : tuple of int
        The plan's lengths of tone and pause in turn, in ms; empty for a tone without pauses.
    """

    tone: str
    plan: str
    start_ms: float
    cadence: tuple[int, ...]


class AmdResult(NamedTuple):
    """Who answered a call, decided once.

    Attributes
    ----------
    result : str
        "human", "machine" or "unknown".
    confidence : float
        Share of such decisions that were right in tests; 0.5 is a guess.
    reason : str
        "short_greeting", "long_greeting", "maximum_words", "initial_silence", "total_time" or "end_of_audio".
    decided_ms : float
        Stream time of the decision.
    """

    result: str
    confidence: float
    reason: str
    decided_ms: float


class PlayoutEvent(NamedTuple):
    """What became of a source in a `PlayoutQueue`.

    Attributes
    ----------
    kind : str
        "started", "completed", "interrupted" (cleared after it had started), "dropped" (cleared before), "checkpoint"
        (everything before it was played), "underrun" (speech ran dry before its end), "paused", "resumed", "discarded" (late chunks
        of an utterance that was cleared; once for each).
    source : str
        "speech", "play", "dtmf", "silence", "checkpoint"; empty when nothing was queued.
    name : str
        As given: of the utterance, file or checkpoint; the digits.
    at_ms : float
        Time of the output: samples read since the start.
    played_samples : int
        Samples of the source that were played, at the queue's rate.
    position_s : float
        How much of the source was heard, in its own time: without the delay of its conversion.
    """

    kind: str
    source: str
    name: str
    at_ms: float
    played_samples: int
    position_s: float


class DelayEstimate(NamedTuple):
    """How long after it was sent our own signal comes back.

    Attributes
    ----------
    delay_ms : float or None
        None while no echo is known.
    confidence : float
        0 … 1: how well the last seconds confirm it.
    score : float
        Highest correlation now, over the rms of all delays; chance reaches about 4 once some seconds have been heard.
    """

    delay_ms: float | None
    confidence: float
    score: float


class EchoDiagnostics(NamedTuple):
    """What echo control knows of the newest 10 ms.

    Attributes
    ----------
    delay_ms : float or None
        Of the echo, once known.
    delay_confidence : float
        0 … 1.
    erl_db : float
        Loss from what was sent to its echo; 0.0 while unknown.
    erle_db : float
        What the linear filter takes off the echo; 0.0 while the agent is silent.
    echo_likelihood : float
        0 … 1: this line returns the agent's voice; 0.5 before the agent has spoken.
    speech_probability : float
        0 … 1: the caller speaks.
    far_active : bool
        The agent speaks, or its echo may still come.
    double_talk : bool
        Caller and echo at once.
    """

    delay_ms: float | None
    delay_confidence: float
    erl_db: float
    erle_db: float
    echo_likelihood: float
    speech_probability: float
    far_active: bool
    double_talk: bool


class GateDiagnostics(NamedTuple):
    """Why the barge-in gate decides as it does.

    Attributes
    ----------
    evidence : float
        For the caller's speech, summed since its onset; 1.0 is enough to interrupt.
    onset_ms : float or None
        Stream time at which this speech began; None while there is none.
    echo : EchoDiagnostics
        What echo control knows.
    level_dbov : float
        Loudest 10 ms of what is left without echo since the onset, or the newest while there is none.
    caller_dbov : float or None
        The same of the caller so far, 0.2 dB less every second; None before the caller was heard. What stays more than 8 dB
        below needs more evidence.
    """

    evidence: float
    onset_ms: float | None
    echo: EchoDiagnostics
    level_dbov: float
    caller_dbov: float | None


class GateResult(NamedTuple):
    """What the barge-in gate made of some samples.

    Attributes
    ----------
    pcm : ndarray[int16] or int
        The caller without echo, the gate's `delay_ms` late; with `out`, the number of samples written there.
    speech_probability : float
        0 … 1: the caller speaks in the newest 10 ms.
    echo_probability : float
        0 … 1: what is heard in the newest 10 ms is the agent's echo.
    near_end_active : bool
        The caller speaks now.
    barge_in : bool
        The caller has spoken long enough to interrupt, and still does.
    """

    pcm: Samples | int
    speech_probability: float
    echo_probability: float
    near_end_active: bool
    barge_in: bool
