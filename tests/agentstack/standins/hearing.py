"""Deepgram's live API without its socket: audio and control messages in, results out. It hears by energy.

The n-th piece of speech of a stream gives the n-th text of the script; or the text follows from its length.
Source: "Live Audio" and "Finalize", "KeepAlive", "CloseStream" of developers.deepgram.com.
"""

import json
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BLOCK_MS = 10
LOUD_DBOV = -42.0
LOUD = 32768 * 10 ** (LOUD_DBOV / 20)
ONSET_BLOCKS = 4  # of loud ones: a click is no speech
IDLE_S = 10.0  # without audio or KeepAlive Deepgram hangs up
WORD_MS = 250  # how fast interim results grow


@dataclass
class Hearing:
    """What the recogniser does for one key.

    Attributes
    ----------
    texts : sequence of str, or callable
        Of the 1st, 2nd … piece of speech; or the text of a piece from its length in seconds. "" or none left: nothing was understood.
    interim_s, final_s : float
        From the audio to its interim result; from the end of a piece, or Finalize, to the final one.
    gap_ms : float
        Silence that ends a piece.
    status : int
        Of the upgrade: 401 for a key that is refused.
    hang : bool
        It takes audio, and never says a word.
    reset_after : int or None
        Drop the connection instead of giving the n-th final result (0: at once, when audio comes).
    resets : int
        How often it does so.
    answers_finalize : bool
        A Finalize with nothing to finalise gets an empty result.
    """

    texts: Sequence[str] | Callable[[float], str] = ()
    interim_s: float = 0.02
    final_s: float = 0.03
    gap_ms: float = 700.0
    status: int = 101
    hang: bool = False
    reset_after: int | None = None
    resets: int = 1
    confidence: float = 0.98
    interim_results: bool = True
    answers_finalize: bool = True
    streams: list["HearingStream"] = field(default_factory=list)  # all that there were


@dataclass
class Said:
    """A result that was given, for assertions: s of the stream, and when."""

    text: str
    is_final: bool
    start_s: float
    end_s: float
    at: float


RESET = object()


