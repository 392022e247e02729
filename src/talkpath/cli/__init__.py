"""The `talkpath` command."""

import argparse
import sys
from collections.abc import Sequence

from talkpath import __version__
from talkpath.cli.agents import add_agents
from talkpath.cli.bench import add_bench
from talkpath.cli.completion import add_completion
from talkpath.cli.dial_arguments import add_dial
from talkpath.cli.info import add_info
from talkpath.cli.problems import WRONG_USAGE, guarded
from talkpath.cli.recorded import add_demo, add_replay, add_run
from talkpath.cli.report import add_report
from talkpath.cli.scan import add_scan
from talkpath.cli.serve import add_serve

_EPILOG = """\
talkpath COMMAND --help says what a command takes. Exit status of all: 0, it went well; 1, it did not; 2, the command itself was wrong, or an
extra is missing; 130, stopped by Ctrl-C: what was finished is whole. docs/command-line.md has more.
"""


def parser_of_commands() -> argparse.ArgumentParser:
    """All commands and their options; `args.run(args)` does what was asked for."""
    parser = argparse.ArgumentParser(
        prog="talkpath", description="Realtime audio engine for voice agents on the phone.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"talkpath {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    add_demo(commands)
    add_run(commands)
    add_replay(commands)
    add_report(commands)
    add_scan(commands)
    add_serve(commands)
    add_dial(commands)
    add_agents(commands)
    add_info(commands)
    add_bench(commands)
    add_completion(commands, parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = parser_of_commands()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return WRONG_USAGE
    return guarded(args.command, args.run, args)
