"""Calls with one fault each, made with the engine's own tools: a simulated line, voices that are nobody's, a log."""

from collections import deque
from pathlib import Path

import numpy as np

import talkpath as tp
from talkpath.phone import parse_line
from talkpath.phone.line import Line
from talkpath.phone.near_end import NearEnd, through_line
from talkpath.phone.voice import to_int16, voice
from talkpath.streams import Wire

RATE_HZ, FRAME_MS, N = 8000, 20, 160
WIRE = Wire("mulaw", RATE_HZ)


def said(seconds: float, level_dbov: float = -20.0, seed: int = 9) -> np.ndarray:
    """What a caller says."""
    return voice(seconds, RATE_HZ, seed, level_dbov)


def silent(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE_HZ), np.int16)


class Planted:
    """A call between a scripted caller and an agent that answers each turn after `thinks_s`, written as a log.

    `late` says by frame how many frames of time later it arrives; `lost` which never come.
    """

    def __init__(
        self,
        log: Path,
        line: Line | str = "clean,noise_dbov=-66",
        thinks_s: float = 0.3,
        answer_s: float = 2.0,
        **fields,
    ):
        self.line = parse_line(line) if isinstance(line, str) else line
        self.call = tp.CallPipeline(seed=3, **fields)
        self.call.record(log)
        self.log = log
        self._near = NearEnd(self.line, WIRE, N, 7)
        self.thinks, self.answer_s = round(thinks_s * 1000 / FRAME_MS), answer_s
        self.events, self.answers = [], 0

    def greet(self, seconds: float = 2.0) -> None:
        self.call.speak(voice(seconds, RATE_HZ, 1), RATE_HZ, "greeting", True)

    def run(self, caller: np.ndarray, lost=lambda i: False, late=lambda i: 0, clip_at: int | None = None) -> Path:
        """The caller's side, to its end."""
        caller = through_line(caller, self.line, RATE_HZ)
        way: deque[tuple[int, bytes]] = deque()
        waits, last = -1, -1
        for i in range(len(caller) // N):
            sent = self.call.transmit()
            self._near.played(self.call.decode(sent.payload))
            payload = self._near.frame(caller[i * N : (i + 1) * N])
            if clip_at is not None:
                loud = self.call.decode(payload).astype(float) * 32767 / clip_at
                payload = self.call.encode(to_int16(loud))
            last = max(last, i + late(i))
            way.append((last, payload))
            heard = []
            while way and way[0][0] <= i:
                payload = way.popleft()[1]
                heard += (self.call.conceal() if lost(i) else self.call.receive(payload)).events
            for event in (*sent.events, *heard):
                self.events.append(event)
                if event.type == "user.turn_completed":
                    waits = self.thinks
            if waits == 0:
                self.answers += 1
                self.call.speak(voice(self.answer_s, RATE_HZ, 1), RATE_HZ, f"answer-{self.answers}", True)
                self.call.checkpoint(f"mark-{self.answers}")
            waits -= 1
        self.call.hangup()
        return self.log


TALK = np.concatenate(
    [silent(2.6), said(1.6), silent(3.6), said(1.4, seed=4), silent(3.6), said(1.2, seed=5), silent(3.6)]
)
