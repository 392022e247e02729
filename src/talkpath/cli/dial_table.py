"""The table of `talkpath dial`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from talkpath.phone import CallPlan, CallResult

MOST_CALLS = 12  # more are told together, and the worst of them apart


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _median(values: Sequence[float]) -> str:
    return _ms(sorted(values)[len(values) // 2]) if values else "–"


def _spread(found: dict[str, Any]) -> str:
    if not found["count"]:
        return "–"
    return f"p50 {_ms(found['p50'])}, p99 {_ms(found['p99'])}, p99.9 {_ms(found['p999'])}, max {_ms(found['max'])} ms"


def _late(found: dict[str, Any]) -> str:
    counts = ", ".join(f"{found[f'over_{ms}']} > {ms} ms" for ms in (5, 20, 60))
    return f"{_spread(found)}; of {found['count']}: {counts}"


def _calls(results: Sequence[CallResult]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for name in ("call", "s", "gap p50", "p99", "p99.9", "max", "late >5", ">20", ">60", "first", "answer", "silent",
                 "holes"):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True)
    for r in results:
        if r.refused:
            continue
        table.add_row(
            str(r.number), f"{r.duration_s:.1f}", _ms(r.gaps.p50), _ms(r.gaps.p99), _ms(r.gaps.p999), _ms(r.gaps.max),
            str(r.late.over_5), str(r.late.over_20), str(r.late.over_60), _ms(r.first_audio_ms), _median(r.answers_ms),
            _median([barge.silence_ms for barge in r.barge_ins if barge.silence_ms is not None]), str(r.holes),
        )  # fmt: skip
    return table


def _troubles(results: Sequence[CallResult]) -> list[str]:
    """What went wrong, with the numbers of the calls."""
    found: dict[str, list[str]] = {}
    for r in results:
        texts = [r.refused] if r.refused else [*([] if r.answered else [f"no audio came; {r.ended}"]), *r.failed]
        for text in dict.fromkeys(texts):
            found.setdefault(text, []).append(str(r.number))
    return [
        f"call{'s' if len(calls) > 1 else ''} {', '.join(calls[:MOST_CALLS])}{' …' if len(calls) > MOST_CALLS else ''}: {text}"
        for text, calls in found.items()
    ]


def print_table(
    url: str,
    plan: CallPlan,
    transport: str,
    results: Sequence[CallResult],
    total: dict[str, Any],
    console: Console | None = None,
) -> None:
    """What came of the calls, for a person."""
    console = console or Console()
    console.print(
        f"[bold]{url}[/]  {plan.provider}, caller {plan.caller.name or 'script'}, line {plan.line.name}, {transport}"
    )
    worst = sorted(results, key=lambda r: (r.ok, -r.late.spread.max))
    shown = results if len(results) <= MOST_CALLS else sorted(worst[:MOST_CALLS], key=lambda r: r.number)
    if total["answered"]:
        console.print(_calls(shown))
        if len(results) > len(shown):
            console.print(f"[dim]the {len(shown)} worst of {len(results)}[/]")
    for text in _troubles(results):
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    both = Table(box=None, pad_edge=False, show_header=False)
    both.add_column(style="bold")
    both.add_column(overflow="fold")
    ended = ", ".join(f"{n} × {reason}" for reason, n in total["ended"].items())
    both.add_row(
        "calls", f"{total['calls']}: {total['answered']} answered, {total['failed_checks']} failed checks; {ended}"
    )
    if total["answered"]:
        both.add_row("frames late", _late(total["late_ms"]))
        both.add_row("… but for the machine's pauses", _late(total["late_but_for_machine_ms"]))
        both.add_row("phone late", _late(total["own_late_ms"]))
        machine = total["machine"]
        both.add_row("machine late", f"p99.9 {_ms(machine['p999_ms'])}, max {_ms(machine['max_ms'])} ms; of "
                                     f"{machine['wakes']}: {machine['over_5']} > 5 ms")  # fmt: skip
        cost = total["phone_cpu"]
        both.add_row(
            "phone's work", f"{100 * cost['cores']:.0f} % of a core, {cost['us_a_frame']:.0f} µs a call and 20 ms"
        )
        both.add_row("first audio", _spread(total["first_audio_ms"]))
        both.add_row("answer", f"{_spread(total['answer_ms'])}; {total['unanswered']} without")
        both.add_row("clear", _spread(total["clear_ms"]))
        both.add_row("silent", f"{_spread(total['silence_ms'])}; {total['not_interrupted']} spoke on; "
                               f"{total['unprompted_clears']} clears without a word or key of the caller's")  # fmt: skip
        both.add_row("playout", f"{total['holes']} holes, {total['missing_ms']:.0f} ms of audio missing in time")
        also = {
            "pauses of a second or more, which are no gaps": total["pauses"],
            "messages that were refused": total["malformed"],
            "ms of audio too much for the provider's queue": total["dropped_ms"],
        }
        if any(also.values()):
            both.add_row("also", "; ".join(f"{n:.0f} {what}" for what, n in also.items() if n))
    console.print(both)
