"""DTMF key presses as audio: `generate`. `talkpath.DtmfDetector` finds them."""

from talkpath._core import dtmf_generate as generate
from talkpath.errors import FormatError, LengthError

__all__ = ["check", "generate"]

KEYS = "0123456789*#ABCDabcd"
MAX_KEYS = 256


def check(digits: str) -> None:
    """Raise FormatError for a character that is no key, LengthError for none or more than 256 keys."""
    for position, key in enumerate(digits):
        if key not in KEYS:
            raise FormatError(f"{key!r} at position {position} is not a key; keys are 0-9 * # A-D")
    if not 0 < len(digits) <= MAX_KEYS:
        raise LengthError(f"digits must be 1 to {MAX_KEYS} keys (got {len(digits)})")
