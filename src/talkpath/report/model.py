"""What a report says of one call: plain dataclasses of numbers and words; `to_dict()` is what `talkpath report --json` prints."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from talkpath.report.session_model import SessionTold

GREEN, AMBER, RED, UNKNOWN = "green", "amber", "red", "unknown"


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted; both times on the report's axis. `kind` and `name` say what it was."""

    start_s: float
    end_s: float
    kind: str = ""
    name: str = ""

    @property
    def length_s(self) -> float:
        """How long."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Turn:
    """One answer of the agent's.

    Attributes
    ----------
    number : int
    caller_start_s, caller_end_s : float
        Of what the caller said.
    decided_s : float or None
        When the turn was given to the agent; None in a recording, where nobody knows.
    queued_s : float or None
        When the first audio of the answer was given to the engine; None in a recording.
    wire_s : float or None
        When its first sound left for the caller; None: no answer came before the caller's next words.
    trigger, turn_method : str
        What ended the turn, and what chose the silence; empty in a recording.
    response_ms : float or None
        From `caller_end_s` to `wire_s`.
    is_early : bool
        The caller went on: spoke again within 700 ms of the decision, or in the first 600 ms of the answer.
    """

    number: int
    caller_start_s: float
    caller_end_s: float
    decided_s: float | None
    queued_s: float | None
    wire_s: float | None
    trigger: str
    turn_method: str
    response_ms: float | None
    is_early: bool


@dataclass(frozen=True, slots=True)
class Interruption:
    """The caller spoke while the agent did.

    Attributes
    ----------
    onset_s, decided_s : float
        When the caller began; when it was clear what it was.
    kind : str
        "true": the agent was cut; "false": it paused and went on; "back-channel": it ended by itself; "talk-over": both went on;
        "echo", "noise": a sound with some evidence, which came to nothing, as loud as the line's echo of the agent would be, or not; "orchestrator": the agent was cut and the caller had no part in it.
    paused_s : float or None
        When the agent stood still.
    caller_ms : float
        How long the caller spoke.
    evidence : float or None
        The most that the gate had in that time; 1 is enough to interrupt. None in a recording.
    caller_dbov, echo_likelihood : float or None
        How loud the caller was; that the line returns the agent's voice (0 to 1).
    heard_s : float or None
        How much of the utterance had been heard when it was cut.
    doubt : str
        Why this may have been no person's wish to interrupt, or why it was refused; empty where there is nothing to say.
    """

    onset_s: float
    decided_s: float
    kind: str
    paused_s: float | None
    caller_ms: float
    evidence: float | None
    caller_dbov: float | None
    echo_likelihood: float | None
    heard_s: float | None
    doubt: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was generated of one utterance, and what was heard of it; in words, where an agent stack has kept them."""

    name: str
    start_s: float
    end_s: float
    generated_s: float | None
    heard_s: float
    end: str  # "completed", "cut" or "open"
    dropped_marks: tuple[str, ...] = ()
    text: str | None = None
    heard_text: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A key that the caller pressed ("in") or the agent sent ("out"). `is_twice`: the same key came so shortly before that it may be one."""

    at_s: float
    digits: str
    direction: str
    is_twice: bool


@dataclass(frozen=True, slots=True)
class Tone:
    """A tone of the network, or a machine's beep. `found_by`: "call", or "report", which listens to every call for both."""

    at_s: float
    tone: str
    detail: str
    found_by: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered: as the call decided, or as the report would have."""

    at_s: float
    result: str
    method: str
    found_by: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A checkpoint of the agent's: played, or cut off with its speech."""

    at_s: float
    name: str
    is_played: bool


@dataclass(frozen=True, slots=True)
class HealthRow:
    """One judgement of the line.

    Attributes
    ----------
    name, label : str
        For programs, and for people.
    value : float or None
        None: it could not be measured.
    unit : str
    verdict : {"green", "amber", "red", "unknown"}
    rule : str
        How the verdict was found, in words.
    detail : str
        What else is known.
    at_s : float or None
        Where to listen.
    """

    name: str
    label: str
    value: float | None
    unit: str
    verdict: str
    rule: str
    detail: str = ""
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """Who spoke how long. Shares are of the call's length."""

    caller_s: float
    agent_s: float
    caller_share: float
    agent_share: float
    overlap_s: float
    overlaps: tuple[Span, ...]
    dead_air: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class CallReport:
    """Everything that is known of a call.

    Attributes
    ----------
    name, source : str
        Of the file, or the session's id; "log", "recording", or "session" (a recording with the events of an agent stack).
    duration_s, sample_rate_hz : float, int
    stream : str
        The wire format of a log.
    response_ms : dict
        "p50", "p95", "max" and "count" of the turns' `response_ms`.
    stages_ms : dict of dicts
        The same of each stage, from the caller's end on: "decided", "queued", "wire".
    health : tuple of HealthRow
        The worst first.
    spans : dict of tuples of Span
        What is drawn under the waveforms: "caller", "agent", "paused", "echo", "lost", "late".
    counts : dict
        Of events, and of the frames that a log holds.
    session : SessionTold or None
        What the agent stack knows: words, what each turn took, tools, errors.
    """

    name: str
    source: str
    duration_s: float
    sample_rate_hz: int
    stream: str
    turns: tuple[Turn, ...]
    response_ms: dict[str, float | None]
    interruptions: tuple[Interruption, ...]
    utterances: tuple[Utterance, ...]
    keys: tuple[Key, ...]
    tones: tuple[Tone, ...]
    answers: tuple[Answer, ...]
    marks: tuple[Mark, ...]
    talk: Talk
    health: tuple[HealthRow, ...]
    spans: dict[str, tuple[Span, ...]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    session: SessionTold | None = None
    stages_ms: dict[str, dict[str, float | None]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The worst of the line's."""
        found = {row.verdict for row in self.health}
        return next((v for v in (RED, AMBER, GREEN) if v in found), UNKNOWN)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; numbers rounded to what they mean (times to a millisecond)."""
        found: dict[str, Any] = _rounded({**asdict(self), "verdict": self.verdict})
        return found


def _rounded(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, float):
        return round(float(value), 3)
    if isinstance(value, dict):
        return {name: _rounded(v) for name, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, tuple | list) else value
