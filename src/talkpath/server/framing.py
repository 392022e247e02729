"""Any chunking in, frames out; frames in, messages of the provider's size out. A media stream is a stream of bytes."""

from __future__ import annotations

from collections import deque

from talkpath.streams import Framing


class Framer:
    """Cuts what comes into wire frames.

    Parameters
    ----------
    frame_bytes : int
        Of one frame.
    max_frames : int
        How many may wait; the oldest are dropped then.
    silence : bytes
        One sample of it, for the rest at the end of a stream.

    Attributes
    ----------
    dropped : int
        Frames that were thrown away because too many waited.
    """

    def __init__(self, frame_bytes: int, max_frames: int, silence: bytes) -> None:
        self._size = frame_bytes
        self._max = max_frames
        self._silence = silence
        self._rest = b""
        self._frames: deque[bytes | None] = deque()
        self.dropped = 0

    def __len__(self) -> int:
        """Frames that wait."""
        return len(self._frames)

    @property
    def rest_bytes(self) -> int:
        """What waits and is no frame yet."""
        return len(self._rest)

    def put(self, data: bytes) -> bool:
        """The next bytes of the stream, however they were cut. False: frames were thrown away."""
        size = self._size
        if not self._rest and len(data) == size:  # as most providers send it
            self._frames.append(data)
        else:
            data = self._rest + data
            whole = len(data) // size * size
            self._frames.extend(data[at : at + size] for at in range(0, whole, size))
            self._rest = data[whole:]
        return len(self._frames) <= self._max or self._bound()

    def lost(self, size: int, concealed: int = 0) -> int:
        """So many bytes of the stream never came: whole frames are missing, and the next byte begins a frame.

        Of these, up to `concealed` have been made up for already; how many that were.
        """
        missing = min(max(1, round((len(self._rest) + size) / self._size)), self._max)
        already = min(missing, concealed)
        self._rest = b""
        self._frames.extend([None] * (missing - already))
        self._bound()
        return already

    def take(self) -> bytes | None:
        """The oldest frame; None where it was lost."""
        return self._frames.popleft()

    def put_back(self, frame: bytes | None) -> None:
        """A frame that was taken and could not be used."""
        self._frames.appendleft(frame)

    def finish(self) -> None:
        """The stream is over: its rest is filled up with silence."""
        if self._rest:
            missing = self._size - len(self._rest)
            fill = self._silence * (missing // len(self._silence) + 1)
            self._frames.append(self._rest + fill[:missing])
            self._rest = b""

    def _bound(self) -> bool:
        surplus = max(0, len(self._frames) - self._max)
        for _ in range(surplus):
            self._frames.popleft()
        self.dropped += surplus
        return not surplus


class Packer:
    """Gathers what goes out into messages of the provider's size.

    Parameters
    ----------
    framing : Framing
        What the stream says.
    message_bytes : int
        Least audio a message; it is brought to a multiple of what the provider takes.

    Attributes
    ----------
    taken_bytes, given_bytes : int
        Since the call began: what has been put in, and what has come out (or was thrown away).
    """

    def __init__(self, framing: Framing, message_bytes: int) -> None:
        self._multiple = max(1, framing.multiple_bytes)
        top = framing.max_bytes
        self._max = None if top is None else max(self._multiple, top // self._multiple * self._multiple)
        self._min = max(self._multiple, -(-message_bytes // self._multiple) * self._multiple)
        if self._max is not None:
            self._min = min(self._min, self._max)
        self._rest = b""
        self.taken_bytes = self.given_bytes = 0

    @property
    def message_bytes(self) -> int:
        """Least audio a message."""
        return self._min

    @property
    def waiting_bytes(self) -> int:
        """What is gathered and has not left."""
        return len(self._rest)

    def put(self, payload: bytes) -> list[bytes]:
        """The messages that are full now."""
        self.taken_bytes += len(payload)
        data = self._rest + payload if self._rest else payload
        if len(data) < self._min:
            self._rest = data
            return []
        whole = len(data) // self._multiple * self._multiple
        self._rest = data[whole:]
        self.given_bytes += whole
        step = self._max
        if step is None or whole <= step:
            return [data[:whole] if whole < len(data) else data]
        return [data[at : min(at + step, whole)] for at in range(0, whole, step)]

    def drop(self) -> int:
        """Throw away what is gathered; how many bytes that were."""
        size = len(self._rest)
        self._rest = b""
        self.given_bytes += size
        return size
