"""`talkpath serve`: answers phone calls with a function of the user's."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import logging
import os
import sys
import tomllib
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkpath.call.config import CallConfig
from talkpath.cli.arguments import count, port, seconds
from talkpath.cli.problems import OK
from talkpath.errors import ConfigError, TalkpathError
from talkpath.server.authentication import Authentication

if TYPE_CHECKING:
    from talkpath.server.handlers import Handler

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EPILOG = """\
A secret on the command line shows in `ps`. Environment variables do not: TALKPATH_TOKEN, TALKPATH_BASIC, TALKPATH_AUTH_PLIVO,
TALKPATH_AUTH_TWILIO, TALKPATH_AUTH_GENESYS (several with spaces between them), TALKPATH_PUBLIC_URL. An option goes before its variable.
"""


def add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command and its options."""
    serve = commands.add_parser(
        "serve",
        help="answer phone calls that come as media streams",
        description="Answers phone calls that come as media streams, at ws://HOST:PORT/{dialect} or / (found out), until SIGTERM. "
        "/healthz and /metrics say how it is.",
        epilog=_EPILOG,
    )
    add = serve.add_argument
    add(
        "--app",
        required=True,
        metavar="MODULE:FUNCTION",
        help="async def answer(call: PhoneCall); a `config` beside it, a CallConfig or what gives one from Start, is taken",
    )
    add("--host", help="default: 127.0.0.1")
    add("--port", type=port, help="default: 8080; 0: any")
    add("--audiosocket-port", type=port, metavar="PORT", help="Asterisk's AudioSocket over TCP; it asks for no proof")
    add("--max-calls", type=count, metavar="N", help="more are refused with 503 (default: 500)")
    add("--workers", type=count, metavar="N", help="processes of audio, 256 at most (default: 1)")
    add("--drain", type=seconds, metavar="S", help="so long calls may go on after SIGTERM (default: 30)")
    add("--transport", choices=("websockets", "picows"), help="default: websockets; picows needs the extra 'fast'")
    add("--logs", action="store_const", const=True, help="calls may be logged: the function asks by call.log(PATH)")
    add(
        "--config",
        metavar="FILE|JSON",
        help="fields of CallConfig: a .toml or .json file, or a JSON object; goes before the module's own",
    )

    who = serve.add_argument_group("who may come in", "nothing given: everybody")
    add = who.add_argument
    add("--token", help="as bearer, ?token=, basic password or x-telnyx-streaming-auth-token")
    add("--basic", metavar="USER:PASSWORD", help="as in wss://USER:PASSWORD@HOST/")
    add("--auth-plivo", metavar="TOKEN", help="the account's auth token: X-Plivo-Signature-V3 is checked")
    add("--auth-twilio", metavar="TOKEN", help="the account's auth token: X-Twilio-Signature is checked")
    add("--auth-genesys", metavar="KEY_ID:SECRET", action="append", help="API key and client secret; may be repeated")
    add(
        "--public-url", metavar="URL", help="this server as providers are told it: wss://HOST[/PATH before the dialect]"
    )
    add(
        "--trust-forwarded",
        action="store_true",
        help="believe X-Forwarded-Host and -Proto; behind a proxy that sets them",
    )
    serve.set_defaults(run=run_serve)


# --- what is served -----------------------------------------------------------------------------------------------------------


def load(app: str) -> tuple[Handler, Any]:
    """The coroutine function that `module:function` names, and what its module calls `config` (None where it does not).

    The module may lie in the present folder.

    Raises
    ------
    ConfigError
        There is no such thing.
    """
    module_name, colon, name = app.partition(":")
    if not (module_name and colon and name):
        raise ConfigError(f"--app must be module:function (got {app!r})")
    if "/" in module_name or module_name.endswith(".py"):
        raise ConfigError(f"--app: {module_name!r} is a file; name the module, as in an import (got {app!r})")
    if module_name.startswith("."):
        raise ConfigError(f"--app: name the module from its top, without a dot before it (got {app!r})")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as problem:
        missing = problem.name if isinstance(problem, ModuleNotFoundError) else None
        if missing is not None and f"{module_name}.".startswith(f"{missing}."):
            raise ConfigError(
                f"--app: there is no module {module_name!r} in {Path.cwd()} or where Python looks"
            ) from None
        _show_mistake(problem)
        raise ConfigError(f"--app: {module_name!r} cannot be imported: {type(problem).__name__}: {problem}") from None
    found = getattr(module, name, None)
    if found is None:
        raise ConfigError(f"--app: there is no {name!r} in {module_name!r}")
    if not inspect.iscoroutinefunction(found):
        raise ConfigError(f"--app: {name!r} in {module_name!r} is no coroutine function (async def)")
    try:
        inspect.signature(found).bind(None)
    except TypeError:
        raise ConfigError(f"--app: {name!r} in {module_name!r} must take one argument, the call") from None
    handler: Handler = found
    config = getattr(module, "config", None)
    is_one = isinstance(config, CallConfig) or inspect.isfunction(config)  # a module of that name is no configuration
    return handler, config if is_one else None


