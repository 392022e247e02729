"""The agent's direction: the call's frames as the provider's messages, marks behind what they follow, and what of it was heard."""

from __future__ import annotations

from collections import deque

from talkpath.errors import StateError
from talkpath.server.convert import Converter, silence, wire_of
from talkpath.server.framing import Packer
from talkpath.server.marks import Marks, Playout
from talkpath.server.results import MarkCleared, MarkHeard, PlayoutCleared, SessionEvent
from talkpath.server.tape import Tape
from talkpath.streams import Start, Stream


class Outlet:
    """What goes to a stream.

    Parameters
    ----------
    stream : Stream
        Has begun.
    start : Start
    call_stream : str
        The call's wire.
    message_ms : int or None
        Audio a message; None: what the stream prefers.
    """

    def __init__(self, stream: Stream, start: Start, call_stream: str, message_ms: int | None) -> None:
        self._stream = stream
        self._wire = start.wire_out
        self._converter = Converter(wire_of(call_stream), self._wire)
        ms = message_ms or stream.framing.preferred_ms
        self._packer = Packer(stream.framing, self._wire.frame_bytes(ms) or 1)
        self.is_mute = stream.listens_only  # nothing goes out, and nothing that is said is heard
        self._silence = silence(call_stream)
        self._playout = Playout()
        self._s_per_byte = (self._wire.duration_ms(1) or 0.0) / 1000
        self._marks = Marks()
        self._call_stream = call_stream
        self._tape: Tape | None = None
        self._cut: tuple[str, float] | None = None  # what was interrupted
        self._behind: deque[tuple[str, int]] = deque()  # marks, and the byte that they follow

    def record(self, now: float, frame_s: float, waiting_frames: int) -> None:
        """Both directions from now on, and what of the caller waits; StateError where that is so already."""
        if self._tape is not None:
            raise StateError("the call is recorded already")
        frame = self._silence * round(frame_s * wire_of(self._call_stream).sample_rate_hz)
        gathers_s = max(0.0, self._packer.message_bytes * self._s_per_byte - frame_s)
        self._tape = Tape(self._call_stream, frame_s, frame, now - waiting_frames * frame_s, gathers_s)

    def mask(self, on: bool) -> None:
        """What is said from now on is silence in the recording, where there is one; or is itself again."""
        if self._tape is not None:
            self._tape.is_masked = on

    def caller(self, frame: bytes | None) -> None:
        """A frame of the caller was heard; None: it was lost."""
        if self._tape is not None:
            self._tape.heard(frame)

    def heard_ms(self, now: float) -> float:
        """Of the agent's audio, silence included, by our own clock."""
        return 1000 * self._playout.heard_s(now)

    def waiting_s(self, now: float) -> float:
        """At the provider, by our own clock."""
        return self._playout.unheard_s(now)

    def unheard_ms(self, now: float) -> float:
        """On its way."""
        return 1000 * self._playout.unheard_s(now) + (self._wire.duration_ms(self._packer.waiting_bytes) or 0.0)

    def after_clear(self, payload: bytes) -> bytes:
        """The frame in which the voice fades out. Where it would wait for others it is silence, or it would be heard a moment later."""
        if len(payload) >= self._packer.message_bytes:
            return payload
        return self._silence * (len(payload) // len(self._silence))

    def frame(self, payload: bytes, now: float) -> list[str | bytes]:
        """The messages for a frame of the call."""
        out: list[str | bytes] = []
        if self.is_mute:
            return out
        if self._tape is not None:
            self._tape.said(payload, now)
        for piece in self._packer.put(self._converter.convert(payload)):
            out.append(self._stream.media(piece))
            self._playout.sent(now, len(piece) * self._s_per_byte)
        return out

    def mark(self, name: str) -> None:
        """All before it has left the call."""
        self._behind.append((name, self._packer.taken_bytes))

    @property
    def has_marks(self) -> bool:
        """Some wait for their audio to leave."""
        return bool(self._behind)

    def marks(self) -> list[str | bytes]:
        """The messages for marks whose audio has left."""
        out: list[str | bytes] = []
        while self._behind and self._behind[0][1] <= self._packer.given_bytes:
            name, _ = self._behind.popleft()
            wire_name = self._marks.new_name()
            message = self._stream.mark(wire_name)
            self._marks.sent(wire_name, name, self._playout.end, message is not None)
            if message is not None:
                out.append(message)
        return out

    def interrupted(self, utterance: str, position_ms: float) -> None:
        """So much of it has left the call: how much was heard is known with the clear, or at the end."""
        self._cut = (utterance, position_ms)

    def _cleared(self, unheard_ms: float) -> PlayoutCleared:
        if self._cut is None:
            return PlayoutCleared(unheard_ms)
        (utterance, position_ms), self._cut = self._cut, None
        return PlayoutCleared(unheard_ms, utterance, max(0.0, position_ms - unheard_ms))

    def clear(self, now: float) -> tuple[list[str | bytes], list[SessionEvent]]:
        """What was sent must not be heard any more: the message for that, where there is one, and what becomes of the marks."""
        message = self._stream.clear()
        if message is None:  # it will be heard, to its end
            self._cut = None
            return [], []
        gathered_ms = self._wire.duration_ms(self._packer.drop()) or 0.0
        resolved = self._marks.cleared(now)
        events: list[SessionEvent] = [MarkHeard(n, "clock") if heard else MarkCleared(n) for n, heard in resolved]
        events += [MarkCleared(name) for name, _ in self._behind]
        self._behind.clear()
        cleared = self._cleared(1000 * self._playout.cleared(now) + gathered_ms)
        events.append(cleared)
        if self._tape is not None:
            self._tape.cleared(cleared.unheard_ms)
        return [message, *self._stream.data_to_send()], events

    def returned(self, wire_name: str, cleared: bool) -> SessionEvent | None:
        """The provider sends a mark back."""
        found = self._marks.returned(wire_name, cleared)
        if found is None:
            return None
        return MarkHeard(found[0], "mark") if found[1] else MarkCleared(found[0])

    def due(self, now: float) -> list[SessionEvent]:
        """Once a frame: marks that were heard by our own clock, and what was recorded."""
        events: list[SessionEvent] = [MarkHeard(name, "clock") for name in self._marks.due(now)]
        if self._tape is not None:
            events += self._tape.tick(now)
        return events

    def finish(self, now: float) -> list[SessionEvent]:
        """The line is gone: what is not known to be heard was not."""
        events: list[SessionEvent] = [
            MarkHeard(name, "clock") if heard else MarkCleared(name) for name, heard in self._marks.cleared(now)
        ]
        events += [MarkCleared(name) for name, _ in self._behind]
        self._behind.clear()
        if self._cut is not None and not self.is_mute:
            events.append(self._cleared(self.unheard_ms(now)))
        if self._tape is not None:
            events += self._tape.finish(now)
        return events
