"""A simulated call and a session on one timeline: time is a number, nobody sleeps."""

from collections.abc import Callable

import numpy as np

from talkpath import CallConfig, streams
from talkpath.call.events import UserTurnCompleted
from talkpath.phone import CallPlan, SimulatedCall
from talkpath.server import Began, Session

QUIET = CallConfig(echo_control=False, comfort_noise_enabled=False, idle_timeout=None)


class Rig:
    """A caller, and an agent that says `words` one after the other: the first at once, the next after each turn of the caller's."""

    def __init__(
        self,
        plan: CallPlan,
        *words: np.ndarray,
        config: CallConfig = QUIET,
        seed: int = 1,
        delay_s: Callable[[float], float] = lambda t: 0.0,
    ) -> None:
        self.plan, self.now = plan, 0.0
        self.call = SimulatedCall(plan, now=0.0, seed=seed)
        self.session = Session(config, streams.DIALECTS[plan.provider](), now=0.0)
        self.words, self.delay_s = list(words), delay_s
        self.way: list[tuple[float, str | bytes]] = []  # from the server to the phone
        self.events: list[object] = []
        self.wire: list[str | bytes] = []  # what the phone sent
        self.at: dict[float, Callable[[], None]] = {}
        self.settle()

    def settle(self) -> None:
        for _ in range(3):  # answers to answers
            for data in self.call.data_to_send():
                self.wire.append(data)
                self.session.receive(data, self.now)
            for data in self.session.data_to_send():
                self.way.append((max(self.now + self.delay_s(self.now), self.way[-1][0] if self.way else 0.0), data))
            while self.way and self.way[0][0] <= self.now:
                self.call.receive(self.way.pop(0)[1], self.now)
        self.session.audio()
        for event in self.session.events():
            self.events.append(event)
            if isinstance(event, (Began, UserTurnCompleted)):
                self.say()

    def say(self) -> None:
        if self.words and self.session.call is not None:
            self.session.call.speak(self.words.pop(0), self.rate, f"u{len(self.words)}", True)

    @property
    def rate(self) -> int:
        return self.plan.wires[1].sample_rate_hz

    def run(self, seconds: float) -> "Rig":
        end = self.now + seconds
        while self.now < end and self.call.ended is None:
            due = [at for at in (self.call.next_deadline(), self.session.next_deadline()) if at is not None]
            due += [self.way[0][0]] if self.way else []
            due += list(self.at)
            self.now = max(self.now, min([*due, end]))
            for at in [at for at in self.at if at <= self.now]:
                self.at.pop(at)()
            self.call.tick(self.now)
            if self.session.ended is None:
                self.session.tick(self.now)
            self.settle()
        self.settle()
        return self

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def told(self, event: str) -> list[dict]:
        return [e for e in self.call.events if e["event"] == event]
