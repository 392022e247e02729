"""Tables of what bench/quality measured, for README and docs/quality.md."""

from collections.abc import Callable
from typing import Any

from quality.material import HELD_OUT

NOT_YET = "(not measured yet: `make quality`)"
Row = dict[str, Any]


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    return "–" if value is None else f"{value:{'+' if sign else ''}.{digits}f}".replace("-", "−")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def of(rows: list[Row], who: str, **more: Any) -> Row | None:
    return next((row for row in rows if row["who"] == who and all(row[k] == v for k, v in more.items())), None)


def beside(rows: list[Row], told: Callable[[Row], str]) -> str:
    """The peers, each with its figure."""
    return "; ".join(
        f"{row['who']} {told(row)}" for row in rows if row["who"] not in ("talkpath", "untouched", "silence")
    )


# --- README's -------------------------------------------------------------------------------------------------------------------------


def summary(found: dict[str, Any]) -> str:
    """A row a question, the peers beside."""
    if "quality" not in found:
        return NOT_YET
    q, rows = found["quality"], []
    a = of(q["answer"]["rows"], "talkpath") or {}
    rows.append(("who answered (`voicemail.detected`)",
                 f"{percent(a['balanced'])} right: machines {percent(a['machine'])}, people {percent(a['person'])}, in noise {percent(a['person in noise'])}; "
                 f"{number(a['silence_s'])} s after a person's hello",
                 beside(q["answer"]["rows"], lambda r: f"{percent(r['balanced'])}, {number(r['silence_s'])} s")))  # fmt: skip
    b = q["beeps"]
    alarms, hours = (sum(kind[key] for kind in b["false"].values()) for key in ("alarms", "hours"))
    rows.append(("the beep (`voicemail.beep`)",
                 f"{percent(b['found'])} of {b['voicemails']} found, {b['after_ms_p50']} ms after its end; {alarms} false in {hours:.1f} h", ""))  # fmt: skip
    k = q["keys"]

    def keys(row: Row) -> str:
        return f"{row['accept']} of {row['accept_of']} accept and {row['reject']} of {row['reject_of']} reject tests, {row['false']} false in {k['hours']:.1f} h"

    rows.append(("keys (`user.dtmf`)", keys(of(k["rows"], "talkpath") or {}), beside(k["rows"], keys)))
    for min_ms in (100, 300):
        ours = of(q["interruptions"]["rows"], "talkpath", min_ms=min_ms) or {}
        others = [row for row in q["interruptions"]["rows"] if row["min_ms"] == min_ms]
        rows.append((f"interruptions, {min_ms} ms of speech", interruption(ours), beside(others, shortly)))
    v = q["speech"]["vad"]

    def auc(row: Row) -> str:
        return " / ".join(number(row[name], 3) for name in ("clean", "10 dB", "5 dB"))

    rows.append(
        ("is that speech? ROC-AUC clean / 10 / 5 dB", auc(of(v["rows"], "talkpath") or {}), beside(v["rows"], auc))
    )
    s = q["speech"]["suppression"]["rows"]
    rows.append(("noise suppression: change of PESQ, STOI, DNSMOS", gain(s, of(s, "talkpath") or {}), beside(s, lambda r: gain(s, r))))  # fmt: skip
    rows.append(("lost frames: PESQ, PLCMOS, mean of six losses", loss_mean(of(q["losses"]["rows"], "talkpath") or {}),
                 beside(q["losses"]["rows"], loss_mean)))  # fmt: skip

    def echo(row: Row) -> str:
        return f"{number(row['early_db'], 0)}, {number(row['later_db'], 0)} dB, {number(row['pesq'])}"

    e = q["echo"]["rows"]
    rows.append(("the agent's echo: turned down in the first 3 s, later; PESQ of a caller over it", echo(of(e, "talkpath") or {}), beside(e, echo)))  # fmt: skip
    return table(("through the call", "talkpath", "peers on the same audio"), rows)


def interruption(row: Row) -> str:
    echo, none = row["echo"], row["no_echo"]
    return (
        f"{percent(echo['right'])} of calls right with echo, {percent(none['right'])} without; found in 500 ms {percent(echo['in_500_ms'])} and "
        f"{percent(none['in_500_ms'])}; {number(echo['false_a_minute'])} and {number(none['false_a_minute'])} false a minute of the agent's speech"
    )


