"""Deepgram's live recognition, without I/O: what is asked for, what is sent, what its messages mean.

Sources: developers.deepgram.com, "Live Audio" (API reference), "Finalize", "Audio Keep Alive", "Close Stream", "Interim Results",
"UtteranceEnd", "STT Troubleshooting WebSocket, NET, and DATA Errors". Not verified against the service itself.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from talkpath.agentstack.plain import whole_text
from talkpath.agentstack.providers.base import ProviderError, Spec, Transcript
from talkpath.agentstack.providers.urls import http_base, ws_base

PROVIDER = "deepgram"
BASE_URL = "https://api.deepgram.com/v1"
MODEL = "nova-3"
KEEP_ALIVE = '{"type": "KeepAlive"}'
FINALIZE = '{"type": "Finalize"}'
CLOSE_STREAM = '{"type": "CloseStream"}'

# Deepgram's own defaults differ: all of them are said, so that none depends on the account or the day.
QUERY: Mapping[str, Any] = {
    "model": MODEL,
    "language": "en",
    "encoding": "linear16",
    "endpointing": 25,
    "interim_results": True,
    "smart_format": False,
    "punctuate": True,
    "profanity_filter": False,
    "no_delay": True,
    "filler_words": True,
}
_OURS = frozenset({"provider", "api_key", "base_url", "encoding", "sample_rate", "channels"})

ANSWER_S = 3.0  # a Finalize without any message for so long, while audio flows: it hangs
NOTHING_LEFT_S = 0.5  # a Finalize of nothing may have no answer at all
SHORT_S = 0.3  # of audio after the last final transcript: no word is in it
SLACK_S = 0.05  # its positions are rounded


def listen_url(spec: Spec, sample_rate_hz: int, base_url: str = BASE_URL) -> str:
    """Where to connect. What an agent's `stt` has beyond the known names goes along: `keyterm`, `utterance_end_ms`, `tag`, …"""
    query = {**QUERY, **{k: v for k, v in spec.items() if k not in _OURS and v is not None and v != ""}}
    query |= {"sample_rate": sample_rate_hz, "channels": 1}
    pairs = [(k, _said(v)) for k, each in query.items() for v in (each if isinstance(each, (list, tuple)) else [each])]
    return f"{ws_base(base_url).removesuffix('/listen')}/listen?{urlencode(pairs)}"


def headers(key: str | None) -> dict[str, str]:
    """A server of one's own may want no key."""
    return {"Authorization": f"Token {key}"} if key else {}


def key_requests(spec: Spec, key: str | None, base_url: str | None) -> tuple[list[str], dict[str, str]]:
    """What tells whether a key is good: addresses, one after the other until something is found, and the headers."""
    base = http_base(base_url or BASE_URL).removesuffix("/listen")
    return [f"{base}/auth/token", f"{base}/projects"], headers(key)


