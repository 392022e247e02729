"""Calls written as logs: everything that went in. `talkpath.call.replay` reads them."""

import base64
import contextlib
import hashlib
import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from talkpath._types import Buffer, Samples
from talkpath.ambience import NAMES, load
from talkpath.call.config import CallConfig

MAGIC = b"talkpath log 1\n"
FRAME, LOST, TRANSMIT, COMMAND, EXCHANGE, STAMPED = range(6)  # kinds of records
REFUSED = b"\0"  # what an exchange begins with: its payload was refused, lost, or follows
NOTHING_CAME = b"\1"
CAME = b"\2"


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def log_name(call_id: str) -> str:
    """The file of a call by its id, or, where that is no name for a file (a provider may choose anything), by one made of it."""
    if _PLAIN.fullmatch(call_id):
        return f"{call_id}.log"
    return f"id-{hashlib.sha256(call_id.encode()).hexdigest()[:40]}.log"


class Sink(Protocol):
    """What takes the records of a log: a `LogFile`, or what brings them to one."""

    def write(self, record: bytes) -> None:
        """The next; OSError ends the log."""

    def close(self) -> None:
        """No more comes."""


class LogFile:
    """A log on the disk, deflated; what was written is complete up to the last second or so."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file: IO[bytes] = Path(path).open("wb")  # noqa: SIM115 (open as long as the call lasts)
        self._file.write(MAGIC)
        self._deflate = zlib.compressobj(6)
        self._since_flush = 0

    def write(self, record: bytes) -> None:
        """See `Sink`."""
        self._file.write(self._deflate.compress(record))
        self._since_flush += 1
        if self._since_flush >= 100:
            self.flush()

    def flush(self) -> None:
        """What came so far can be read."""
        self._since_flush = 0
        self._file.write(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        self._file.flush()

    def close(self) -> None:
        """The log is complete."""
        with contextlib.suppress(OSError):
            self._file.write(self._deflate.flush())
            self._file.close()


class Recorder:
    """Writes a log: frames and commands in their order, to a file or a sink."""

    def __init__(self, to: str | os.PathLike[str] | Sink, config: CallConfig) -> None:
        self._sink: Sink = LogFile(to) if isinstance(to, str | os.PathLike) else to
        self.failed = False
        background = config.background
        fields = config.to_dict()
        if background is not None:
            sound, rate_hz = background["sound"], config.wire.sample_rate_hz
            fields["background_audio"] = {**background, "sound": kept_sound(sound, lambda: load(sound, rate_hz))}
        self._write(COMMAND, to_json(fields))

    def _write(self, kind: int, content: Buffer) -> None:
        if self.failed:
            return
        data = bytes(np.ascontiguousarray(content).data) if isinstance(content, np.ndarray) else bytes(content)
        try:
            self._sink.write(struct.pack("<BI", kind, len(data)) + data)
        except OSError:  # a full disk ends the log, not the call
            self.failed = True

    def frame(self, payload: Buffer | None, timestamp_ms: float | None = None) -> None:
        """A wire frame, or its loss."""
        if payload is None:
            self._write(LOST, b"")
        elif timestamp_ms is None:
            self._write(FRAME, payload)
        else:
            self._write(STAMPED, struct.pack("<d", timestamp_ms) + bytes(payload))

    def exchange(self, taken: bool, payload: Buffer | None) -> None:
        """One frame of time in a group, which is not quite `receive` and `transmit`."""
        came = CAME + bytes(payload) if taken and payload is not None else NOTHING_CAME
        self._write(EXCHANGE, came if taken else REFUSED)

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
        head = to_json([name, plain])
        self._write(COMMAND, struct.pack("<I", len(head)) + head + b"".join(buffers))

    def close(self) -> None:
        """The log is complete."""
        self._sink.close()


def kept_sound(sound: Any, samples: Callable[[], Samples]) -> Any:
    """What a log keeps of a background, so that it needs no file: a built-in one's name, or the samples."""
    return sound if isinstance(sound, str) and sound in NAMES else samples()


def to_json(value: Any) -> bytes:
    """With samples and bytes inside it."""
    return json.dumps(value, default=_plain).encode()


def from_json(text: bytes) -> Any:
    """What `to_json` wrote."""
    return json.loads(text, object_hook=_whole)


def _plain(value: Any) -> Any:
    """What JSON does not know."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {"int16 in base64": base64.b64encode(value.astype("<i2").tobytes()).decode()}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes in base64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, Mapping):
        return dict(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else None


def _whole(value: dict[str, Any]) -> Any:
    if "int16 in base64" in value:
        return np.frombuffer(base64.b64decode(value["int16 in base64"]), "<i2").astype(np.int16)
    return base64.b64decode(value["bytes in base64"]) if "bytes in base64" in value else value
