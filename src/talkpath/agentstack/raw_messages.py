"""What an app of raw audio says: text in, commands out. No socket, no clock.

Source: `reference/agentstack.md` of the design, section 8.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

RAW_RATES_HZ = (8000, 16000, 24000)


class MessageError(ValueError):
    """A message that cannot be followed. `code`: "invalid_message" | "unknown_message" | "play_error"."""

    def __init__(self, code: str, problem: str) -> None:
        super().__init__(problem)
        self.code = code


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Raw samples to be heard after those before: µ-law of 8 kHz, or int16."""

    audio: bytes
    is_mulaw: bool
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Say when all before it was heard."""

    name: str


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Throw away what is not heard yet."""


RawCommand: TypeAlias = PlayAudio | Checkpoint | ClearAudio


def play_audio(message: Mapping[str, Any]) -> PlayAudio:
    """Read a `playAudio`. Raises `MessageError`."""
    media = message.get("media")
    if not isinstance(media, Mapping):
        raise MessageError("invalid_message", "playAudio: media must be an object")
    kind = str(media.get("contentType") or "audio/x-mulaw").partition(";")[0].strip().lower()
    rate = media.get("sampleRate") or 8000
    rate = int(rate) if isinstance(rate, str) and rate.isdecimal() else rate
    if kind not in ("audio/x-mulaw", "audio/x-l16") or rate not in (
        (8000,) if kind == "audio/x-mulaw" else RAW_RATES_HZ
    ):
        raise MessageError(
            "invalid_message",
            f"playAudio: audio/x-mulaw at 8000, or audio/x-l16 at one of {RAW_RATES_HZ}, is played (got {kind[:50]!r}, {str(rate)[:20]})",
        )
    try:
        audio = base64.b64decode(str(media.get("payload") or ""), validate=True)
    except (binascii.Error, ValueError):
        raise MessageError("play_error", "playAudio: payload is not base64") from None
    if kind == "audio/x-l16" and len(audio) % 2:
        raise MessageError("play_error", "playAudio: payload ends inside a sample")
    return PlayAudio(audio, kind == "audio/x-mulaw", int(rate))
