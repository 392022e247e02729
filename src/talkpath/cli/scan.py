"""`talkpath scan`: an archive of recordings as two tables."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from talkpath.cli.arguments import between, count
from talkpath.cli.problems import FAILED, OK, say
from talkpath.errors import ConfigError
from talkpath.recordings import CHANNELS, EXTENSIONS

if TYPE_CHECKING:
    from talkpath.scan.archive import Summary

_SHOWN = 20  # skipped files on the terminal; the table has all
_EPILOG = """\
Exit status: 0 all is done, and the skipped files are in the table with their reason (--strict: 1 when there are any); 1 the tables cannot be
written; 2 wrong usage; 130 stopped by Ctrl-C or SIGTERM: what was done is kept, and the same command goes on. Columns, and questions to ask
them with DuckDB: docs/scan.md.
"""


def add_scan(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    scan = commands.add_parser(
        "scan",
        help="an archive of recordings as a table: voicemails, beeps, keys, echo, dead air, clipping, one-way audio",
        description="Takes every recording below a folder (WAV, FLAC, Ogg, MP3, …) through the engine's detectors and writes a row a recording "
        "and, in *.events.parquet beside it, a row an event. Scanned again, only what is new or changed is done.",
        epilog=_EPILOG,
    )
    add = scan.add_argument
    add("folder", metavar="DIR", help="a folder, a recording, or a URI that pyarrow knows (s3://bucket/calls)")
    add("-o", "--out", default="calls.parquet", metavar="FILE", help="path or URI (default: %(default)s)")
    add("--channels", default="auto", choices=CHANNELS,
        help="who is where (default: auto: one, or two equal ones: the caller; two others: caller left, agent right)")  # fmt: skip
    add("--workers", type=count, metavar="N", help="processes (default: one a core)")
    add(
        "--max-hours",
        type=between(0, 1000),
        default=12.0,
        metavar="H",
        help="longer recordings are skipped (default: %(default)g)",
    )
    add("--fresh", action="store_true", help="do all anew, whatever was done before")
    add(
        "--engine",
        choices=("processes", "ray"),
        default="processes",
        help="ray: on a Ray cluster (default: %(default)s)",
    )
    add("--ray-address", metavar="ADDRESS", help="of a cluster that runs (default: one is started here)")
    add("--strict", action="store_true", help="exit status 1 when a file was skipped")
    add("--json", action="store_true", help="the summary as JSON to stdout, and nothing else")
    scan.set_defaults(run=run_scan)


def run_scan(args: argparse.Namespace) -> int:
    """Run the command; returns the exit status."""
    from talkpath.cli.scan_progress import ScanProgress
    from talkpath.scan.archive import Interrupted, scan
    from talkpath.scan.work import Job

    if args.ray_address is not None and args.engine != "ray":
        raise ConfigError("--ray-address needs --engine ray")
    before: Any = None
    with contextlib.suppress(ValueError):  # not the main thread
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    job = Job(args.folder, args.channels, args.max_hours)
    try:
        with ScanProgress(quiet=args.json) as progress:
            summary = scan(
                job, args.out, workers=args.workers, engine=args.engine, ray_address=args.ray_address, fresh=args.fresh,
                progress=progress,
            )  # fmt: skip
    except Interrupted as stopped:
        raise KeyboardInterrupt(str(stopped)) from None
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    if args.json:
        json.dump(summary.to_dict(), sys.stdout, ensure_ascii=False)
        print()
    else:
        _tell(summary)
    if not summary.files:
        say("scan", f"there is no recording below {args.folder}: names must end with {', '.join(sorted(EXTENSIONS))}")
    return FAILED if args.strict and summary.skipped else OK


def _tell(summary: Summary) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console()
    speed = f": {summary.sound_s / 3600:.2f} h of sound in {summary.wall_s:.1f} s, {summary.times_real_time:.0f} × real time"
    console.print(
        f"{summary.files} recordings, {summary.scanned} scanned{speed if summary.scanned else ' (nothing is new)'}"
    )
    console.print(", ".join(f"{who} {count}" for who, count in summary.answered_by.items()), style="dim")
    if summary.skipped:
        console.print(f"[yellow]{len(summary.skipped)} skipped:[/]")
        for line in summary.skipped[:_SHOWN]:
            console.print(f"  {escape(line['path'])}: {escape(line['error'])}", soft_wrap=True, highlight=False)
        if len(summary.skipped) > _SHOWN:
            console.print(f"  … and {len(summary.skipped) - _SHOWN} more: column `error` of the table")
    console.print(
        f"[dim]wrote {escape(summary.calls)} and {escape(summary.events)}[/]", soft_wrap=True, highlight=False
    )
