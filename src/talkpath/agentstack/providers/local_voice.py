"""The embedded voice: Hibari, whose model is in its wheel. Runs in a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from talkpath.agentstack.providers.local_spoken import spoken

MAX_CHARS = 240  # of a piece: longer sentences are cut at their commas, so that others get their turn
LEVEL = 0.75  # peaks stay below full scale on every line
_FULL = 32767.0
_SPEEDS = (0.5, 2.0)


class Voice:
    """Sentences to int16."""

    def __init__(self) -> None:
        from hibari import Hibari

        self._voices: dict[str, Any] = {}
        self._make = Hibari

    def warm_up(self) -> None:
        """The first sentence is not slower than others."""
        for _ in self.speech("Hello, one two three.", sample_rate_hz=16000):
            pass

    def speech(self, text: str, *, sample_rate_hz: int, voice: str = "heart", speed: float = 1.0) -> Iterator[bytes]:
        """A sentence's or clause's audio at a time, as it is made.

        Parameters
        ----------
        text : str
        sample_rate_hz : int
        voice : str
            Of Hibari. Only "heart" is in its wheel; others must lie in its cache.
        speed : float
            From 0.5 to 2; others are limited.
        """
        import soxr

        if voice not in self._voices:
            self._voices[voice] = self._make(voice=voice)
        hibari = self._voices[voice]
        speed = min(max(speed, _SPEEDS[0]), _SPEEDS[1])
        for sentence in sentences(spoken(text)):
            audio = hibari(sentence, speed=speed, seed=1)
            if len(audio):
                audio = soxr.resample(audio, hibari.sample_rate, sample_rate_hz)
                yield np.rint(np.clip(audio * LEVEL, -1, 1) * _FULL).astype("<i2").tobytes()


_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+")
_WORD = re.compile(rf"\S{{1,{MAX_CHARS}}}")
_CLAUSE = re.compile(r"(?<=[,;:—])\s+")


def sentences(text: str) -> list[str]:
    """Pieces of at most `MAX_CHARS`, where sentences, then clauses, then words end; nothing without a letter or a digit."""
    return [piece for sentence in _END.split(text) for piece in _cut(sentence.strip()) if re.search(r"\w", piece)]


def _cut(sentence: str) -> list[str]:
    if len(sentence) <= MAX_CHARS:
        return [sentence]
    pieces = [""]
    for part in _CLAUSE.split(sentence):
        for word in [part] if len(part) <= MAX_CHARS else _WORD.findall(part):
            if pieces[-1] and len(pieces[-1]) + 1 + len(word) > MAX_CHARS:
                pieces.append(word)
            else:
                pieces[-1] = f"{pieces[-1]} {word}".strip()
    return pieces
