"""What happened between the two, judged as the line is: answer times, turns taken early, cuts in doubt, keys, silence, who answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from talkpath.report.line_health import Limits, judged
from talkpath.report.material import Material
from talkpath.report.model import (
    AMBER,
    GREEN,
    RED,
    UNKNOWN,
    Answer,
    HealthRow,
    Interruption,
    Key,
    Talk,
    Tone,
    Turn,
    Utterance,
)

ANSWER_S = 60.0  # a beep so early may be an answering machine's


def talk_rows(
    material: Material,
    turns: Sequence[Turn],
    response: dict[str, float | None],
    interruptions: Sequence[Interruption],
    utterances: Sequence[Utterance],
    keys: Sequence[Key],
    tones: Sequence[Tone],
    answers: Sequence[Answer],
    talk: Talk,
) -> list[HealthRow]:
    """All of them."""
    early = [t for t in turns if t.is_early]
    doubtful = [i for i in interruptions if i.doubt and i.kind == "true"]
    twice = [k for k in keys if k.is_twice]
    p95 = response["p95"]
    slowest = max((t for t in turns if t.response_ms is not None), key=lambda t: t.response_ms or 0.0, default=None)
    rows = [
        judged("response", "Answer after the caller's end", p95, "ms", Limits(1500.0, 3000.0),
               "95 % of the turns are within it" if p95 is not None else "no turn was answered",
               slowest.caller_end_s if slowest else None),
        judged("early_turns", "Turns taken too early", float(len(early)), "turns", Limits(0.0, 1.0),
               "the caller went on within 0.7 s of the decision, or 0.6 s into the answer",
               early[0].decided_s if early and early[0].decided_s is not None else early[0].wire_s if early else None),
        judged("doubtful_cuts", "Interruptions in doubt", float(len(doubtful)), "cuts", Limits(0.0, 1.0),
               doubtful[0].doubt if doubtful else "", doubtful[0].onset_s if doubtful else None),
        judged("keys_twice", "Keys that came twice", float(len(twice)), "keys", Limits(0.0, 1.0),
               f"{twice[0].digits} twice within 250 ms" if twice else "", twice[0].at_s if twice else None),
        _who_answered(material, tones, answers),
        _dead_air(material, talk),
        _talk_over(material, talk),
    ]  # fmt: skip
    if material.source == "log":
        rows.append(_heard_share(utterances))
    return rows


def _heard_share(utterances: Sequence[Utterance]) -> HealthRow:
    """How much of what was generated was heard: the rest was cut."""
    made = sum(u.generated_s or 0.0 for u in utterances)
    heard = sum(min(u.heard_s, u.generated_s or 0.0) for u in utterances)
    cut = [u for u in utterances if u.end != "completed"]
    share = 100 * heard / made if made else None
    return judged("heard_share", "Heard of what was generated", share, "%", Limits(70.0, 40.0, low=True),
                  f"{heard:.1f} of {made:.1f} s; {len(cut)} of {len(utterances)} utterances not to their end",
                  cut[0].end_s if cut else None)  # fmt: skip


def _dead_air(material: Material, talk: Talk) -> HealthRow:
    longest = max(talk.dead_air, key=lambda s: s.length_s, default=None)
    total = sum(s.length_s for s in talk.dead_air)
    detail = f"{len(talk.dead_air)} in the call, {total:.1f} s in all" if longest else ""
    row = judged("dead_air", "Longest dead air", longest.length_s if longest else 0.0, "s", Limits(2.0, 4.0), detail,
                 longest.start_s if longest else None)  # fmt: skip
    if material.heard_is_known:
        return row
    return replace(row, verdict=UNKNOWN, detail="of the caller's side; what the caller heard is not known")


def _talk_over(material: Material, talk: Talk) -> HealthRow:
    value = 100 * talk.overlap_s / talk.caller_s if material.heard_is_known and talk.caller_s > 0 else None
    return judged("talk_over", "Caller's words under the agent's", value, "% of the caller's speech", Limits(25.0, 50.0),
                  f"{talk.overlap_s:.1f} s", talk.overlaps[0].start_s if talk.overlaps else None)  # fmt: skip


def _who_answered(material: Material, tones: Sequence[Tone], answers: Sequence[Answer]) -> HealthRow:
    name, label = "who_answered", "Who answered"
    rule = "red: taken for a person, and a beep came in the first minute; amber: a beep came and nobody had asked, or nobody knows"
    verdict = answers[-1] if answers else None
    beep = next((t for t in tones if t.tone == "beep" and t.at_s < ANSWER_S), None)
    if verdict is None:
        if beep is None:
            return HealthRow(name, label, None, "", UNKNOWN, rule, "the call was not asked to find out")
        detail = f"a beep ({beep.detail}), as an answering machine's; the call was not asked to find out"
        return HealthRow(name, label, None, "", AMBER, rule, detail, beep.at_s)
    said = f"{verdict.result} by {verdict.method} at {verdict.at_s:.1f} s"
    if verdict.result == "human" and beep is not None and beep.at_s > verdict.at_s:
        return HealthRow(name, label, None, "", RED, rule, f"{said}, but a beep ({beep.detail}) came", beep.at_s)
    return HealthRow(name, label, None, "", AMBER if verdict.result == "unknown" else GREEN, rule, said, verdict.at_s)
