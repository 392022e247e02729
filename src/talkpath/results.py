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
