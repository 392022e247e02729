"""`talkpath bench`: what a call costs on this machine, scene by scene."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from talkpath.cli.arguments import between
from talkpath.cli.problems import OK, STOPPED


def add_bench(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    bench = commands.add_parser(
        "bench",
        help="what a call costs on this machine",
        description="Takes generated calls through the pipeline on one core: agent and caller take turns, the agent speaks half of the time. A "
        "frame is receive + transmit, and the speak that feeds it. Sockets, providers and your own code come on top.",
    )
    bench.add_argument(
        "--seconds",
        type=between(0.1, 3600),
        default=20.0,
        metavar="S",
        help="for all scenes together (default: %(default)g)",
    )
    bench.add_argument("--json", action="store_true", help="the figures as JSON")
    bench.set_defaults(run=run_bench)


def run_bench(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from talkpath.cli.bench_scenes import SCENES, figures
    from talkpath.cli.machine import machine

    about = machine()
    rows: list[dict[str, Any]] = []
    stopped = False
    with _status(args.json) as tell:
        try:
            for row in figures(args.seconds):
                rows.append(row)
                tell(f"measuring … {len(rows)} of {len(SCENES)}")
        except KeyboardInterrupt:  # what is measured is told
            stopped = True
    if args.json:
        json.dump({"machine": about, "scenes": rows}, sys.stdout, ensure_ascii=False, indent=1)
        print()
    else:
        _tell(about, rows)
    return STOPPED if stopped else OK


@contextlib.contextmanager
def _status(quiet: bool) -> Iterator[Callable[[str], None]]:
    if quiet:
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status("measuring …") as status:
        yield status.update


def _tell(about: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(
        f"{about['cpu']}, {about['system']}, variant {about['variant']}, Python {about['python']}; one core, frames of 20 ms"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for heading in ("median", "mean", "p99", "calls a core", "memory"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row["scene"], *(f"{row[name]:.1f} µs" for name in ("median_us", "mean_us", "p99_us")),
                      str(row["calls_a_core"]), f"{row['memory_kb']} KB")  # fmt: skip
    console.print(table)
    console.print("[dim]mean and calls a core by processor time; sockets, providers and your own code come on top[/]")
