"""Server-sent events, without I/O: bytes in any pieces → the data of each event."""

from __future__ import annotations

MOST_BYTES = 1 << 20  # of one event that does not end


class SseParser:
    """After the WHATWG's "Server-sent events": comments are nothing, data lines are joined, lines end with CR, LF or both."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[str] = []
        self._size = 0
        self._was_cr = self._is_begun = False

    def feed(self, piece: bytes) -> list[str]:
        """The events that are complete now.

        Raises
        ------
        ValueError
            An event has no end.
        """
        if self._was_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._was_cr = False
        elif not piece:
            return []
        self._was_cr = piece.endswith(b"\r")
        events: list[str] = []
        *lines, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for part in lines:
            self._line += part
            self._take(bytes(self._line), events)
            self._line.clear()
        self._line += rest
        if self._size + len(self._line) > MOST_BYTES:
            raise ValueError("an event without end")
        return events

    def end(self) -> list[str]:
        """Nothing more comes. An event whose empty line is missing is given all the same: some servers forget it."""
        events: list[str] = []
        self._take(bytes(self._line), events)
        self._take(b"", events)
        self._line.clear()
        return events

    def _take(self, raw: bytes, events: list[str]) -> None:
        line = raw.decode(errors="replace")
        if not self._is_begun:
            line, self._is_begun = line.removeprefix("\ufeff"), True
        if not line:
            if self._data:
                events.append("\n".join(self._data))
            self._data, self._size = [], 0
            return
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
            self._size += len(raw)