class HearingStream:
    """One connection.

    `receive_audio`, `receive_text` and `tick` give what is to be sent: (after so many seconds, a JSON text, or RESET, or None: close).
    """

    def __init__(self, script: Hearing, query: dict[str, str], now: float) -> None:
        self.script, self.query = script, query
        self.rate = int(query.get("sample_rate", "16000"))
        self.encoding = query.get("encoding", "linear16")
        self.opened = self.heard_at = now
        self.messages: list[str] = []  # control messages as they came
        self.results: list[Said] = []
        self.audio_s = 0.0
        self.closed_by = ""
        self.pieces = 0  # of speech, that have ended
        self.finals = 0
        self._left = b""
        self._loud: deque[bool] = deque(maxlen=6)
        self._start_s: float | None = None
        self._last_loud_s = 0.0
        self._interim_at = 0.0
        self._text = ""
        script.streams.append(self)

    # --- what comes -----------------------------------------------------------------------------------------------------------

    def receive_audio(self, data: bytes, now: float) -> list[tuple[float, Any]]:
        """int16 or µ-law, any length; an empty message ends the stream."""
        self.heard_at = now
        if not data:
            return self._close()
        if self.script.reset_after == 0 and self.script.resets > 0:
            self.script.resets -= 1
            return [(0.0, RESET)]
        size = self.rate * BLOCK_MS // 1000 * (2 if self.encoding == "linear16" else 1)
        data = self._left + data
        whole = len(data) // size * size
        data, self._left = data[:whole], data[whole:]
        out: list[tuple[float, Any]] = []
        for is_loud in self._levels(data, size):
            out += self._block(is_loud, now)
        return [] if self.script.hang else out

    def _levels(self, data: bytes, size: int) -> list[bool]:
        """Which blocks are loud."""
        if self.encoding == "linear16":
            pcm = np.frombuffer(data, "<i2")
        else:
            from talkpath import g711

            pcm = g711.ulaw_decode(data)
        blocks = pcm.reshape(len(data) // size, -1).astype(np.float32)
        found: list[bool] = (np.einsum("ij,ij->i", blocks, blocks) > blocks.shape[1] * LOUD**2).tolist()
        return found

    def receive_text(self, data: str, now: float) -> list[tuple[float, Any]]:
        """A control message."""
        self.heard_at = now
        kind = json.loads(data)["type"]
        self.messages.append(kind)
        if self.script.hang:
            return []
        if kind == "Finalize":
            if self._start_s is None:
                if not self.script.answers_finalize:
                    return []
                return [(self.script.final_s, self._result("", self.audio_s, 0.0, True, False, True, now))]
            return self._final(now, from_finalize=True)
        if kind == "CloseStream":
            return self._close()
        if kind == "KeepAlive":
            return []
        return [(0.0, json.dumps({"type": "Error", "description": f"unknown message {kind!r}"}))]

    def is_idle(self, now: float) -> bool:
        """Too long without audio or KeepAlive."""
        return now - self.heard_at > IDLE_S

    # --- hearing --------------------------------------------------------------------------------------------------------------

    def _block(self, is_loud: bool, now: float) -> list[tuple[float, Any]]:
        self.audio_s += BLOCK_MS / 1000
        self._loud.append(is_loud)
        if is_loud:
            self._last_loud_s = self.audio_s
        if self._start_s is None:
            if sum(self._loud) >= ONSET_BLOCKS:
                self._start_s = self.audio_s - len(self._loud) * BLOCK_MS / 1000
                self._interim_at = self.audio_s
            return []
        if self.audio_s - self._last_loud_s >= self.script.gap_ms / 1000:
            return self._final(now, from_finalize=False)
        if self.script.interim_results and self.audio_s >= self._interim_at:
            self._interim_at = self.audio_s + WORD_MS / 1000
            text = self._understood()
            words = max(1, round((self.audio_s - self._start_s) * 1000 / WORD_MS))
            text = " ".join(text.split()[:words])
            if text and text != self._text:
                self._text = text
                length = self.audio_s - self._start_s
                return [
                    (self.script.interim_s, self._result(text, self._start_s, length, False, False, False, now)),
                ]
        return []

    def _understood(self) -> str:
        texts = self.script.texts
        if callable(texts):
            return texts(self._last_loud_s - (self._start_s or 0.0))
        return texts[self.pieces] if self.pieces < len(texts) else ""

    def _final(self, now: float, *, from_finalize: bool) -> list[tuple[float, Any]]:
        text, start = self._understood(), self._start_s or 0.0
        self.pieces += 1
        self.finals += 1
        self._start_s, self._text = None, ""
        self._loud.clear()
        if self.script.reset_after is not None and self.finals >= self.script.reset_after and self.script.resets > 0:
            self.script.resets -= 1
            return [(0.0, RESET)]
        length = self.audio_s - start
        return [
            (self.script.final_s, self._result(text, start, length, True, not from_finalize, from_finalize, now)),
        ]

    def _close(self) -> list[tuple[float, Any]]:
        self.closed_by = "the server"
        out: list[tuple[float, Any]] = []
        if self._start_s is not None:
            out += self._final(self.heard_at, from_finalize=False)
        metadata = {
            "type": "Metadata", "transaction_key": "deprecated", "request_id": self._id, "sha256": "0" * 64,
            "created": "2026-01-01T00:00:00.000Z", "duration": round(self.audio_s, 3), "channels": 1,
            "models": ["stand-in"], "model_info": {"stand-in": {"name": "stand-in", "version": "1", "arch": "nova-3"}},
        }  # fmt: skip
        return [*out, (0.0, json.dumps(metadata)), (0.0, None)]

    @property
    def _id(self) -> str:
        return f"00000000-0000-4000-8000-{len(self.script.streams):012d}"

    def _result(
        self, text: str, start: float, length: float, final: bool, ended: bool, finalized: bool, now: float
    ) -> str:
        self.results.append(Said(text, final, start, start + length, now))
        words = text.split()
        each = length / len(words) if words else 0.0
        found = [
            {"word": word.lower().strip(".,?!"), "start": round(start + i * each, 3),
             "end": round(start + (i + 1) * each, 3), "confidence": self.script.confidence, "punctuated_word": word}
            for i, word in enumerate(words)
        ]  # fmt: skip
        alternative = {"transcript": text, "confidence": self.script.confidence if text else 0.0, "words": found}
        return json.dumps(
            {"type": "Results", "channel_index": [0, 1], "duration": round(length, 3), "start": round(start, 3),
             "is_final": final, "speech_final": ended, "from_finalize": finalized,
             "channel": {"alternatives": [alternative]},
             "metadata": {"request_id": self._id, "model_uuid": self._id,
                          "model_info": {"name": "stand-in", "version": "1", "arch": "nova-3"}}}
        )  # fmt: skip
