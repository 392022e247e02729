"""The caller's words until his turn is answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from talkpath.agentstack.conversation.hints import is_nod
from talkpath.agentstack.providers.base import Transcript

SLACK_S = 0.05  # when the last sound was is known no better
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

    def hear(self, transcript: Transcript, now: float) -> None:
        """What a recogniser says."""
        if transcript.is_final:
            self.interim = ""
            if transcript.text.strip():
                self.finals.append(transcript.text.strip())
                self.final_at, self.confidence = now, transcript.confidence
        else:
            self.interim = transcript.text.strip()
        if transcript.from_finalize:
            self.finalized_at = now

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
        text, self.finals, self.interim = self.text, [], ""
        return text
