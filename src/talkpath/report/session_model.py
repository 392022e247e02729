"""What an agent stack knows of a call, on the report's axis: words, what each turn took, tools, and what else happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody's words.

    Attributes
    ----------
    at_s, end_s : float
    who : {"caller", "agent"}
    text : str
        Of the agent: all that was generated.
    heard_text : str
        Of the agent: what the caller heard of it. Of the caller: the same as `text`.
    confidence : float or None
        The recogniser's.
    utterance : str
        Its name, of the agent's.
    """

    at_s: float
    end_s: float
    who: str
    text: str
    heard_text: str
    confidence: float | None = None
    utterance: str = ""


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """What one turn took, by the agent stack's figures; times in ms from the caller's last sound, or of their own.

    Attributes
    ----------
    number : int
    at_s : float or None
        The caller's last sound; where the agent speaks first, its own.
    user_text, agent_text : str
        What was heard of either.
    stt_ms : float or None
        From the caller's last sound to the final words.
    decision_ms : float or None
        To the end of the turn, words and silence together.
    llm_ms, tts_ms : float or None
        From the request to the model's first word; from the text to its first sound.
    perceived_ms : float or None
        From the caller's last sound to the agent's first.
    stt, llm, tts : str
        Who did it: provider and model.
    """

    number: int
    at_s: float | None
    user_text: str
    agent_text: str
    agent_first: bool
    interrupted: bool
    stt_ms: float | None
    decision_ms: float | None
    llm_ms: float | None
    tts_ms: float | None
    perceived_ms: float | None
    stt: str
    llm: str
    tts: str
    error_source: str


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A tool that the model has called, and what came of it."""

    at_s: float
    name: str
    arguments: str
    output: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class Note:
    """Something else that the app was told: a hand-over, an error, a transfer, an idle caller. `kind` is the event's type."""

    at_s: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionTold:
    """A session of the agent stack.

    Attributes
    ----------
    sound_from : {"log", "recording"}
        Where the sound comes from.
    usage : list of dict
        As `session.usage` has it.
    """

    agent_session_id: str
    call_uuid: str
    agent_uuid: str
    agent_name: str
    direction: str
    from_number: str
    to_number: str
    created_at: str
    ended_at: str
    state: str
    reason: str
    error: str
    hangup_cause: str
    sound_from: str
    said: tuple[Said, ...] = ()
    turns: tuple[TurnTimes, ...] = ()
    tools: tuple[ToolRun, ...] = ()
    notes: tuple[Note, ...] = ()
    usage: tuple[dict[str, Any], ...] = ()
