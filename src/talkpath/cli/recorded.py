"""`talkpath run`, `replay` and `demo`: their arguments, and what they print as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkpath.call.config import AUDIO_FORMATS, DETECTION_METHODS, WIRE_FORMATS
from talkpath.call.recording import MAGIC
from talkpath.cli.arguments import between
from talkpath.cli.problems import OK, folder_to_write
from talkpath.errors import FormatError
from talkpath.recordings import CHANNELS

if TYPE_CHECKING:
    from talkpath.cli.run import Taken


def add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    run = commands.add_parser(
        "run",
        help="take a recorded call through the pipeline, frame by frame",
        description="Takes a recorded call through the pipeline, frame by frame, as a server would, and writes "
        "caller.wav (the caller as the speech recogniser hears him), wire.wav (what went to the line), "
        "events.jsonl, and the timeline to the terminal.",
    )
    run.add_argument(
        "caller", type=Path, metavar="CALLER.wav", help="the recording: WAV, FLAC, Ogg, MP3 (--channels: who is where)"
    )
    run.add_argument("--agent", type=Path, metavar="AGENT.wav", help="what the agent says (mono)")
    run.add_argument("--channels", default="auto", choices=CHANNELS,
                     help="of the recording (default: auto: one, or two equal ones: the caller; two others: caller left, agent right)")  # fmt: skip
    _add_out(run, "talkpath-out")
    run.add_argument("--stream", default="audio/x-mulaw;rate=8000", choices=WIRE_FORMATS, metavar="TYPE",
                     help=f"wire format: {', '.join(WIRE_FORMATS)}")  # fmt: skip
    run.add_argument(
        "--audio-format", default="pcm_16k", choices=AUDIO_FORMATS, help="of caller.wav (default: %(default)s)"
    )
    run.add_argument("--detection-method", default="disabled", choices=DETECTION_METHODS,
                     help="audio: the agent made the call; who answers? (default: %(default)s)")  # fmt: skip
    run.add_argument("--loss", type=between(0, 100), default=0.0, metavar="PERCENT",
                     help="drop this share of the caller's frames")  # fmt: skip
    run.set_defaults(run=_run)


def add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    again = commands.add_parser(
        "replay",
        help="run the log of a call again",
        description="Runs a log that call.record() wrote, bit for bit as it was, and writes what `run` writes.",
    )
    again.add_argument("log", type=Path, metavar="LOG")
    _add_out(again, "talkpath-out")
    again.set_defaults(run=_replay)


def add_demo(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    demo = commands.add_parser(
        "demo",
        help="two example calls that the package ships, and a report of one",
        description="Takes two example calls through the pipeline as `run` does, one of them over a speakerphone that returns the agent's "
        "own voice, and explains that one in DIR/report.html.",
    )
    _add_out(demo, "demo-out")
    demo.set_defaults(run=_demo)


def _add_out(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("--out", type=Path, default=Path(default), metavar="DIR", help="default: %(default)s")
    command.add_argument("--json", action="store_true", help="what happened as JSON to the standard output")


def _print(value: dict[str, Any]) -> None:
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    print()


def _run(args: argparse.Namespace) -> int:
    from talkpath.cli.run import run_call

    folder_to_write("--out", args.out)
    try:
        taken: Taken = run_call(
            args.caller, args.out, agent=args.agent, stream=args.stream, audio_format=args.audio_format, quiet=args.json,
            detection_method=args.detection_method, loss_percent=args.loss, channels=args.channels,
        )  # fmt: skip
    except FormatError as problem:
        raise FormatError(f"{problem}{_hint(args.caller)}") from None
    if args.json:
        _print(taken.to_dict())
    return OK


def _hint(path: Path) -> str:
    with path.open("rb") as file:
        is_log = file.read(len(MAGIC)) == MAGIC
    return "; it is a call's log: talkpath replay runs it again" if is_log else ""


def _replay(args: argparse.Namespace) -> int:
    from talkpath.cli.run import replay_call

    folder_to_write("--out", args.out)
    try:
        taken = replay_call(args.log, args.out, quiet=args.json)
    except FormatError as problem:
        with args.log.open("rb") as file:
            is_log = file.read(len(MAGIC)) == MAGIC
        raise FormatError(f"{problem}{'' if is_log else '; talkpath run takes recordings'}") from None
    if args.json:
        _print(taken.to_dict())
    return OK


def _demo(args: argparse.Namespace) -> int:
    from talkpath.cli.demo import demo

    folder_to_write("--out", args.out)
    taken, page = demo(args.out, quiet=args.json)
    if args.json:
        _print({"calls": [one.to_dict() for one in taken], "report": None if page is None else str(page)})
    return OK
