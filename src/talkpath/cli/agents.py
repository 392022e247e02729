"""`talkpath agents`: the agent stack on this machine."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from importlib.util import find_spec

from talkpath.cli.arguments import count, port, seconds
from talkpath.cli.problems import OK
from talkpath.errors import ConfigError, TalkpathError

_EPILOG = """\
PLIVO_AUTH_ID and PLIVO_AUTH_TOKEN say who may use REST; TALKPATH_PROVIDERS=local needs no key and no network; DEEPGRAM_API_KEY, OPENAI_API_KEY,
ELEVENLABS_API_KEY (and …_BASE_URL) are used where an agent names none; TALKPATH_CARRIER=simulated[:FILE] or http:URL places calls. All of them:
docs/agentstack/rest.md, "Settings".
"""


def add_agents(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    agents = commands.add_parser(
        "agents",
        help="the agent stack: REST, event socket, speech pipeline",
        description="A voice-agent platform: agents by REST at http://HOST:PORT/v1, phone calls at ws://HOST:PHONE-PORT/{dialect}/{agent_uuid} or "
        "/{dialect} by the called number, until SIGTERM.",
        epilog=_EPILOG,
    )
    add = agents.add_argument
    add("--config", metavar="FILE", help="settings as TOML; the environment goes before them")
    add("--host", help="of REST (default: 127.0.0.1)")
    add("--port", type=port, metavar="PORT", help="of REST (default: 8000; 0: any)")
    add("--phone-host", help="default: 127.0.0.1")
    add("--phone-port", type=port, metavar="PORT", help="default: 8080; 0: any")
    add("--data", metavar="FOLDER", help="of the database and the recordings (default: talkpath-data)")
    add(
        "--logs",
        action="store_const",
        const="1",
        help="write a log of every leg, for talkpath report; it holds what was said",
    )
    add("--workers", type=count, metavar="N", help="processes of audio (default: 1)")
    add("--transport", choices=("websockets", "picows"), help="default: websockets")
    add("--drain", type=seconds, metavar="S", help="so long calls may go on after SIGTERM (default: 30)")
    agents.set_defaults(run=run_agents)


_VARIABLES = {
    "host": "TALKPATH_HOST", "port": "TALKPATH_PORT", "phone_host": "TALKPATH_PHONE_HOST", "phone_port": "TALKPATH_PHONE_PORT",
    "data": "TALKPATH_DATA", "logs": "TALKPATH_LOGS", "workers": "TALKPATH_WORKERS", "transport": "TALKPATH_TRANSPORT", "drain": "TALKPATH_DRAIN_S",
}  # fmt: skip
_LOCAL = ("pocketsphinx", "hibari")


def run_agents(options: argparse.Namespace) -> int:
    """Serve until SIGTERM."""
    from talkpath.agentstack.server import AgentServer
    from talkpath.agentstack.settings import Settings
    from talkpath.agentstack.store.database import StoreError

    given = {
        variable: str(getattr(options, name))
        for name, variable in _VARIABLES.items()
        if getattr(options, name) is not None
    }
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its URLs may hold what is not for logs
    settings = Settings.load(options.config, {**os.environ, **given})
    absent = [name for name in _LOCAL if find_spec(name) is None] if settings.providers == "local" else []
    if absent:
        raise ConfigError(f"TALKPATH_PROVIDERS=local needs {', '.join(absent)}: pip install 'talkpath[local]'")
    try:
        AgentServer(settings).run()
    except StoreError as problem:
        raise TalkpathError(str(problem)) from None
    except OSError as problem:
        if problem.errno != errno.EADDRINUSE:
            raise
        raise TalkpathError(
            f"{problem}; --port and --phone-port (TALKPATH_PORT, TALKPATH_PHONE_PORT) name other ports"
        ) from None
    return OK
