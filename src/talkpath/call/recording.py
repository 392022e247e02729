"""Calls written as logs: everything that went in. `talkpath.call.replay` reads them."""

import contextlib
import json
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from talkpath._types import Buffer
from talkpath.ambience import NAMES, load
from talkpath.call.config import CallConfig

MAGIC = b"talkpath log 1\n"
FRAME, LOST, TRANSMIT, COMMAND = range(4)  # kinds of records


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
        self._write(COMMAND, json.dumps(plain.to_dict()).encode())
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
            self._write(LOST, b"")
        else:
            self._write(FRAME, payload)

    def keep(self, source: Any) -> Any:
        """A file's bytes instead of its path, so that the log needs nothing else."""
        return Path(source).read_bytes() if isinstance(source, str | os.PathLike) else source

    def command(self, name: str, *arguments: Any) -> None:
        """A method of the call and its arguments; buffers follow as they are."""
        if name == "transmit":
            self._write(TRANSMIT, b"")
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
        self._write(COMMAND, struct.pack("<I", len(head)) + head + b"".join(buffers))

    def close(self) -> None:
        """The log is complete."""
        with contextlib.suppress(OSError):
            self._file.write(self._deflate.flush())
            self._file.close()


def _plain(value: Any) -> Any:
    """What JSON does not know: NumPy's numbers; samples inside `update(background_audio=...)` are left out."""
    return value.item() if isinstance(value, np.generic) else None
