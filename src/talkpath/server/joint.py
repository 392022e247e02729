"""Two callers of one process who talk to each other: what one of them says is said to the other, frame by frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import numpy as np

from talkpath import DtmfDetector
from talkpath._types import Samples
from talkpath.errors import TalkpathError
from talkpath.server.session import Session

CUSHION_MS = 20.0  # before the first frame: the two clocks tick when they like
QUIET_MS, MOST_MS = (
    45.0,
    85.0,
)  # waits so much, a quiet frame is left out; so much, any: the one's clock runs faster, or a key is played
QUIET_DBOV = -45.0
KEY_FRAMES = 20  # a key that was heard lies in so many
NAME = "joined"


class Joint:
    """One direction.

    Parameters
    ----------
    source, target : Session
        The caller who is heard, and the one who is to hear.
    rate_hz : int
        Of the source's audio.
    """

    def __init__(self, source: Session, target: Session, rate_hz: int) -> None:
        self.source, self.target, self._rate_hz = source, target, rate_hz
        self._last: deque[Samples] = deque(maxlen=KEY_FRAMES)
        self._say(np.zeros(round(CUSHION_MS * rate_hz / 1000), np.int16))

    def heard(self, pcm: Samples) -> None:
        """A frame of the caller's."""
        call = self.target.call
        if call is None or self.target.ended is not None:
            return
        waits_ms = call.queued_ms
        if waits_ms < QUIET_MS or (waits_ms < MOST_MS and not is_quiet(pcm)):
            self._last.append(pcm)
            self._say(pcm)

    def key(self, digit: str) -> None:
        """A key of the caller's: pressed for the other, unless it was heard as the sound that it is."""
        call = self.target.call
        if call is not None and self.target.ended is None and not has_key(self._last, digit, self._rate_hz):
            with suppress(TalkpathError):  # too much waits
                call.send_dtmf(digit)

    def _say(self, pcm: Samples) -> None:
        assert self.target.call is not None
        with suppress(TalkpathError):  # too much waits, or the call is just ending
            self.target.call.speak(pcm, self._rate_hz, NAME)


def is_quiet(pcm: Samples) -> bool:
    """Whether a frame is not missed."""
    x = pcm.astype(np.float32)
    return float(np.dot(x, x)) < len(x) * (32768 * 10 ** (QUIET_DBOV / 20)) ** 2


def has_key(frames: Iterable[Samples], digit: str, rate_hz: int) -> bool:
    """Whether this key sounds in these frames."""
    found = list(frames)
    if not found or rate_hz not in (8000, 16000):
        return False
    detector = DtmfDetector(rate_hz)
    presses = detector.process(np.concatenate(found))
    return detector.sounding == digit or any(press.digit == digit for press in presses)
