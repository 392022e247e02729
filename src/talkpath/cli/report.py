"""`talkpath report`: calls explained, as pages that need no network, or as JSON."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from talkpath.cli.problems import FAILED, OK, STOPPED, folder_to_write, say, told
from talkpath.errors import ConfigError, TalkpathError
from talkpath.recordings import CHANNELS

if TYPE_CHECKING:
    from talkpath.report import CallReport, Material

_EPILOG = """\
A log is what call.record() wrote: it is replayed bit for bit. Of a recording, left is the caller and right is what the caller heard; two
equal channels are one caller. A session is one of `talkpath agents`, by its id or its call's, in the folder of --data: its call needs a log
(TALKPATH_LOGS=1) or a recording. Of several calls a folder is written: a page each, and index.html with the worst first; two to four are set
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
    add("call", nargs="*", metavar="CALL|LOG|SESSION",
        help="a log of call.record, a recording (WAV, FLAC, Ogg, MP3), or the id of an agent stack's session or call")  # fmt: skip
    add("-o", "--out", type=Path, metavar="FILE.html|DIR",
        help="default: the call's name with .html, here; - is standard output; of several calls a folder (default: reports)")  # fmt: skip
    add("--json", action="store_true", help="print every number as JSON; a page is written only with -o")
    add(
        "--no-audio", action="store_true", help="leave the sound out of the page, and the words, unless --text is given"
    )
    add("--text", action=argparse.BooleanOptionalAction, default=None,
        help="--no-text: leave words, digits and telephone numbers out, of --json too (default: as the sound)")  # fmt: skip
    add(
        "--data",
        type=Path,
        metavar="FOLDER",
        help="of the agent stack (default: TALKPATH_DATA, or the --config's, or talkpath-data)",
    )
    add("--config", metavar="FILE", help="the agent stack's settings, for its data folder")
    add("--last", type=_count, metavar="N", help="the newest N sessions of the agent stack, too")
    add("--channels", default="auto", choices=CHANNELS, help="of a recording: who is where (default: %(default)s)")
    add("--title", default="", help="of the page, or of the folder's (default: the file's name)")
    report.set_defaults(run=run_report)


def run_report(args: argparse.Namespace) -> int:
    """Write the pages; returns the exit status."""
    if args.last is not None:
        from talkpath.report import newest_sessions

        args.call += newest_sessions(_data(args), args.last)
    if not args.call:
        raise ConfigError("report: name a call, a log or a session, or give --last N")
    return _one(args) if len(args.call) == 1 and args.last is None else _many(args)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10_000):
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 to 10000 (got {text!r})")
    return int(text)


def _data(args: argparse.Namespace) -> Path:
    """The agent stack's folder."""
    if args.data is not None:
        return Path(args.data)
    from talkpath.agentstack.settings import data_folder

    return data_folder(args.config, os.environ)


def _material(args: argparse.Namespace, name: str) -> Material:
    """A file; or, where there is none of that name and it has no folder and no suffix, a session."""
    from talkpath.report import read_call, read_session

    path = Path(name)
    if path.exists() or (args.data is None and args.config is None and (path.suffix or path.name != name)):
        return read_call(path, args.channels)
    return read_session(_data(args), name)


def _read(args: argparse.Namespace, name: str, wanted: bool, title: str = "") -> tuple[CallReport, str]:
    """A call's report, and its page where one is wanted."""
    from talkpath.report import render, report_of, without_words

    material = _material(args, name)
    report = report_of(material)
    text = not args.no_audio if args.text is None else args.text
    page = render(report, material, audio=not args.no_audio, text=text, title=title) if wanted else ""
    return report if text else without_words(report), page


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False))


def _told(report: CallReport) -> str:
    return ", ".join(row.label for row in report.health if row.verdict in ("red", "amber")) or "nothing"


def _one(args: argparse.Namespace) -> int:
    name: str = args.call[0]
    wanted = args.out is not None or not args.json
    out = args.out or Path(_stem(name) + ".html")
    if wanted and out.is_dir():
        raise ConfigError(f"-o names the page of one call, and {out} is a folder: -o {out / _stem(name)}.html")
    report, page = _read(args, name, wanted, args.title)
    if args.json:
        _print_json(report.to_dict())
    if wanted and str(out) == "-":
        sys.stdout.write(page)
    elif wanted:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
        print(f"wrote {out} ({len(page.encode()) / 1e6:.1f} MB); to look at: {_told(report)}", file=sys.stderr)
    return OK


def _many(args: argparse.Namespace) -> int:
    from talkpath.report import Listed, render_fleet

    wanted = args.out is not None or not args.json
    folder: Path = args.out or Path("reports")
    if wanted:
        folder_to_write("-o", folder)
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
                unread.append((Path(path).name, told(problem).removeprefix(f"{path}: ")))
                say("report", told(problem))
                continue
            name = _page_name(_stem(path), taken)
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
    return STOPPED if was_stopped else FAILED if unread else OK


def _stem(name: str) -> str:
    """Of a page's name: a call's id may hold what no file's name may."""
    if Path(name).exists():
        return Path(name).stem
    return re.sub(r"[^\w.+-]+", "-", name).strip(".-") or "call"


def _page_name(stem: str, taken: set[str]) -> str:
    """A name for a call's page that no other has."""
    name, n = f"{stem}.html", 1
    while name in taken or name == "index.html":
        n += 1
        name = f"{stem}-{n}.html"
    taken.add(name)
    return name
