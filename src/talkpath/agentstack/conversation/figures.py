"""What a turn took, and what a session used: the numbers of `turn.completed`, `turn.metrics` and `session.usage`.

Source: `reference/agentstack.md` of the design, sections 10 and 15.9. All times are counted from the caller's last sound, not from the detector's end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from talkpath.agentstack.conversation.floor_items import Spoken
from talkpath.agentstack.conversation.utterance import Utterance
from talkpath.agentstack.providers.base import Finished

Iso = Callable[[float], str]  # a time of the clock as ISO 8601
FRAME_S = 0.02


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)


def _between(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else max(0.0, second - first)


@dataclass(slots=True, eq=False)
class TurnFigures:
    """One answer, from the caller's first sound to the agent's last. Times are of one clock, in s."""

    turn_number: int
    turn_id: str
    user_text: str = ""
    agent_first: bool = False
    agent_tool_id: str | None = None
    user_started_at: float | None = None
    user_stopped_at: float | None = None  # his last sound
    final_at: float | None = None  # when the words were there
    decided_at: float | None = None  # when the turn was over
    agent_started_at: float | None = None
    agent_stopped_at: float | None = None
    perceived_ms: float | None = None  # as the engine measured it
    turn_method: str | None = None
    turn_probability: float | None = None
    min_delay_ms: int | None = None
    max_delay_ms: int | None = None
    stt_provider: str | None = None
    stt_model: str | None = None
    stt_confidence: float | None = None
    llm_ttft_s: float | None = None
    llm_duration_s: float | None = None
    llm_cancelled: bool = False
    llm: Finished = field(default_factory=Finished)
    tts: Spoken = field(default_factory=Spoken)
    tts_provider: str | None = None
    tts_model: str | None = None
    tts_cancelled: bool = False
    interrupted: bool = False
    num_interruptions: int = 0
    num_backchannels: int = 0
    interruption_detection_delay_ms: float | None = None
    interruption_total_duration_ms: float | None = None
    error_source: str | None = None
    utterances: list[Utterance] = field(default_factory=list)
    pipeline: str = "stt_llm_tts"
    realtime_ttft_s: float | None = None  # of a model that speaks: to its first sound

    @property
    def agent_text(self) -> str:
        """What was heard of it."""
        return " ".join(text for text in (u.heard_text() for u in self.utterances) if text)

    def spoke(self, spoken: Spoken, provider: str, model: str) -> None:
        """A sentence was made."""
        self.tts_provider, self.tts_model = provider, model
        if self.tts.ttfb_s is None:
            self.tts.ttfb_s, self.tts.asked_at = spoken.ttfb_s, spoken.asked_at
        self.tts.work_s += spoken.work_s
        self.tts.audio_s += spoken.audio_s
        self.tts.characters += spoken.characters

    @property
    def user_perceived_s(self) -> float | None:
        """From the caller's last sound to the first frame."""
        seconds = _between(self.user_stopped_at, self.agent_started_at)
        return seconds if self.perceived_ms is None else self.perceived_ms / 1000

    @property
    def tts_ttfb_s(self) -> float | None:
        """From the text to the frame that the first of its sound left with: the way from the voice to that frame is the voice's."""
        first_s, perceived_s = self.tts.ttfb_s, self.user_perceived_s
        if first_s is None or perceived_s is None or self.tts.asked_at is None or self.user_stopped_at is None:
            return first_s
        to_frame_s = self.user_stopped_at + perceived_s - self.tts.asked_at - first_s
        return first_s + min(max(0.0, to_frame_s), FRAME_S)

    def completed(self, iso: Iso) -> dict[str, Any]:
        """`turn.completed`."""
        return {
            "type": "turn.completed", "turn_number": self.turn_number, "turn_id": self.turn_id, "user_text": self.user_text,
            "agent_text": self.agent_text, "agent_first": self.agent_first, "agent_tool_id": self.agent_tool_id,
            "turn_decision_s": _between(self.user_stopped_at, self.decided_at),
            "transcription_delay_s": _between(self.user_stopped_at, self.final_at), "llm_ttft_s": self.llm_ttft_s,
            "tts_ttfb_s": self.tts_ttfb_s, "realtime_ttft_s": self.realtime_ttft_s, **_but(self._times(iso), "agent_stopped_speaking_at"),
        }  # fmt: skip

    def metrics(self, iso: Iso) -> dict[str, Any]:
        """`turn.metrics`."""
        spoken_words = len(self.agent_text.split())
        llm, took_s = self.llm, self.llm_duration_s
        writes_s = None if took_s is None or self.llm_ttft_s is None else took_s - self.llm_ttft_s
        return {
            "type": "turn.metrics", "turn_number": self.turn_number, "interrupted": self.interrupted, "agent_first": self.agent_first,
            "agent_tool_id": self.agent_tool_id, "user_text": self.user_text, "agent_text": self.agent_text, "pipeline": self.pipeline,
            "user_perceived_ms": _ms(self.user_perceived_s),
            "stt_delay_ms": _ms(_between(self.user_stopped_at, self.final_at)),
            "turn_decision_ms": _ms(_between(self.user_stopped_at, self.decided_at)),
            "turn_method": self.turn_method, "turn_probability": self.turn_probability,
            "endpointing_min_delay_ms": self.min_delay_ms, "endpointing_max_delay_ms": self.max_delay_ms,
            "llm_ttft_ms": _ms(self.llm_ttft_s), "llm_duration_ms": _ms(took_s), "llm_cancelled": self.llm_cancelled,
            "llm_prompt_tokens": llm.input_tokens, "llm_completion_tokens": llm.output_tokens,
            "llm_total_tokens": llm.input_tokens + llm.output_tokens, "llm_cache_read_tokens": llm.cached_tokens,
            "llm_cache_hit_ratio": round(llm.cached_tokens / llm.input_tokens, 3) if llm.input_tokens else None,
            "llm_tokens_per_second": round(llm.output_tokens / writes_s, 1) if writes_s and llm.output_tokens else None,
            "llm_provider": llm.provider or None, "llm_model": llm.model or None, "llm_request_id": llm.request_id or None,
            "tts_ttfb_ms": _ms(self.tts_ttfb_s), "tts_duration_ms": _ms(self.tts.work_s), "tts_cancelled": self.tts_cancelled,
            "tts_audio_duration_ms": _ms(self.tts.audio_s), "tts_characters": self.tts.characters, "tts_streamed": True,
            "tts_provider": self.tts_provider, "tts_model": self.tts_model,
            "stt_provider": self.stt_provider, "stt_model": self.stt_model, "stt_confidence": self.stt_confidence, "stt_streamed": True,
            "stt_audio_duration_ms": _ms(_between(self.user_started_at, self.user_stopped_at)),
            "num_interruptions": self.num_interruptions, "num_backchannels": self.num_backchannels,
            "interruption_detection_delay_ms": _rounded(self.interruption_detection_delay_ms),
            "interruption_total_duration_ms": _rounded(self.interruption_total_duration_ms),
            "speaking_rate": round(spoken_words / self.tts.audio_s, 2) if self.tts.audio_s and spoken_words else None,
            "error_source": self.error_source, **self._times(iso), **(self._realtime() if self.pipeline == "s2s" else {}),
        }  # fmt: skip

    def _realtime(self) -> dict[str, Any]:
        """Of a model that hears and speaks: its figures are neither a model's nor a voice's."""
        llm, took_s = self.llm, self.llm_duration_s
        nothing = dict.fromkeys(("llm_ttft_ms", "llm_duration_ms", "llm_prompt_tokens", "llm_completion_tokens", "llm_total_tokens",
                                 "llm_cache_read_tokens", "llm_cache_hit_ratio", "llm_tokens_per_second", "llm_provider", "llm_model",
                                 "llm_request_id", "tts_ttfb_ms", "tts_duration_ms", "tts_audio_duration_ms", "tts_characters"))  # fmt: skip
        return {
            **nothing, "realtime_ttft_ms": _ms(self.realtime_ttft_s), "realtime_duration_ms": _ms(took_s), "realtime_cancelled": self.llm_cancelled,
            "realtime_input_tokens": llm.input_tokens, "realtime_output_tokens": llm.output_tokens,
            "realtime_total_tokens": llm.input_tokens + llm.output_tokens, "realtime_cached_tokens": llm.cached_tokens,
            "realtime_provider": llm.provider or None, "realtime_model": llm.model or None, "realtime_request_id": llm.request_id or None,
        }  # fmt: skip

    def _times(self, iso: Iso) -> dict[str, str | None]:
        times = {
            "user_started_speaking_at": self.user_started_at, "user_stopped_speaking_at": self.user_stopped_at,
            "agent_started_speaking_at": self.agent_started_at, "agent_stopped_speaking_at": self.agent_stopped_at,
        }  # fmt: skip
        return {name: None if at is None else iso(at) for name, at in times.items()}


