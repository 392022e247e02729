"""What the detectors report: small named tuples, so that they unpack, compare and print well."""

from typing import NamedTuple


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
        (everything before it was played), "underrun" (speech ran dry before its end), "paused", "resumed".
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
