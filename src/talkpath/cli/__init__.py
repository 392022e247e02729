"""The `talkpath` command."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from talkpath import __version__
from talkpath.call.config import AUDIO_FORMATS, DETECTION_METHODS, WIRE_FORMATS
from talkpath.cli.agents import add_agents, run_agents
from talkpath.cli.bench import add_bench, run_bench
from talkpath.cli.dial_arguments import add_dial
from talkpath.cli.info import add_info, run_info
from talkpath.cli.report import add_report, run_report
from talkpath.cli.scan import add_scan, run_scan
from talkpath.cli.serve import add_serve, serve
from talkpath.errors import ConfigError, TalkpathError
from talkpath.recordings import CHANNELS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="talkpath", description="Realtime audio engine for voice agents on the phone."
    )
    parser.add_argument("--version", action="version", version=f"talkpath {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

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
    run.add_argument("--out", type=Path, default=Path("talkpath-out"), metavar="DIR", help="default: %(default)s")
    run.add_argument("--stream", default="audio/x-mulaw;rate=8000", choices=WIRE_FORMATS, metavar="TYPE",
                     help=f"wire format: {', '.join(WIRE_FORMATS)}")  # fmt: skip
    run.add_argument(
        "--audio-format", default="pcm_16k", choices=AUDIO_FORMATS, help="of caller.wav (default: %(default)s)"
    )
    run.add_argument("--detection-method", default="disabled", choices=DETECTION_METHODS,
                     help="audio: the agent made the call; who answers? (default: %(default)s)")  # fmt: skip
    run.add_argument(
        "--loss", type=float, default=0.0, metavar="PERCENT", help="drop this share of the caller's frames"
    )

    again = commands.add_parser(
        "replay",
        help="run the log of a call again",
        description="Runs a log that call.record() wrote, bit for bit as it was, and writes what `run` writes.",
    )
    again.add_argument("log", type=Path, metavar="LOG")
    again.add_argument("--out", type=Path, default=Path("talkpath-out"), metavar="DIR", help="default: %(default)s")

    demo = commands.add_parser("demo", help="the same with two example calls that the package ships")
    demo.add_argument("--out", type=Path, default=Path("demo-out"), metavar="DIR", help="default: %(default)s")

    add_report(commands)
    add_serve(commands)
    add_dial(commands)
    add_agents(commands)
    add_scan(commands)
    add_info(commands)
    add_bench(commands)
    return parser


def _dial(args: argparse.Namespace) -> int:
    try:
        from talkpath.cli.dial import dial  # needs websockets or picows, and rich
    except ImportError as problem:
        if problem.name != "rich":
            raise
        print("talkpath: the command line needs the [cli] extra: pip install 'talkpath[cli]'", file=sys.stderr)
        return 2
    try:
        return dial(args)
    except ConfigError as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 2
    except (TalkpathError, OSError) as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _parser().parse_args(argv)
    if args.command == "report":
        return run_report(args)
    if args.command == "serve":
        return serve(args)
    if args.command == "dial":
        return _dial(args)
    if args.command == "agents":
        return run_agents(args)
    if args.command == "scan":
        return run_scan(args)
    if args.command == "info":
        return run_info(args)
    if args.command == "bench":
        return run_bench(args)
    try:
        from talkpath.cli.demo import demo  # needs rich
        from talkpath.cli.run import replay_call, run_call
    except ImportError as problem:
        if problem.name != "rich":
            raise
        print("talkpath: the command line needs the [cli] extra: pip install 'talkpath[cli]'", file=sys.stderr)
        return 2
    try:
        if args.command == "demo":
            demo(args.out)
        elif args.command == "replay":
            replay_call(args.log, args.out)
        else:
            run_call(args.caller, args.out, agent=args.agent, stream=args.stream, audio_format=args.audio_format,
                     detection_method=args.detection_method, loss_percent=args.loss, channels=args.channels)  # fmt: skip
    except (TalkpathError, OSError) as problem:
        print(f"talkpath: {problem}", file=sys.stderr)
        return 1
    return 0
