"""The small tables: what was heard of what was generated, keys, tones, who answered, marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import talkpath as tp
from talkpath.call import events as e
from talkpath.report.material import Material, Queued
from talkpath.report.model import Answer, Key, Mark, Span, Tone, Utterance
from talkpath.report.session_model import SessionTold

TWICE_S = 0.25  # from one to the next: nobody presses a key twice so fast
NEAR_S = 1.5
OWN = "talkpath."  # marks that the server, or the agent stack, has set for itself
BLOCK_S = 0.1


@dataclass
class _Open:
    """An utterance on its way."""

    name: str
    queued_s: float
    generated_s: float | None
    start_s: float | None = None
    end_s: float | None = None
    heard_s: float = 0.0
    end: str = "waiting"
    dropped_marks: tuple[str, ...] = ()


def utterances_of(material: Material, agent: Sequence[Span]) -> list[Utterance]:
    """What was generated, and what was heard of it. In a recording only what was heard is known."""
    if material.source == "recording":
        return [Utterance(s.name, s.start_s, s.end_s, None, s.length_s, "completed") for s in agent]
    found: list[_Open] = []
    steps: list[tuple[float, int, Queued | e.Event]] = [(q.at_s, 0, q) for q in material.queued]
    steps += [(at.at_s, 1, at.event) for at in material.events]
    for at_s, _, what in sorted(steps, key=lambda step: step[:2]):
        if isinstance(what, e.Event):
            _follow(found, what, at_s)
        elif found and found[-1].name == what.name and found[-1].end in ("waiting", "open"):
            found[-1].generated_s = (found[-1].generated_s or 0.0) + what.generated_s
        else:
            found.append(_Open(what.name, at_s, what.generated_s))
    rows = []
    for one in found:
        start_s = one.queued_s if one.start_s is None else one.start_s
        end_s = one.end_s if one.end_s is not None else start_s if one.start_s is None else material.duration_s
        end = "never heard" if one.end == "waiting" else one.end
        heard_s = one.heard_s if one.end != "open" else end_s - start_s
        rows.append(Utterance(one.name, start_s, end_s, one.generated_s, heard_s, end, one.dropped_marks))
    return sorted(rows, key=lambda row: row.start_s)


def with_words(utterances: Sequence[Utterance], session: SessionTold | None) -> list[Utterance]:
    """The words of each, where an agent stack has kept them."""
    words = {said.utterance: said for said in (() if session is None else session.said) if said.who == "agent"}
    return [u if (said := words.get(u.name)) is None else replace(u, text=said.text, heard_text=said.heard_text)
            for u in utterances]  # fmt: skip


def _follow(found: list[_Open], event: e.Event, at_s: float) -> None:
    """One event of the playout."""
    match event:
        case e.AgentSpeechStarted(utterance=name):
            one = next((u for u in found if u.name == name and u.end in ("waiting", "never heard")), None)
            if one is None:
                found.append(one := _Open(name, at_s, None))
            one.start_s, one.end_s, one.end = at_s, None, "open"
        case e.AgentSpeechCompleted(utterance=name, playback_position_s=position_s):
            _end(found, name, at_s, position_s, "completed")
        case e.AgentSpeechInterrupted(utterance=name, playback_position_s=position_s, dropped_marks=marks):
            _end(found, name, at_s, position_s, "cut", tuple(mark for mark in marks if not mark.startswith(OWN)))
            for waiting in found:
                if waiting.end == "waiting":
                    waiting.start_s = waiting.end_s = at_s
                    waiting.end = "never heard"
        case e.PlayCompleted(name=name):
            file = next((u for u in found if u.name == name and u.end == "waiting"), None)
            if file is not None:
                file.heard_s = file.generated_s or 0.0
                file.start_s, file.end_s, file.end = max(file.queued_s, at_s - file.heard_s), at_s, "completed"
        case _:
            pass


def _end(found: list[_Open], name: str, at_s: float, heard_s: float, how: str, marks: tuple[str, ...] = ()) -> None:
    one = next((u for u in found if u.name == name and u.end == "open"), None)
    if one is None:  # a file that was cut: it has no event of its start
        one = next((u for u in found if u.name == name and u.end == "waiting"), None)
        if one is None:
            return
        one.start_s = max(one.queued_s, at_s - heard_s)
    one.end_s, one.heard_s, one.end, one.dropped_marks = at_s, heard_s, how, marks


def keys_of(material: Material) -> list[Key]:
    """Keys of both sides."""
    found: list[Key] = []
    last: dict[str, float] = {}
    for at in material.events:
        if isinstance(at.event, e.UserDtmf):
            digit = at.event.digit
            found.append(Key(at.at_s, digit, "in", at.at_s - last.get(digit, -1e9) < TWICE_S))
            last[digit] = at.at_s
        elif isinstance(at.event, e.DtmfSent):
            found.append(Key(at.at_s, at.event.digits, "out", False))
    return found


def tones_of(material: Material) -> list[Tone]:
    """Tones that the call reported, and those that it was not asked for: the report listens to every call."""
    found = []
    by = "report" if material.source == "recording" else "call"
    for at in material.events:
        if isinstance(at.event, e.LineTone):
            found.append(Tone(at.at_s, at.event.tone, at.event.plan, "call" if material.source == "log" else "report"))
        elif isinstance(at.event, e.VoicemailBeep):
            found.append(Tone(at.at_s, "beep", _beep(at.event.frequency_hz, at.event.duration_ms), by))
    keys = [k.at_s for k in keys_of(material)]
    for tone in _heard(material):
        known = any(t.tone == tone.tone and abs(t.at_s - tone.at_s) < NEAR_S for t in found)
        is_key = tone.tone == "beep" and any(abs(at_s - tone.at_s) < 0.5 for at_s in keys)
        if not (known or is_key):
            found.append(tone)
    return sorted(found, key=lambda tone: tone.at_s)


def _beep(frequency_hz: float, duration_ms: float) -> str:
    return f"{frequency_hz:.0f} Hz, {duration_ms:.0f} ms"


def _heard(material: Material) -> list[Tone]:
    rate_hz = material.sample_rate_hz
    beeps, progress = tp.BeepDetector(sample_rate=rate_hz), tp.CallProgressDetector(sample_rate=rate_hz)
    found, block = [], round(BLOCK_S * rate_hz)
    for start in range(0, len(material.caller), block):
        piece = material.caller[start : start + block]
        found += [
            Tone(b.end_ms / 1000, "beep", _beep(b.frequency_hz, b.duration_ms), "report") for b in beeps.process(piece)
        ]
        found += [Tone(p.start_ms / 1000, p.tone, p.plan, "report") for p in progress.process(piece)]
    tones = [t.at_s for t in found if t.tone != "beep"]  # a burst of ringback is no machine's beep
    return [t for t in found if t.tone != "beep" or not any(abs(t.at_s - at_s) < 5.0 for at_s in tones)]


def answers_of(material: Material) -> list[Answer]:
    """Who answered, as the detector said."""
    by = "report" if material.source == "recording" else "call"
    return [
        Answer(at.at_s, at.event.result, at.event.method, by)
        for at in material.events
        if isinstance(at.event, e.VoicemailDetected)
    ]


def marks_of(material: Material) -> list[Mark]:
    """Checkpoints, played and cut."""
    found = []
    for at in material.events:
        if isinstance(at.event, e.MarkPlayed) and not at.event.name.startswith(OWN):
            found.append(Mark(at.at_s, at.event.name, True))
        elif isinstance(at.event, e.AgentSpeechInterrupted):
            found += [Mark(at.at_s, name, False) for name in at.event.dropped_marks if not name.startswith(OWN)]
    return found
