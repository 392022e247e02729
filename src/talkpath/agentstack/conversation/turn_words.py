"""The caller's words until his turn is answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from talkpath.agentstack.conversation.hints import is_nod, words_of
from talkpath.agentstack.providers.base import Transcript

SLACK_S = 0.05  # when the last sound was is known no better
MOST_CHARS = 10_000  # of a turn: ten minutes of speech; more is a recogniser that has gone mad
STALE_S = 5.0  # a nod that nobody needed is forgotten


@dataclass
class TurnWords:
    """Segments that are final, and the one that still changes.

    Attributes
    ----------
    final_at : float or None
        When the last words came.
    confidence : float or None
    """

    language: str | None = None
    finals: list[str] = field(default_factory=list)
    interim: str = ""
    final_at: float | None = None
    confidence: float | None = None
    finalized_at: float | None = None  # when the recogniser said that it has nothing more
    answered: list[str] = field(default_factory=list)  # of the present segment: they come again in its next transcript

    def hear(self, transcript: Transcript, now: float) -> None:
        """What a recogniser says."""
        text = self._news(transcript.text.strip()[:MOST_CHARS])
        if text and not self.text:  # the first of a turn
            self.final_at = self.confidence = None
        if transcript.is_final:
            self.interim, self.answered = "", []
            if text and len(self.text) < MOST_CHARS:
                self.finals.append(text)
                self.final_at, self.confidence = now, transcript.confidence
        else:
            self.interim = text
        if transcript.from_finalize:
            self.finalized_at = now

    def _news(self, text: str) -> str:
        """Without the words that have been answered while they were interim."""
        count, words = len(self.answered), words_of(text)
        if not count or 2 * sum(map(str.__eq__, self.answered, words)) < count:
            return text
        parts = text.split()
        return " ".join(parts[count:]) if len(parts) == len(words) else " ".join(words[count:])

    def is_settled(self, last_sound_at: float | None) -> bool:
        """Nothing more comes of what was said until then: a recogniser has said so, or has ended a segment since."""
        if last_sound_at is None:
            return not self.interim
        by_word = self.finalized_at is not None and self.finalized_at >= last_sound_at
        by_segment = self.final_at is not None and self.final_at >= last_sound_at - SLACK_S and not self.interim
        return by_word or by_segment

    @property
    def text(self) -> str:
        """All words so far."""
        return " ".join([*self.finals, self.interim] if self.interim else self.finals)

    @property
    def is_nod(self) -> bool:
        """No words but a listener's."""
        return is_nod(self.text, self.language)

    def forget_old_nods(self, now: float) -> None:
        """He begins to speak: what he muttered long ago is no part of it."""
        if self.final_at is not None and now - self.final_at > STALE_S and self.is_nod:
            self.take()

    def take(self) -> str:
        """All words; they are answered now."""
        text, self.answered = self.text, words_of(self.interim) or self.answered
        self.finals, self.interim = [], ""
        return text