def shortly(row: Row) -> str:
    return f"{percent(row['echo']['right'])}, {percent(row['no_echo']['right'])}; {number(row['echo']['false_a_minute'], 1)} and {number(row['no_echo']['false_a_minute'], 1)} false a minute"


JUDGES = {"pesq": 2, "stoi": 3, "dnsmos": 2}


def gain(rows: list[Row], row: Row) -> str:
    before = of(rows, "untouched") or {}
    return ", ".join(number(row[name] - before[name], digits, True) for name, digits in JUDGES.items() if name in row)


CONDITIONS = ("1 %", "5 %", "10 %", "20 %", "10 %, bursts of 2", "10 %, bursts of 4")


def loss_mean(row: Row) -> str:
    marks = [[row[name][judge] for name in CONDITIONS] for judge in ("pesq", "plcmos") if judge in row[CONDITIONS[0]]]
    return ", ".join(number(sum(values) / len(values)) for values in marks)


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {"quality": summary}


# --- docs/quality.md ------------------------------------------------------------------------------------------------------------------


def interruptions(q: Row) -> str:
    rows = []
    for row in q["interruptions"]["rows"]:
        for line, name in (("echo", "echo"), ("no_echo", "no echo")):
            x = row[line]
            rows.append((row["who"], f"{row['min_ms']} ms", name, percent(x["right"]), f"{x['false']}", number(x["false_a_minute"]),
                         " / ".join(percent(x[f"in_{ms}_ms"]) for ms in (300, 500, 1000)), f"{number(x['median_s'])} s"))  # fmt: skip
    return table(
        ("", "shortest", "line", "calls right", "false", "false a minute", "found in 300 / 500 / 1000 ms", "median"),
        rows,
    )


def answer(q: Row) -> str:
    kinds = list(q["answer"]["calls"])
    rows = [(row["who"], *(percent(row[kind]) for kind in kinds), percent(row["balanced"]), f"{number(row['silence_s'])} s") for row in q["answer"]["rows"]]  # fmt: skip
    return table(
        ("", *(f"{kind} ({q['answer']['calls'][kind]})" for kind in kinds), "balanced", "silence after a hello"), rows
    )


def beeps(q: Row) -> str:
    b = q["beeps"]
    rows = [("found", percent(b["found"])), ("something else taken for it before", str(b["early"])),
            ("told after its end, p50 / p95", f"{b['after_ms_p50']} / {b['after_ms_p95']} ms"),
            *((f"found: {kind}", percent(value)) for kind, value in b["kinds"].items()),
            *((f"false in {x['hours']:.2f} h of {kind}", str(x["alarms"])) for kind, x in b["false"].items())]  # fmt: skip
    return table((f"{b['voicemails']} voicemails", ""), rows)


def keys(q: Row) -> str:
    rows = [(row["who"], f"{row['accept']} of {row['accept_of']}", f"{row['reject']} of {row['reject_of']}", str(row["false"]), ", ".join(row["failed"]))
            for row in q["keys"]["rows"]]  # fmt: skip
    return table(("", "accept tests", "reject tests", f"false in {q['keys']['hours']:.1f} h", "failed"), rows)


def vad(q: Row) -> str:
    rows = [
        (row["who"], *(number(row[name], 3) for name in ("clean", "10 dB", "5 dB")))
        for row in q["speech"]["vad"]["rows"]
    ]
    return table(("ROC-AUC", "clean", "10 dB", "5 dB"), rows)


def suppression(q: Row) -> str:
    s = q["speech"]["suppression"]["rows"]
    names = [name for name in JUDGES if name in s[0]]
    rows = []
    for row in s:
        values = (number(row[name], JUDGES[name]) for name in names)
        rows.append((row["who"], *values, "" if row["who"] == "untouched" else gain(s, row)))
    return table(("", *(name.upper() for name in names), "change"), rows)


def losses(q: Row) -> str:
    rows = [
        (row["who"], *(" / ".join(number(value) for value in row[name].values()) for name in CONDITIONS))
        for row in q["losses"]["rows"]
    ]
    judges = " / ".join(name.upper() for name in q["losses"]["rows"][0][CONDITIONS[0]])
    return table((judges, *CONDITIONS), rows)


