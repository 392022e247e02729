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
