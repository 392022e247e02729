"""Calls as logs: everything that went in, so that the same outputs and events come out again, bit for bit."""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from talkpath._types import Buffer
from talkpath.config import CallConfig
from talkpath.errors import FormatError, TalkpathError

if TYPE_CHECKING:
    from talkpath.pipeline import CallPipeline, Received, Transmitted

MAGIC = b"talkpath log 1\n"
_FRAME, _LOST, _TRANSMIT, _COMMAND = range(4)
_MAX_RECORD = 1 << 28


class Recorder:
    """Writes a log. Frames and commands in their order, deflated; what was written is complete up to the last second or so."""

    def __init__(self, path: str | os.PathLike[str], config: CallConfig) -> None:
        self._file: IO[bytes] = Path(path).open("wb")  # noqa: SIM115 (open as long as the call lasts)
        self._file.write(MAGIC)
        self._deflate = zlib.compressobj(6)
        self._since_flush = 0
        background = config.background_audio
        if background is not None and not isinstance(background.get("sound"), str):
            config = config.replaced(background_audio=None)  # samples of the user's own are not part of a log
        self._write(_COMMAND, json.dumps(config.to_dict()).encode())

    def _write(self, kind: int, content: Buffer) -> None:
        data = bytes(np.ascontiguousarray(content).data) if isinstance(content, np.ndarray) else bytes(content)
        self._file.write(self._deflate.compress(struct.pack("<BI", kind, len(data)) + data))
        self._since_flush += 1
        if self._since_flush == 100:
            self._since_flush = 0
            self._file.write(self._deflate.flush(zlib.Z_SYNC_FLUSH))

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
        head = json.dumps([name, plain]).encode()
        self._write(_COMMAND, struct.pack("<I", len(head)) + head + b"".join(buffers))

    def close(self) -> None:
        """The log is complete."""
        self._file.write(self._deflate.flush())
        self._file.close()


def _records(path: str | os.PathLike[str]) -> Iterator[tuple[int, bytes]]:
    with Path(path).open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise FormatError(f"{os.fspath(path)} is not a talkpath log: no magic at byte offset 0")
        inflate, data = zlib.decompressobj(), b""
        while True:
            block = file.read(1 << 16)
            try:
                data += inflate.decompress(block)
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
            raw = content[at : at + value["buffer"]]
            at += value["buffer"]
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
            except (ValueError, TypeError, struct.error) as error:
                raise FormatError(f"a broken command in the log: {error}") from error
            if name not in COMMANDS:
                raise FormatError(f"unknown command {name!r} in the log")
            try:
                if name == "update":
                    call.update(**arguments[0])
                elif name == "hangup":
                    yield call, None
                    call.hangup()
                else:
                    getattr(call, name)(*arguments)
            except TalkpathError:
                pass  # the call refused it the first time, too
            yield call, None
            continue
        try:
            if kind == _FRAME:
                yield call, call.receive(content)
            else:
                yield call, call.conceal() if kind == _LOST else call.transmit()
        except TalkpathError:
            yield call, None


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
        "transcript",
        "turn_probability",
        "extend_wait",
        "mark",
        "update",
        "hangup",
    )
)
