"""Logs of calls played again: the same outputs and events come out, bit for bit."""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from talkpath.call.config import CallConfig
from talkpath.call.group import CallGroup
from talkpath.call.pipeline import CallPipeline
from talkpath.call.recording import CAME, COMMAND, EXCHANGE, FRAME, LOST, MAGIC, NOTHING_CAME, STAMPED, from_json
from talkpath.call.results import Received, Transmitted
from talkpath.errors import FormatError, TalkpathError

_MAX_RECORD = 1 << 28
COMMANDS = frozenset(
    (
        "speak",
        "play",
        "send_dtmf",
        "silence",
        "checkpoint",
        "play_background",
        "stop_background",
        "pause",
        "resume",
        "interrupt",
        "clear_audio",
        "reset",
        "transcript",
        "turn_probability",
        "extend_wait",
        "listen_for_beep",
        "mark",
        "update",
        "hangup",
    )
)


def _records(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    with Path(path).open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FormatError(f"{os.fspath(path)} is not a talkpath log: no magic at byte offset 0")
        inflate, data = zlib.decompressobj(), b""
        while True:
            block = inflate.unconsumed_tail or file.read(1 << 16)
            try:
                data += inflate.decompress(block, 1 << 20)
            except zlib.error as error:
                raise FormatError(f"broken log before byte offset {file.tell()}: {error}") from error
            at = 0
            while at + 5 <= len(data):
                kind, size = struct.unpack_from("<BI", data, at)
                if kind > STAMPED or size > _MAX_RECORD:
                    raise FormatError(
                        f"broken log before byte offset {file.tell()}: record of kind {kind}, {size} bytes"
                    )
                if at + 5 + size > len(data):
                    break
                yield kind, data[at + 5 : at + 5 + size]
                at += 5 + size
            data = data[at:]
            if not block:
                return


def _arguments(content: bytes) -> tuple[str, list[Any]]:
    size = struct.unpack_from("<I", content)[0]
    name, plain = from_json(content[4 : 4 + size])
    at, found = 4 + size, []
    for value in plain:
        if isinstance(value, dict) and "buffer" in value:
            raw = content[at : at + abs(value["buffer"])]
            at += len(raw)
            found.append(np.frombuffer(raw, np.int16) if value["int16"] else raw)
        else:
            found.append(value)
    return name, found


class Step(NamedTuple):
    """One thing that was done to a call.

    Attributes
    ----------
    call : CallPipeline
        After it.
    result : Received, Transmitted or None
        What `receive`, `conceal` or `transmit` returned; None for a command.
    payload : bytes or None
        The frame that `receive` took; None where one was concealed.
    command, arguments : str, list
        Of a command; empty otherwise.
    """

    call: CallPipeline
    result: Received | Transmitted | None
    payload: bytes | None = None
    command: str = ""
    arguments: Sequence[Any] = ()


def replay(path: str | os.PathLike[str]) -> Iterator[tuple[CallPipeline, Received | Transmitted | None]]:
    """Run a log again.

    Yields
    ------
    call, result
        The call, after each thing that was done to it, and what `receive`, `conceal` or `transmit` returned.

    Raises
    ------
    FormatError
        Not a log, or a broken one; the message gives the byte offset.
    """
    return ((step.call, step.result) for step in steps(path))


def steps(path: str | os.PathLike[str]) -> Iterator[Step]:
    """`replay` with what went in. Errors as there."""
    records = _records(path)
    first = next(records, None)
    if first is None or first[0] != COMMAND:
        raise FormatError("the log has no configuration")
    try:
        call = CallPipeline(CallConfig(**from_json(first[1])))
    except (ValueError, TypeError) as error:
        raise FormatError(f"the log's configuration is broken: {error}") from error
    group = CallGroup()
    for kind, content in records:
        if kind == COMMAND:
            try:
                name, arguments = _arguments(content)
                if name not in COMMANDS or (name == "play" and not isinstance(arguments[0], bytes)):
                    raise FormatError(f"{name!r} is no command of a log")
                if name == "update":
                    call.update(**arguments[0])
                else:
                    getattr(call, name)(*arguments)
            except TalkpathError:
                raise
            except (ValueError, TypeError, LookupError, AttributeError, OSError, struct.error) as error:
                raise FormatError(f"a broken command in the log: {error}") from error
            yield Step(call, None, None, name, arguments)
        elif kind == FRAME:
            yield Step(call, call.receive(content), content)
        elif kind == STAMPED:
            stamp_ms = struct.unpack_from("<d", content.ljust(8, b"\0"))[0]
            yield Step(call, call.receive(content[8:], stamp_ms), content[8:])
        elif kind == EXCHANGE:
            payload = content[1:] if content[:1] != NOTHING_CAME else None  # nothing is what is refused
            ((received, transmitted),) = group.exchange([(call, payload)])
            if isinstance(received, Received):
                yield Step(call, received, payload)
            elif content[:1] in (CAME, NOTHING_CAME):
                raise received
            yield Step(call, transmitted)
        else:
            yield Step(call, call.conceal() if kind == LOST else call.transmit())
