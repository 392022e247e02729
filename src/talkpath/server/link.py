"""Between the process of the handlers and one of audio: Python objects over a socket that only these two have."""

from __future__ import annotations

import asyncio
import io
import pickle
import struct
from collections.abc import Callable
from typing import Any, cast

_SIZE = struct.Struct("<I")
_HIGH_BYTES = 4 << 20  # more than that waits: the other side is busy


class _Pickler(pickle.Pickler):
    """What is a text or a number by inheritance (an enum's member, say) goes as what it is: the other process has not the user's modules."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, str):
            return str, (str.__str__(obj),)
        if isinstance(obj, int) and not isinstance(obj, bool):
            return int, (int.__int__(obj),)
        if isinstance(obj, float):
            return float, (float.__float__(obj),)
        return NotImplemented


def pack(value: object) -> bytes:
    """What the other side may not be able to take, by itself: a message that holds it as bytes always arrives."""
    out = io.BytesIO()
    _Pickler(out, pickle.HIGHEST_PROTOCOL).dump(value)
    return out.getvalue()


def unpack(data: bytes) -> Any:
    """What was packed. Raises whatever its making raises."""
    return pickle.loads(data)


class Link(asyncio.Protocol):
    """One end.

    Parameters
    ----------
    receive : callable
        Gets each object.
    lost : callable
        The other side is gone.
    congested : callable, optional
        Gets True when too much waits, and False when that is over.

    Notes
    -----
    Objects are pickled: both ends are this package, and nobody else has the socket.
    """

    def __init__(
        self,
        receive: Callable[[Any], None],
        lost: Callable[[], None],
        congested: Callable[[bool], None] | None = None,
    ) -> None:
        self._receive, self._lost = receive, lost
        self._congested = congested or (lambda _: None)
        self._buffer = bytearray()
        self._unsent: list[bytes] = []  # of this round of the loop: one write, for each is a system call
        self._transport: asyncio.Transport | None = None
        self._loop: asyncio.AbstractEventLoop

    def send(self, message: object) -> None:
        """Never waits; nothing where the other side is gone."""
        if self._transport is not None and not self._transport.is_closing():
            data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
            if not self._unsent:
                self._loop.call_soon(self._flush)
            self._unsent += (_SIZE.pack(len(data)), data)

    def _flush(self) -> None:
        unsent, self._unsent = b"".join(self._unsent), []
        if unsent and self._transport is not None and not self._transport.is_closing():
            self._transport.write(unsent)

    def close(self) -> None:
        """After what was sent."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol -----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._loop = asyncio.get_running_loop()
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._transport.set_write_buffer_limits(high=_HIGH_BYTES)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= _SIZE.size:
            end = at + _SIZE.size + _SIZE.unpack_from(buffer, at)[0]
            if len(buffer) < end:
                break
            message = pickle.loads(memoryview(buffer)[at + _SIZE.size : end].toreadonly())
            at = end
            self._receive(message)
        del buffer[:at]

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._congested(True)

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self._congested(False)

    def connection_lost(self, problem: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._transport = None
        self._lost()
