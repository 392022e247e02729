"""`talkpath report`: one call explained, as a page that needs no network, or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from talkpath.errors import ConfigError, TalkpathError
from talkpath.recordings import CHANNELS

_EPILOG = """\
A log is what call.record() wrote: it is replayed bit for bit. Of a recording, left is the caller and right is what the caller heard; two
equal channels are one caller. Exit status: 0; 1, the call cannot be read; 2, the command itself was wrong. docs/report.md explains the page.
"""


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    report = commands.add_parser(
        "report",
        help="explain one call: a page with sound, picture and tables",
        description="Reads a log of a call, or its recording, and writes one file of HTML: waveforms and spectra of both directions, events, turns, "
        "interruptions, and what the line did, judged. It needs no network and fits into a mail.",
        epilog=_EPILOG,
    )
    report.add_argument(
        "call", type=Path, metavar="CALL|LOG", help="a log of call.record, or a recording (WAV, FLAC, Ogg, MP3)"
    )
    report.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE.html",
        help="default: the call's name with .html, here; - is standard output",
    )
    report.add_argument(
        "--json", action="store_true", help="print every number as JSON; a page is written only with -o"
    )
    report.add_argument("--no-audio", action="store_true", help="leave the sound out of the page")
    report.add_argument("--channels", default="auto", choices=CHANNELS,
                        help="of a recording: which is which (default: %(default)s)")  # fmt: skip
    report.add_argument("--title", default="", help="default: the file's name")


def run_report(args: argparse.Namespace) -> int:
    """Write the page; returns the exit status."""
    from talkpath.report import read_call, render, report_of

    try:
        material = read_call(args.call, args.channels)
        report = report_of(material)
        if args.json:
            print(json.dumps(report.to_dict(), ensure_ascii=False, indent=1, allow_nan=False))
        if args.out is not None or not args.json:
            page = render(report, material, audio=not args.no_audio, title=args.title)
            out = args.out or Path(args.call.stem + ".html")
            if str(out) == "-":
                sys.stdout.write(page)
                return 0
            out.write_text(page, encoding="utf-8")
            told = [row.label for row in report.health if row.verdict in ("red", "amber")]
            print(
                f"wrote {out} ({len(page.encode()) / 1e6:.1f} MB); to look at: {', '.join(told) or 'nothing'}",
                file=sys.stderr,
            )
    except ConfigError as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 2
    except (TalkpathError, OSError) as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 1
    return 0