def _but(fields: dict[str, str | None], name: str) -> dict[str, str | None]:
    return {key: value for key, value in fields.items() if key != name}


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


class Usage:
    """What a session used, by provider and model; grows only."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str, str], dict[str, Any]] = {}

    def llm(self, finished: Finished, duration_s: float) -> None:
        """An answer of a model."""
        entry = self._entry("llm_usage", finished.provider, finished.model,
                            input_tokens=0, input_cached_tokens=0, output_tokens=0, session_duration=0.0)  # fmt: skip
        entry["input_tokens"] += finished.input_tokens
        entry["input_cached_tokens"] += finished.cached_tokens
        entry["output_tokens"] += finished.output_tokens
        entry["session_duration"] = round(entry["session_duration"] + duration_s, 3)

    def tts(self, provider: str, model: str, spoken: Spoken) -> None:
        """A sentence that was sent to a voice."""
        entry = self._entry(
            "tts_usage", provider, model, characters_count=0, audio_duration=0.0, input_tokens=0, output_tokens=0
        )
        entry["characters_count"] += spoken.characters
        entry["audio_duration"] = round(entry["audio_duration"] + spoken.audio_s, 3)

    def stt(self, provider: str, model: str, audio_s: float) -> None:
        """All that a recogniser was given so far."""
        entry = self._entry("stt_usage", provider, model, audio_duration=0.0, input_tokens=0, output_tokens=0)
        entry["audio_duration"] = round(max(entry["audio_duration"], audio_s), 3)

    def overlap(self) -> None:
        """The caller spoke over the agent, and it was judged."""
        self._entry("interruption_usage", "talkpath", "gate", total_requests=0)["total_requests"] += 1

    def models(self) -> list[dict[str, Any]]:
        """`session.usage`'s."""
        return [dict(entry) for entry in self._models.values()]

    def seconds(self, kind: str, name: str) -> int:
        """A duration of all models of a kind, whole seconds."""
        return round(sum(float(entry[name]) for entry in self._models.values() if entry["type"] == kind))

    def _entry(self, kind: str, provider: str, model: str, **start: Any) -> dict[str, Any]:
        return self._models.setdefault(
            (kind, provider, model), {"type": kind, "provider": provider, "model": model, **start}
        )
