"""Background sounds: six built in, made at first use and shared by all calls; any WAV file; any samples."""

import os
from functools import lru_cache

import numpy as np

from talkpath._core import ambience_generate, ambience_names
from talkpath._types import Samples
from talkpath.errors import ConfigError, FormatError
from talkpath.wav import Source, read_wav

NAMES: tuple[str, ...] = ambience_names()


@lru_cache(maxsize=24)
def generate(name: str, sample_rate: int = 16000) -> Samples:
    """A built-in sound as a seamless loop.

    Parameters
    ----------
    name : {"office", "city-street", "crowded-room", "call-center", "typing", "typing-short"}
        Which.
    sample_rate : {8000, 16000, 24000, 48000}
        Hz.

    Returns
    -------
    ndarray[int16], shape (n,), read-only
        2.6 to 18 s at an active level of -26 dBov; always the same samples. Made within 40 ms at 16 kHz, then kept.

    Raises
    ------
    ConfigError
        Another name or rate.
    """
    if name not in NAMES:
        raise ConfigError(f"sound must be one of {', '.join(map(repr, NAMES))} (got {name!r})")
    loop = ambience_generate(NAMES.index(name), sample_rate)
    loop.flags.writeable = False
    return loop


def load(sound: Source | Samples, sample_rate: int) -> Samples:
    """A built-in sound by its name, a WAV file (a path, or its bytes), or int16 samples as they are."""
    if isinstance(sound, np.ndarray):
        if sound.dtype != np.int16 or sound.ndim != 1:
            raise FormatError(f"expected mono int16 samples, got {sound.dtype} of {sound.ndim} dimensions")
        samples = np.ascontiguousarray(sound)
    elif isinstance(sound, str) and not os.path.splitext(sound)[1]:
        return generate(sound, sample_rate)
    elif isinstance(sound, str | os.PathLike | bytes | bytearray | memoryview):
        samples = read_wav(sound, sample_rate)
    else:
        raise FormatError(f"a sound is a name, a WAV file or int16 samples in an array (got {type(sound).__name__})")
    if len(samples) == 0:
        raise FormatError("the sound is empty")
    return samples
