"""The arguments of `talkpath dial`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_dial(commands: Any) -> None:
    """The arguments of `talkpath dial`."""
    parser = commands.add_parser(
        "dial",
        help="ring a media server with simulated callers, and judge it",
        description="Rings a media server as a provider would: start, audio every 20 ms, keys, marks, a playout that "
        "plays what the server sends. Tells when frames came, how fast the agent answers, and how fast it falls silent "
        "when interrupted. Any server that speaks a dialect can be judged.",
        epilog="Exit status: 0, all calls were answered and no check of the script failed; 1 otherwise; 2, the command "
        "itself was wrong; 130, stopped by Ctrl-C, after everybody has hung up.",
    )
    parser.add_argument("url", metavar="URL", help="ws://…, wss://…, or audiosocket://HOST:PORT")
    what = parser.add_argument_group("the call")
    what.add_argument(
        "--provider", metavar="NAME", help="whose dialect (default: what the URL's path says, else twilio)"
    )
    what.add_argument("--caller", default="talker", metavar="WHO",
                      help="talker, silent, chatter, interrupter, a script in YAML, or a WAV that is said (default: %(default)s)")  # fmt: skip
    what.add_argument("--line", default="landline", metavar="LINE",
                      help="clean, landline, mobile, speakerphone, bad-wifi; and changes: mobile,jitter_ms=40 (default: %(default)s)")  # fmt: skip
    what.add_argument("--wire", metavar="CODEC[@RATE]", help="mulaw, alaw, l16, l16@16000 … (default: the provider's)")
    what.add_argument("--wire-out", metavar="CODEC[@RATE]", help="agent to caller, where it is another")
    what.add_argument("--from", dest="from_number", default="+15550100", metavar="NUMBER", help="default: %(default)s")
    what.add_argument("--to", dest="to_number", default="+15550199", metavar="NUMBER", help="default: %(default)s")
    what.add_argument(
        "--parameter", action="append", default=[], metavar="NAME=VALUE", help="custom parameter of the start"
    )
    what.add_argument("--ear", choices=("level", "vad"), default="level",
                      help="how it is judged that the agent speaks; vad: for agents with a background (default: %(default)s)")  # fmt: skip
    many = parser.add_argument_group("how many")
    many.add_argument("--calls", type=int, default=1, metavar="N", help="default: %(default)s")
    many.add_argument("--ramp", type=float, default=10.0, metavar="CALLS_PER_S", help="default: %(default)s")
    many.add_argument(
        "--duration", type=float, default=60.0, metavar="S", help="the most a call lasts (default: %(default)s)"
    )
    many.add_argument("--seed", type=int, default=1, help="decides everything drawn by chance (default: %(default)s)")
    door = parser.add_argument_group("the connection")
    door.add_argument("--transport", choices=("auto", "websockets", "picows"), default="auto",
                      help="auto: picows where it is installed (default: %(default)s)")  # fmt: skip
    door.add_argument("--header", action="append", default=[], metavar="NAME: VALUE", help="of the upgrade")
    door.add_argument("--token", help="as bearer (default: TALKPATH_TOKEN, where there is no --auth)")
    door.add_argument("--auth", metavar="USER:PASSWORD", help="basic authentication")
    door.add_argument("--sign-with", metavar="SECRET",
                      help="sign the upgrade: Plivo's or Twilio's auth token, or Genesys' API_KEY:CLIENT_SECRET")  # fmt: skip
    door.add_argument("--connect-timeout", type=float, default=10.0, metavar="S", help="default: %(default)s")
    told = parser.add_argument_group("what is told")
    told.add_argument("--out", type=Path, metavar="DIR", help="write call-0001.heard.wav, .sent.wav and .json …")
    told.add_argument("--json", action="store_true", help="everything as JSON to the standard output")
    parser.set_defaults(run=_dial)


def _dial(args: argparse.Namespace) -> int:
    from talkpath.cli.dial import dial  # brings in the phone

    return dial(args)
