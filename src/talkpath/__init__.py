"""talkpath: realtime audio engine for voice agents on the phone."""

from talkpath import dtmf, g711, l16
from talkpath._core import DtmfDetector, Resampler
from talkpath.errors import ConfigError, FormatError, LengthError, StateError, TalkpathError
from talkpath.results import DtmfDigit

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "DtmfDetector",
    "DtmfDigit",
    "FormatError",
    "LengthError",
    "Resampler",
    "StateError",
    "TalkpathError",
    "__version__",
    "dtmf",
    "g711",
    "l16",
]
