"""talkpath: realtime audio engine for voice agents on the phone."""

from talkpath import dtmf, g711, l16
from talkpath._core import BeepDetector, DtmfDetector, Resampler
from talkpath.errors import ConfigError, FormatError, LengthError, StateError, TalkpathError
from talkpath.results import Beep, DtmfDigit, Tone

__version__ = "0.1.0"

__all__ = [
    "Beep",
    "BeepDetector",
    "ConfigError",
    "DtmfDetector",
    "DtmfDigit",
    "FormatError",
    "LengthError",
    "Resampler",
    "StateError",
    "TalkpathError",
    "Tone",
    "__version__",
    "dtmf",
    "g711",
    "l16",
]