class DeepgramProtocol:
    """One connection, from its first sample to its last.

    Positions count samples of this connection. The time is the caller's.

    Attributes
    ----------
    sent_samples : int
        Set by whoever sends the audio.
    heard_samples : int
        The end of the last final transcript: what comes after it has to be sent again elsewhere if the connection is lost.
    request_id : str
        Deepgram's name for it.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self.sent_samples = self.heard_samples = 0
        self.request_id = ""
        self.is_silent = True  # no message came yet
        self._pending: deque[tuple[float, int]] = deque()  # Finalizes: when and where they were sent
        self._owed = 0  # Finalizes that were answered for it: its own answer may still come
        self._is_open = False  # an interim text waits for its final one
        self._empty_to = 0  # up to here an interim result heard no word
        self._last_message_s = 0.0
        self._ignored = 0  # Finalizes in a row without any message

    @property
    def is_finalizing(self) -> bool:
        """A Finalize waits for its answer."""
        return bool(self._pending)

    def finalize(self, now_s: float) -> str:
        """The message to send."""
        self._pending.append((now_s, self.sent_samples))
        return FINALIZE

    def due_s(self) -> float | None:
        """When `tick` has something to look at."""
        if not self._pending:
            return None
        sent_s, position = self._pending[0]
        return sent_s + (NOTHING_LEFT_S if self._is_nothing_left(position) else ANSWER_S)

    def tick(self, now_s: float) -> list[Transcript]:
        """Finalizes that nobody answers.

        Raises
        ------
        ProviderError
            Audio flows, and not one message came since the oldest: "timeout".
        """
        answers = []
        while self._pending and (due_s := self.due_s()) is not None and due_s <= now_s:
            sent_s, position = self._pending[0]
            is_flowing = self.sent_samples - position >= self._rate // 2
            if self._last_message_s < sent_s and is_flowing and not self._is_nothing_left(position):
                # Some servers are silent about a noise. One that owes words, or has never said any, is not asked twice.
                if self._is_open or self.is_silent or self._ignored:
                    raise ProviderError(f"{PROVIDER} says nothing for {ANSWER_S:g} s", "timeout", PROVIDER)
                self._ignored += 1
            answers.append(self._answer_for_it())
        return answers

    def receive(self, message: str | bytes, now_s: float) -> list[Transcript]:
        """What a message means. Unknown ones mean nothing.

        Raises
        ------
        ProviderError
            Deepgram says that something is wrong.
        """
        try:
            said = json.loads(message)
        except (ValueError, RecursionError):
            return []
        if not isinstance(said, dict):
            return []
        self._last_message_s, self.is_silent, self._ignored = now_s, False, 0
        kind = said.get("type")
        if kind == "Results":
            return self._results(said)
        if kind == "UtteranceEnd" and not self._is_open:
            return [Transcript("", is_final=True, is_speech_end=True)]
        if kind == "Metadata":
            self.request_id = str(said.get("request_id") or "")
        if kind == "Error" or "err_code" in said:
            code = said.get("variant") or said.get("code") or said.get("err_code") or ""
            text = said.get("description") or said.get("message") or said.get("err_msg") or ""
            raise of_code(str(code), str(text))
        return []

    def _results(self, said: Mapping[str, Any]) -> list[Transcript]:
        heard = _first(_dict(said.get("channel")).get("alternatives"))
        text = heard.get("transcript")
        text = whole_text(text.strip()) if isinstance(text, str) else ""
        is_final, is_end = said.get("is_final") is True, said.get("speech_final") is True
        start_s, length_s = _number(said.get("start")), _number(said.get("duration"))
        if start_s is None or length_s is None:
            end = self.sent_samples if is_final else 0
        else:
            end = min(int((start_s + length_s) * self._rate), self.sent_samples)
        if said.get("from_finalize") is True and is_final:
            answers = self._is_answer(end)
        else:  # it has heard all that a Finalize asked for, without saying so
            answers = is_final and self._reaches(end)
        if answers:
            self.heard_samples = max(self.heard_samples, self._pending.popleft()[1])
        was_open, self._is_open = self._is_open, bool(text) and not is_final
        if is_final:
            self.heard_samples = max(self.heard_samples, end)
        elif not text:
            self._empty_to = end
        if not (text or answers or (is_final and (is_end or was_open))):
            return []
        if answers and not said.get("from_finalize"):
            self._owed += 1
        words = heard.get("words")
        speaker = _first(words).get("speaker")
        languages = heard.get("languages")
        language = languages[0] if isinstance(languages, list) and languages else None
        return [
            Transcript(
                text,
                is_final,
                is_speech_end=is_end,
                confidence=_number(heard.get("confidence")) if text else None,
                language=language if isinstance(language, str) else None,
                speaker_id=str(speaker) if isinstance(speaker, int) and not isinstance(speaker, bool) else None,
                from_finalize=answers,
            )
        ]

    def _is_answer(self, end: int) -> bool:
        """Of the oldest Finalize; not a late one of those that `tick` has answered."""
        if not self._pending:
            self._owed = max(0, self._owed - 1)
            return False
        if self._owed and not self._reaches(end):
            self._owed -= 1
            return False
        return True

    def _reaches(self, end: int) -> bool:
        """All that was sent before the oldest Finalize."""
        return bool(self._pending) and end > 0 and end >= self._pending[0][1] - int(SLACK_S * self._rate)

    def _is_nothing_left(self, position: int) -> bool:
        is_short = position - self.heard_samples < SHORT_S * self._rate
        return not self._is_open and (is_short or self._reaches(self._empty_to))

    def _answer_for_it(self) -> Transcript:
        self._pending.popleft()
        self._owed += 1
        return Transcript("", is_final=True, from_finalize=True)


def of_code(code: str, text: str) -> ProviderError:
    """An error message, or a close frame's reason: DATA-… is ours, NET-… is the line's."""
    both = f"{code} {text}"
    kind = "bad_request" if "DATA-" in both or "Bad Request" in both or "BAD_REQUEST" in both else "unavailable"
    if "AUTH" in code.upper():
        return ProviderError(f"{PROVIDER} refuses the key", "rejected_key", PROVIDER)
    return ProviderError(f"{PROVIDER}: {both.strip()[:200] or 'an error'}", kind, PROVIDER)


def _said(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(value: Any) -> Mapping[str, Any]:
    return _dict(value[0]) if isinstance(value, list) and value else {}


def _number(value: Any) -> float | None:
    """A finite one: JSON readers take NaN and Infinity too."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
    return float(value) if is_number else None
