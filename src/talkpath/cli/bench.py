"""`talkpath bench`: what a call costs on this machine, scene by scene."""

from __future__ import annotations

import argparse
import json
import sys


def add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    bench = commands.add_parser(
        "bench",
        help="what a call costs on this machine",
        description="Takes generated calls through the pipeline on one core: agent and caller take turns, the agent speaks half of the time. A "
        "frame is receive + transmit, and the speak that feeds it. Sockets, providers and your own code come on top.",
    )
    bench.add_argument(
        "--seconds", type=_seconds, default=20.0, metavar="S", help="for all scenes together (default: %(default)g)"
    )
    bench.add_argument("--json", action="store_true", help="the figures as JSON")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"0.1 to 3600 (got {text!r})")
    return value


def run_bench(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from talkpath.cli.bench_scenes import SCENES, figures
    from talkpath.cli.machine import machine

    about = machine()
    if args.json:
        json.dump({"machine": about, "scenes": list(figures(args.seconds))}, sys.stdout, ensure_ascii=False, indent=1)
        print()
        return 0
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print(
            "talkpath bench: the table needs the [cli] extra: pip install 'talkpath[cli]'; --json does not",
            file=sys.stderr,
        )
        return 2
    console = Console()
    console.print(
        f"{about['cpu']}, {about['system']}, variant {about['variant']}, Python {about['python']}; one core, frames of 20 ms"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("median", "mean", "p99", "calls a core", "memory"):
        table.add_column(heading, justify="right")
    with console.status("measuring …") as status:
        for number, row in enumerate(figures(args.seconds), 1):
            status.update(f"measuring … {number} of {len(SCENES)}")
            table.add_row(row["scene"], *(f"{row[name]:.1f} µs" for name in ("median_us", "mean_us", "p99_us")),
                          str(row["calls_a_core"]), f"{row['memory_kb']} KB")  # fmt: skip
    console.print(table)
    console.print("[dim]mean and calls a core by processor time; sockets, providers and your own code come on top[/]")
    return 0