def echo(q: Row) -> str:
    rows = [(row["who"], f"{number(row['early_db'], 1)} dB", f"{number(row['later_db'], 1)} dB", number(row["pesq"])) for row in q["echo"]["rows"]]  # fmt: skip
    return table(
        (f"{q['echo']['rows'][0]['lines']} lines", "first 3 s", "later", "PESQ of a caller who speaks over it"), rows
    )


def missing(q: Row) -> str:
    parts = {
        name: q[name].get("missing", []) for name in ("interruptions", "answer", "beeps", "keys", "losses", "echo")
    }
    parts |= {
        "voice activity": q["speech"]["vad"]["missing"],
        "noise suppression": q["speech"]["suppression"]["missing"],
    }
    lines = [f"- {part}: {line}" for part, all_lines in parts.items() for line in all_lines]
    lines += [f"- sounds: {name} is not installed" for name, here in q["material"].items() if not here]
    return "\n".join(lines) or "Nothing."


PAGE = """# Quality

`make quality` measured this and wrote this page. Change nothing here by hand: a test compares the page with `bench/quality.json`.

Everything of talkpath's goes through `CallPipeline`, frame by frame, µ-law at 8 kHz, as a server runs it. Peers get the same audio.
Voices come from packages that anybody can install, lines and noises are generated ([bench/quality](../bench/quality/material.py)). No recording is kept.

## What the networks have not heard

{held_out}

So compare the rows of a table. On other voices and lines the figures differ by some points; [measured](measured.md) has those on recordings of people.

## Interruptions

The agent speaks. Half of the callers say something of 0.5 to 2 s over it. With echo: 50 to 420 ms late, 4 to 30 dB down, of a handset or a room, two in five distorted.
One line in five goes through GSM, one in four loses frames; noise, babble, music or an office behind the caller.
The first pause decides, for a line is the same for everybody. It is *right* within a second of the caller's first sound, or if nobody spoke and there is none.

{interruptions}

The peers' rule: speech for 300 ms, holes of 60 ms allowed.

## Who answered

*A long hello*: a business's, of 1.6 to 2.6 s. *Balanced*: the mean of machines and of the four kinds of people.
Nobody: right is whatever is not a person.

{answer}

The rules are those that Asterisk documents for its `AMD`: a greeting's length, its words, the silence after it. "More patient": 2.4 and 2.7 s, 8 words, 1 s of silence.

## Beeps

Greetings in many voices, a pause, a beep of one of six kinds, 0.1 to 1.8 s, 350 to 2500 Hz, −30 to −4 dB, noise 12 to 40 dB below it.

{beeps}

## Keys

{presses:,} presses, after the limits of ITU-T Q.24, through µ-law. A test is passed with 99 in 100 right and 1 in 100 too many at most. False: in speech, music and network tones.

{keys}

## Is that speech?

{minutes} minutes; frames within 60 ms of an edge are not judged. 20 ms at a time; webrtcvad: how many of its modes say speech.

{vad}

## Noise suppression

{mixes} mixes of 8 s at 0, 5 and 10 dB. DNSMOS hears 8 kHz brought to 16, which it was not made for. It is one of two listeners that our network learnt from, and the other imitates PESQ: both
flatter it ([measured](measured.md#noise-suppression)).

{suppression}

## Lost frames

{talks} talks of 6 s in several languages.

{losses}

## The agent's echo

The agent speaks all the time, a caller over it from the sixth second on. Frames with a loud echo count, noise included.

{echo}

AEC3's noise suppression takes the line's noise away as well, which counts for it in decibels.

## What was left out

{missing}

{machine}
"""


def page(found: dict[str, Any]) -> str:
    """docs/quality.md."""
    if "quality" not in found:
        return f"# Quality\n\n{NOT_YET}\n"
    q = found["quality"]
    return PAGE.format(
        held_out=HELD_OUT, interruptions=interruptions(q), answer=answer(q), beeps=beeps(q), keys=keys(q), presses=q["keys"]["presses"],
        minutes=q["speech"]["vad"]["minutes"], vad=vad(q), mixes=q["speech"]["suppression"]["mixes"], suppression=suppression(q),
        talks=q["losses"]["talks"], losses=losses(q), echo=echo(q), missing=missing(q), machine=q["machine"],
    )  # fmt: skip
