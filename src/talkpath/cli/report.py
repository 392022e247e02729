"""`talkpath report`: calls explained, as pages that need no network, or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from talkpath.errors import ConfigError, TalkpathError
from talkpath.recordings import CHANNELS

if TYPE_CHECKING:
    from talkpath.report import CallReport

_EPILOG = """\
A log is what call.record() wrote: it is replayed bit for bit. Of a recording, left is the caller and right is what the caller heard; two
equal channels are one caller. Of several calls a folder is written: a page each, and index.html with the worst first; two to four are set
side by side. Exit status: 0; 1, a call could not be read; 2, the command itself was wrong. docs/report.md explains the page.
"""


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    report = commands.add_parser(
        "report",
        help="explain a call: a page with sound, picture and tables",
        description="Reads logs of calls, or their recordings, and writes one file of HTML for each: waveforms and spectra of both directions, "
        "events, turns, interruptions, and what the line did, judged. It needs no network and fits into a mail.",
        epilog=_EPILOG,
    )
    add = report.add_argument
    add("call", type=Path, nargs="+", metavar="CALL|LOG",
        help="a log of call.record, or a recording (WAV, FLAC, Ogg, MP3)")  # fmt: skip
    add("-o", "--out", type=Path, metavar="FILE.html|DIR",
        help="default: the call's name with .html, here; - is standard output; of several calls a folder (default: reports)")  # fmt: skip
    add("--json", action="store_true", help="print every number as JSON; a page is written only with -o")
    add("--no-audio", action="store_true", help="leave the sound out of the page")
    add("--channels", default="auto", choices=CHANNELS, help="of a recording: who is where (default: %(default)s)")
    add("--title", default="", help="of the page, or of the folder's (default: the file's name)")


def run_report(args: argparse.Namespace) -> int:
    """Write the pages; returns the exit status."""
    try:
        return _one(args) if len(args.call) == 1 else _many(args)
    except ConfigError as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 2
    except (TalkpathError, OSError) as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 1


def _read(args: argparse.Namespace, path: Path, wanted: bool, title: str = "") -> tuple[CallReport, str]:
    """A call's report, and its page where one is wanted."""
    from talkpath.report import read_call, render, report_of

    material = read_call(path, args.channels)
    report = report_of(material)
    return report, render(report, material, audio=not args.no_audio, title=title) if wanted else ""


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def _told(report: CallReport) -> str:
    return ", ".join(row.label for row in report.health if row.verdict in ("red", "amber")) or "nothing"


def _one(args: argparse.Namespace) -> int:
    path: Path = args.call[0]
    wanted = args.out is not None or not args.json
    report, page = _read(args, path, wanted, args.title)
    if args.json:
        _print_json(report.to_dict())
    out = args.out or Path(path.stem + ".html")
    if wanted and str(out) == "-":
        sys.stdout.write(page)
    elif wanted:
        out.write_text(page, encoding="utf-8")
        print(f"wrote {out} ({len(page.encode()) / 1e6:.1f} MB); to look at: {_told(report)}", file=sys.stderr)
    return 0


def _many(args: argparse.Namespace) -> int:
    from talkpath.report import Listed, render_fleet

    wanted = args.out is not None or not args.json
    folder: Path = args.out or Path("reports")
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
    listed: list[Listed] = []
    unread: list[tuple[str, str]] = []
    taken: set[str] = set()
    was_stopped = False
    try:
        for path in args.call:
            try:
                report, page = _read(args, path, wanted)
            except ConfigError:
                raise
            except (TalkpathError, OSError) as problem:
                unread.append((path.name, str(problem).removeprefix(f"{path}: ")))
                print(f"talkpath: {problem}", file=sys.stderr)
                continue
            name = _page_name(path.stem, taken)
            if wanted:
                (folder / name).write_text(page, encoding="utf-8")
                print(f"{folder / name}; to look at: {_told(report)}", file=sys.stderr)
            listed.append(Listed(report, quote(name)))
    except KeyboardInterrupt:  # what is finished is listed
        was_stopped = True
    if args.json:
        _print_json([one.report.to_dict() for one in listed])
    if wanted:
        index, title = folder / "index.html", args.title or f"{len(listed)} calls"
        index.write_text(render_fleet(listed, title=title, unread=unread), encoding="utf-8")
        print(f"wrote {index}: {len(listed)} calls, the worst first", file=sys.stderr)
    return 130 if was_stopped else 1 if unread else 0


def _page_name(stem: str, taken: set[str]) -> str:
    """A name for a call's page that no other has."""
    name, n = f"{stem}.html", 1
    while name in taken or name == "index.html":
        n += 1
        name = f"{stem}-{n}.html"
    taken.add(name)
    return name
