"""talkpath: realtime audio engine for voice agents on the phone."""

from talkpath import g711, l16
from talkpath._core import Resampler
from talkpath.errors import ConfigError, FormatError, LengthError, StateError, TalkpathError

__version__ = "0.1.0"

__all__ = [
    "ConfigError",
    "FormatError",
    "LengthError",
    "Resampler",
    "StateError",
    "TalkpathError",
    "__version__",
    "g711",
    "l16",
]
