"""What went wrong, in one line that says what to do; and the exit status that belongs to it. Every command's errors come through here."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import sys
from collections.abc import Callable

from talkpath.errors import ConfigError, TalkpathError

OK, FAILED, WRONG_USAGE, STOPPED = 0, 1, 2, 130
# Modules that an extra brings.
EXTRAS = {
    "rich": "cli", "websockets": "server", "picows": "fast", "uvloop": "fast", "yaml": "phone", "jinja2": "report", "soundfile": "scan",
    "pyarrow": "scan", "starlette": "agentstack", "uvicorn": "agentstack", "httpx": "agentstack", "aiohttp": "agentstack",
    "pocketsphinx": "local", "hibari": "local",
}  # fmt: skip
_HINTS = {
    errno.EADDRINUSE: "another program listens there; --port names another port",
    errno.EADDRNOTAVAIL: "that is no address of this machine; --host names one",
    errno.EISDIR: "name the files in it",
    errno.ENOTDIR: "a file is in the way; name another folder",
    errno.EEXIST: "a file is in the way; name another folder",
    errno.EACCES: "you may not read or write that",
}


def say(command: str, text: str) -> None:
    """A line to stderr."""
    print(f"talkpath {command}: {text}", file=sys.stderr)


def told(problem: Exception) -> str:
    """One line, and the fix where it is known."""
    if isinstance(problem, ModuleNotFoundError) and problem.name is not None:
        extra = EXTRAS.get(problem.name.split(".")[0])
        return f"{problem.name} is not installed: pip install '{f'talkpath[{extra}]' if extra else problem.name}'"
    if not isinstance(problem, OSError):
        return str(problem)
    text = problem.strerror or str(problem)
    if problem.filename is not None and problem.strerror:
        text = f"{os.fsdecode(problem.filename)}: {problem.strerror}"
    hint = _HINTS.get(problem.errno or 0)
    return f"{text}; {hint}" if hint and hint not in text else text


def guarded(command: str, run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; returns the exit status."""
    try:
        status = run(args)
        sys.stdout.flush()
    except KeyboardInterrupt as stopped:
        say(command, str(stopped) or "stopped")
        return STOPPED
    except BrokenPipeError:  # whoever read our output has gone
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (ConfigError, ImportError) as problem:
        say(command, told(problem))
        return WRONG_USAGE
    except (TalkpathError, OSError) as problem:
        say(command, told(problem))
        return FAILED
    return status


def folder_to_write(option: str, folder: os.PathLike[str]) -> None:
    """Before the work begins: a folder may be made there.

    Raises
    ------
    ConfigError
        Something else is in the way.
    """
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ConfigError(f"{option} names a folder, and {os.fspath(folder)} is a file")
