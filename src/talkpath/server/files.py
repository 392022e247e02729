"""What handlers name as files: read, and tried out, by threads of their process."""

from __future__ import annotations

import contextlib
import io
import os
import wave
from pathlib import Path

from talkpath.wav import read_wav


def wav_at(source: str | Path | bytes, sample_rate_hz: int) -> bytes:
    """A WAV file as one of the line's rate, mono."""
    samples = read_wav(source, sample_rate_hz)
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(sample_rate_hz)
        wav.writeframes(samples.astype("<i2").tobytes())
    return out.getvalue()


def made(path: str | os.PathLike[str]) -> str:
    """Where a file is that another process will write, made for this user only; OSError where it cannot be."""
    found = os.path.abspath(path)
    os.close(os.open(found, os.O_WRONLY | os.O_CREAT, 0o600))
    return found


def unmade(path: str) -> None:
    """It is not wanted after all: gone, unless there is something in it."""
    with contextlib.suppress(OSError):
        if not os.path.getsize(path):
            os.remove(path)
