"""`talkpath serve`: answers phone calls with a function of the user's."""

import importlib
import inspect
import logging
import sys
from pathlib import Path

from talkpath.errors import ConfigError
from talkpath.server.handlers import Handler
from talkpath.server.media_server import MediaServer


def load(app: str) -> Handler:
    """The coroutine function that `module:function` names; the module may lie in the present folder.

    Raises
    ------
    ConfigError
        There is no such thing.
    """
    module_name, colon, name = app.partition(":")
    if not (module_name and colon and name):
        raise ConfigError(f"--app must be module:function (got {app!r})")
    sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as problem:
        if problem.name is None or not f"{module_name}.".startswith(f"{problem.name}."):
            raise
        raise ConfigError(f"--app: there is no module {module_name!r}") from None
    found = getattr(module, name, None)
    if not inspect.iscoroutinefunction(found):
        raise ConfigError(f"--app: {name!r} in {module_name!r} is no coroutine function")
    handler: Handler = found
    return handler


def serve(
    app: str,
    *,
    host: str,
    port: int,
    audiosocket_port: int | None,
    max_calls: int,
    token: str | None,
    drain_s: float,
) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("websockets").setLevel(logging.WARNING)
    MediaServer(
        load(app),
        host=host,
        port=port,
        audiosocket_port=audiosocket_port,
        max_calls=max_calls,
        token=token,
        drain_s=drain_s,
    ).run()