def _show_mistake(problem: Exception) -> None:
    """The mistake in the user's module, whole, without our own frames and those of the import."""
    frames = problem.__traceback__
    while frames is not None and (
        "importlib" in frames.tb_frame.f_code.co_filename or frames.tb_frame.f_code.co_filename == __file__
    ):
        frames = frames.tb_next
    traceback.print_exception(type(problem), problem, frames)


def call_config(given: str) -> CallConfig:
    """A configuration from a JSON object, or from a .toml or .json file.

    Raises
    ------
    ConfigError
        It cannot be read, or a field is not known or out of its range.
    """
    try:
        if given.lstrip().startswith("{"):
            found: Any = json.loads(given)
        else:
            text = Path(given).read_text(encoding="utf-8")
            found = tomllib.loads(text) if given.endswith(".toml") else json.loads(text)
    except OSError as problem:
        raise ConfigError(f"--config: {given}: {problem.strerror}") from None
    except (ValueError, RecursionError) as problem:
        raise ConfigError(f"--config is neither JSON nor TOML: {problem}") from None
    if not isinstance(found, dict):
        raise ConfigError('--config must be an object: {"field": value, …}')
    known = inspect.signature(CallConfig).parameters
    for name in found:
        if name not in known:
            raise ConfigError(f"--config: {name!r} is not known; there are {', '.join(known)}")
    try:
        return CallConfig(**found)
    except TalkpathError as problem:
        raise ConfigError(f"--config: {problem}") from None


def authentication(args: argparse.Namespace, environment: Mapping[str, str]) -> Authentication | None:
    """What the options and the environment ask for; None: nothing.

    Raises
    ------
    ConfigError
        Something is malformed, or empty: an empty variable must not open the door.
    """

    def text(option: str) -> str | None:
        given: str | None = getattr(args, option)
        variable = f"TALKPATH_{option.upper()}"
        if given is None and variable not in environment:
            return None
        value = environment[variable] if given is None else given
        if not value:
            raise ConfigError(f"{variable if given is None else '--' + option.replace('_', '-')} is empty")
        return value

    basic = text("basic")
    user, colon, password = (basic or "").partition(":")
    if basic is not None and not (user and colon and password):
        raise ConfigError("--basic must be USER:PASSWORD")
    pairs = args.auth_genesys
    if pairs is None and "TALKPATH_AUTH_GENESYS" in environment:
        pairs = environment["TALKPATH_AUTH_GENESYS"].split() or [""]
    genesys = {}
    for pair in pairs or []:
        key, colon, secret = pair.rpartition(":")
        if not (key and colon and secret):
            raise ConfigError("--auth-genesys must be KEY_ID:SECRET")
        genesys[key] = secret
    found = Authentication(
        token=text("token"),
        basic=(user, password) if basic is not None else None,
        plivo=text("auth_plivo"),
        twilio=text("auth_twilio"),
        genesys=genesys,
        public_url=text("public_url"),
        trust_forwarded=args.trust_forwarded,
    )
    return None if found.is_open else found


# --- serving ------------------------------------------------------------------------------------------------------------------


def run_serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit status."""
    from talkpath.server.log import log_json_lines
    from talkpath.server.media_server import MediaServer

    # What is not given is for the server to choose.
    options: dict[str, Any] = {
        "authentication": authentication(args, os.environ),
        "host": args.host,
        "port": args.port,
        "audiosocket_port": args.audiosocket_port,
        "max_calls": args.max_calls,
        "workers": args.workers,
        "drain_s": args.drain,
        "transport": args.transport,
        "logs": args.logs,
    }
    handler, config = load(args.app)
    options["config"] = config if args.config is None else call_config(args.config)
    log_json_lines()
    if options["authentication"] is None and args.host not in (None, *_LOOPBACK):
        text = "everybody who reaches this address may call: no token, password or signature is asked for"
        logging.getLogger("talkpath.server").warning(json.dumps({"event": "open", "message": text}))
    MediaServer(handler, **{name: value for name, value in options.items() if value is not None}).run()
    return OK
