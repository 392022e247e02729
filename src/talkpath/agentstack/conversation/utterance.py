"""What the agent says in one breath: text beside the audio that was made of it, so that a position is words."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Segment:
    """A sentence, and how long its audio is."""

    text: str
    duration_s: float = 0.0
    is_whole: bool = False  # all of its audio is there


@dataclass(slots=True)
class Utterance:
    """One utterance of the agent.

    Attributes
    ----------
    name : str
        In the engine's events.
    source : {"llm", "speak", "greeting", "idle", "voicemail"}
    segments : list of Segment
        In their order.
    is_cut : bool
        The caller, or a command, ended it.
    heard_s : float
        Of a cut one: what was heard. Of a whole one: all.
    """

    name: str
    source: str
    segments: list[Segment] = field(default_factory=list)
    is_cut: bool = False
    heard_s: float = 0.0

    @property
    def text(self) -> str:
        """All of it."""
        return " ".join(segment.text for segment in self.segments).strip()

    @property
    def duration_s(self) -> float:
        """Of the audio so far."""
        return sum(segment.duration_s for segment in self.segments)

    def heard_text(self) -> str:
        """The words that were heard: all, or those that ended before the cut."""
        return self.text if not self.is_cut else self.text_at(self.heard_s)

    def text_at(self, position_s: float) -> str:
        """The words that had been said at a position.

        Inside of a sentence time is shared out by characters; a word counts when half of it was said.
        """
        found: list[str] = []
        left_s = position_s
        for segment in self.segments:
            if left_s <= 0:
                break
            if segment.is_whole and left_s >= segment.duration_s - 0.02:
                found.append(segment.text)
            else:
                found.append(_share(segment.text, left_s / segment.duration_s if segment.duration_s > 0 else 0.0))
            left_s -= segment.duration_s
        return " ".join(text for text in found if text)


def _share(text: str, share: float) -> str:
    words = text.split(" ")
    total = len(text)
    at, kept = 0, 0
    for word in words:
        if (at + len(word) / 2) / max(1, total) > share:
            break
        kept += 1
        at += len(word) + 1
    return " ".join(words[:kept])
