"""Calls as logs: everything that went in, so that the same outputs and events come out again, bit for bit."""

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from talkpath._types import Buffer
from talkpath.ambience import NAMES, load
from talkpath.config import CallConfig
from talkpath.errors import FormatError, TalkpathError

if TYPE_CHECKING:
    from talkpath.pipeline import CallPipeline
    from talkpath.results import Received, Transmitted

MAGIC = b"talkpath log 1\n"
_FRAME, _LOST, _TRANSMIT, _COMMAND = range(4)
_MAX_RECORD = 1 << 28


class Recorder:
    """Writes a log. Frames and commands in their order, deflated; what was written is complete up to the last second or so."""

    def __init__(self, path: str | os.PathLike[str], config: CallConfig) -> None:
        self._file: IO[bytes] = Path(path).open("wb")  # noqa: SIM115 (open as long as the call lasts)
        self.failed = False
        self._file.write(MAGIC)
        self._deflate = zlib.compressobj(6)
        self._since_flush = 0
        background = config.background
        own = background is not None and background["sound"] not in NAMES
        plain = config.replaced(background_audio=None) if own else config
        self._write(_COMMAND, json.dumps(plain.to_dict()).encode())
        if own and background is not None:  # the sound itself, so that the log needs no file
            samples = load(background["sound"], config.wire.sample_rate_hz)
            self.command("play_background", samples, background["volume"], background["loop"])

    def _write(self, kind: int, content: Buffer) -> None:
        if self.failed:
            return
        data = bytes(np.ascontiguousarray(content).data) if isinstance(content, np.ndarray) else bytes(content)
        try:
            self._file.write(self._deflate.compress(struct.pack("<BI", kind, len(data)) + data))
            self._since_flush += 1
            if self._since_flush == 100:
                self._since_flush = 0
                self._file.write(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        except OSError:  # a full disk ends the log, not the call
            self.failed = True

    def frame(self, payload: Buffer | None) -> None:
        """A wire frame, or its loss."""
        if payload is None:
            self._write(_LOST, b"")
        else:
            self._write(_FRAME, payload)

    def keep(self, source: Any) -> Any:
        """A file's bytes instead of its path, so that the log needs nothing else."""
        return Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source

    def command(self, name: str, *arguments: Any) -> None:
        """A method of the call and its arguments; buffers follow as they are."""
        if name == "transmit":
            self._write(_TRANSMIT, b"")
            return
        buffers: list[bytes] = []
        plain: list[Any] = []
        for value in arguments:
            if isinstance(value, bytes | bytearray | memoryview | np.ndarray):
                buffers.append(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else bytes(value))
                plain.append({"buffer": len(buffers[-1]), "int16": isinstance(value, np.ndarray)})
            else:
                plain.append(value)
        head = json.dumps([name, plain], default=_plain).encode()
        self._write(_COMMAND, struct.pack("<I", len(head)) + head + b"".join(buffers))

    def close(self) -> None:
        """The log is complete."""
        with contextlib.suppress(OSError):
            self._file.write(self._deflate.flush())
            self._file.close()


def _plain(value: Any) -> Any:
    """What JSON does not know: NumPy's numbers; samples inside `update(background_audio=...)` are left out."""
    return value.item() if isinstance(value, np.generic) else None


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
                if kind > _COMMAND or size > _MAX_RECORD:
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
    name, plain = json.loads(content[4 : 4 + size])
    at, found = 4 + size, []
    for value in plain:
        if isinstance(value, dict) and "buffer" in value:
            raw = content[at : at + abs(value["buffer"])]
            at += len(raw)
            found.append(np.frombuffer(raw, np.int16) if value["int16"] else raw)
        else:
            found.append(value)
    return name, found


def replay(path: str | os.PathLike[str]) -> Iterator["tuple[CallPipeline, Received | Transmitted | None]"]:
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
    from talkpath.pipeline import CallPipeline

    records = _records(path)
    first = next(records, None)
    if first is None or first[0] != _COMMAND:
        raise FormatError("the log has no configuration")
    try:
        call = CallPipeline(CallConfig(**json.loads(first[1])))
    except (ValueError, TypeError) as error:
        raise FormatError(f"the log's configuration is broken: {error}") from error
    for kind, content in records:
        if kind == _COMMAND:
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
            yield call, None
        elif kind == _FRAME:
            yield call, call.receive(content)
        else:
            yield call, call.conceal() if kind == _LOST else call.transmit()


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
        "mark",
        "update",
        "hangup",
    )
)
